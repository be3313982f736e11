"""Layers from strangers: applied faithfully, inside their directory, within limits."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests import archives as make
from tests.hostile.trees import rows, umoci, unpack

from hivebase.errors import CorruptContentError, HivebaseError
from hivebase.layers.apply import apply
from hivebase.layers.gzip import compress_member
from hivebase.layers.tree import StackedTree
from hivebase.oci.inflate import InflateLimits, inflated
from hivebase.tar import Entry, Limits, Reader

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root

DIRS = make.directory("d", mtime=7) + make.directory("d/e", 0o1777, mtime=8)
CAPABILITY = b"\x01\x00\x00\x02\x00\x20\x00\x00" + bytes(12)
LONG = "/".join("n" * 200 for _ in range(4))

STACKS = {
    "everything that a layer may hold": [
        make.archive(
            DIRS,
            make.file("d/setuid", b"#!", mode=0o4755, uid=7, gid=8, mtime=9),
            make.file("d/big-ids", uid=0o7777777, gid=0o7777776, mtime=9),
            make.symlink("d/abs", "/etc/shadow", uid=5, gid=6),
            make.symlink("d/up", "../../../etc/shadow"),
            make.hardlink("d/hard", "d/setuid", mode=0o4755, uid=7, gid=8, mtime=9),
            make.hardlink("d/hard-to-symlink", "d/abs", uid=5, gid=6),
            make.device("d/null", 1, 3, mode=0o666),
            make.device("d/disk", 8, 0, b"4", mode=0o660, gid=6),
            make.fifo("d/pipe", mode=0o600, mtime=3),
            make.pax({"SCHILY.xattr.user.note": b"a\0b"}) + make.file("d/noted", b"x", mtime=4),
            make.pax({"SCHILY.xattr.security.capability": CAPABILITY}) + make.file("d/ping", mode=0o755),
            make.pax({"path": LONG}) + make.file("x", b"long", mtime=5),
            make.pax({"path": "d/\udcff\n\\".encode("utf-8", "surrogateescape")}) + make.file("x", mtime=6),
            make.file("d/zero", mtime=10),
        )
    ],
    "old and new names of one file": [
        make.archive(DIRS, make.file("d/a", b"first"), make.file("d/a", b"second", mode=0o600)),
    ],
    "kinds replaced by kinds": [
        make.archive(DIRS, make.file("d/a", b"x"), make.symlink("d/b", "a"), make.directory("d/c")),
        make.archive(DIRS, make.directory("d/a", mtime=4), make.file("d/b", b"y"), make.symlink("d/c", "/")),
        make.archive(DIRS, make.symlink("d/a", "b"), make.directory("d/b"), make.file("d/c", b"z")),
    ],
    "deletions": [
        make.archive(DIRS, make.file("d/a"), make.file("d/e/x"), make.file("d/e/y"), make.file("z")),
        make.archive(DIRS, make.whiteout("d/a"), make.whiteout("d/e/x"), make.whiteout("z")),
        make.archive(make.file("z", b"again")),
    ],
    "an emptied directory": [
        make.archive(
            DIRS, make.file("d/e/x"), make.directory("d/e/f"), make.file("d/e/f/y"), make.file("d/a")
        ),
        make.archive(DIRS, make.file("d/e/.wh..wh..opq"), make.file("d/e/new")),
    ],
    "an emptied directory, marked last": [
        make.archive(DIRS, make.file("d/e/x")),
        make.archive(DIRS, make.file("d/e/new"), make.file("d/e/.wh..wh..opq")),
    ],
    "deleted and made again": [
        make.archive(DIRS, make.file("d/e/x")),
        make.archive(make.whiteout("d"), DIRS, make.file("d/new")),
    ],
    "case and odd names": [
        make.archive(
            make.file("A"), make.file("a"), make.file("back\\slash"), make.file("..."), make.file(" ")
        ),
    ],
    "names from outside": [
        make.archive(make.file("/abs"), make.file("../up"), make.file("x/../../flat"), make.file("./dot")),
    ],
}


@pytest.mark.parametrize("name", STACKS)
def test_a2_a4_a5_the_reference_implementation_agrees(tmp_path, name):
    """Every kind of entry, replacement and deletion gives the tree that umoci gives."""
    ours, _ = unpack(tmp_path / "ours", *STACKS[name])
    theirs = umoci(tmp_path / "theirs", *STACKS[name])
    assert rows(theirs, times=False) == rows(ours, times=False)


def test_a2_times_and_hard_links_are_kept(tmp_path):
    """Directories keep their times although entries were made in them; two names stay one inode."""
    tree, (directory,) = unpack(tmp_path, STACKS["everything that a layer may hold"][0])
    assert [lstat(tree, path).mtime for path in ("d", "d/e", "d/setuid", "d/pipe")] == [7, 8, 9, 3]
    assert (directory / "d/hard").stat().st_ino == (directory / "d/setuid").stat().st_ino
    assert (directory / "d/hard-to-symlink").lstat().st_ino == (directory / "d/abs").lstat().st_ino


def test_a5_a_file_is_no_directory(tmp_path):
    """A file below a file is an error, as in containerd."""
    with pytest.raises(CorruptContentError) as caught:
        unpack(tmp_path, make.archive(make.file("a"), make.file("a/b")))
    assert "'a/b'" in caught.value.what


def lstat(tree: StackedTree, path: str) -> Entry:
    entry = tree.lstat(path)
    assert entry is not None
    return entry


REFUSED = {
    "hard link to nothing": make.hardlink("a", "b"),
    "hard link to a directory": make.directory("b") + make.hardlink("a", "b"),
    "hard link to the root": make.hardlink("a", "../.."),
    "hard link to itself": make.hardlink("a", "a"),
    "hard link to the host": make.hardlink("a", "/proc/self/root/etc/passwd"),
    "a link replaced through itself": make.symlink("s", ".") + make.file("s/s") + make.file("s/t"),
    "circle of links": make.symlink("a", "b") + make.symlink("b", "a") + make.file("a/x"),
    "component over 255 bytes": make.pax({"path": "n" * 256}) + make.file("x"),
    "attribute over 64 KiB": make.pax({"SCHILY.xattr.user.x": b"x" * 70_000}) + make.file("x"),
    "bare whiteout": make.file("d/.wh."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_applied_is_an_error_of_the_layer(tmp_path, name):
    """The message names the entry, and it is not called a fault of the machine."""
    with pytest.raises(HivebaseError) as caught:
        unpack(tmp_path, make.archive(REFUSED[name]))
    assert caught.value.exit_code == 1


def test_trusted_attributes_are_not_for_archives(tmp_path):
    """A layer cannot make itself opaque, redirect a directory or mark a whiteout behind the format's back."""
    hostile = {"SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.trusted.overlay.redirect": "/etc"}
    _, (directory,) = unpack(tmp_path, make.archive(make.pax(hostile), make.directory("d")))
    assert os.listxattr(directory / "d") == []


def test_links_to_files_of_lower_layers_become_copies(tmp_path):
    """A hard link that a squashing tool left dangling gets the lower file's content and capabilities."""
    below = make.archive(
        make.directory("lib"),
        make.pax({"SCHILY.xattr.security.capability": CAPABILITY}) + make.file("lib/a", b"content"),
        make.symlink("alias", "lib"),
    )
    tree, _ = unpack(tmp_path, below, make.archive(make.hardlink("b", "alias/a", mode=0o755)))
    with tree.open("b") as file:
        assert file.read() == b"content"
    entry = lstat(tree, "b")
    assert (entry.mode, dict(entry.xattrs)) == (0o755, {})
    assert lstat(tree, "lib/a").xattrs == (("security.capability", CAPABILITY),)


def test_directories_left_out_look_as_below(tmp_path):
    """A parent that the layer leaves out has the lower one's owner, mode and time, else plain ones."""
    below = make.archive(make.directory("srv", 0o2750, uid=7, gid=8, mtime=9))
    target = tmp_path / "b"
    target.mkdir()
    _, (first,) = unpack(tmp_path / "a", below)
    raw = make.archive(make.file("srv/x"), make.file("new/y"))
    applied = apply(io.BytesIO(raw), target, lower=StackedTree([first]))
    assert not applied.self_contained
    assert rows(StackedTree([target]))[::2] == ["dir 0755 0:0 'new' @0", "dir 2750 7:8 'srv' @9"]
    complete = make.archive(make.file("srv/x"), make.directory("srv"))
    (tmp_path / "c").mkdir()
    assert apply(io.BytesIO(complete), tmp_path / "c").self_contained


def test_opaque_root_is_marked(tmp_path):
    """A layer may hide everything below it."""
    tree, _ = unpack(
        tmp_path, make.archive(make.file("a")), make.archive(make.file(".wh..wh..opq"), make.file("b"))
    )
    assert tree.listdir("") == ["b"]


def _refused_within(seconds: float, raw: bytes, tmp_path: Path, limits: Limits | None = None) -> None:
    started = time.monotonic()
    stream = inflated(io.BytesIO(raw), limits=InflateLimits(total=1 << 30, ratio=200, free=1 << 26))
    with pytest.raises(CorruptContentError):
        apply(stream, tmp_path, limits=limits)
    assert time.monotonic() - started < seconds


def test_a7_zeros_are_stopped_by_their_ratio(tmp_path):
    """Gzipped zeros of any length end at the limit of the ratio, and the disk is not filled."""
    member = compress_member(bytes(1 << 20))
    head = make.header("zeros", size=make.base256(32 << 30, 12))
    _refused_within(10, compress_member(head) + member * 4000, tmp_path)
    assert (tmp_path / "zeros").stat().st_size <= 1 << 27


def test_a7_many_files_and_deep_directories_are_stopped(tmp_path):
    """Numbers of entries and depths of names end at their limits."""
    many = make.archive(*[make.file(str(number)) for number in range(3000)])
    _refused_within(10, compress_member(many), tmp_path, Limits(entries=2999))
    deep = make.pax({"path": "d/" * 2000}) + make.directory("x")
    _refused_within(10, compress_member(make.archive(deep)), tmp_path)


def test_a7_a_small_file_cannot_claim_memory(tmp_path):
    """cpython issue 151498: 512 bytes that announce gigabytes of header are refused without having them."""
    (tmp_path / "claim").write_bytes(make.pax(b"", size=make.base256(8 << 30, 12))[:512])
    code = """
import resource, sys
from hivebase.tar import Reader
from hivebase.errors import CorruptContentError
resource.setrlimit(resource.RLIMIT_AS, (300_000_000, 300_000_000))
try: list(Reader(open(sys.argv[1], "rb")))
except CorruptContentError: print("refused")
"""
    command = [sys.executable, "-c", code, str(tmp_path / "claim")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


GOOD = make.archive(make.file("a", b"x" * 3000))


def test_a8_members_are_joined():
    """A gzip file of several members, even empty ones, is one archive."""
    blob = b"".join(compress_member(part) for part in (GOOD[:700], b"", GOOD[700:], b""))
    assert inflated(io.BytesIO(blob)).read() == GOOD


DAMAGED = {
    "garbage after the end": compress_member(GOOD) + b"garbage",
    "zeros after the end": compress_member(GOOD) + bytes(512),
    "one byte after the end": compress_member(GOOD) + b"\x1f",
    "truncated trailer": compress_member(GOOD)[:-1],
    "truncated content": compress_member(GOOD)[:30],
    "truncated header": compress_member(GOOD)[:5],
    "wrong checksum": compress_member(GOOD)[:-8] + bytes(4) + compress_member(GOOD)[-4:],
    "wrong length": compress_member(GOOD)[:-1] + b"\x01",
    "half a second member": compress_member(GOOD) + compress_member(GOOD)[:12],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a8_damaged_streams_are_refused(name):
    """Everything after the last byte of content counts too: a layer with a broken tail is no layer."""
    with pytest.raises(CorruptContentError):
        list(Reader(inflated(io.BytesIO(DAMAGED[name]), where="x")))


def test_a8_plain_archives_are_read_and_zstd_is_explained():
    """The first bytes decide; what cannot be read says how to convert it."""
    assert inflated(io.BytesIO(GOOD)).read() == GOOD
    assert inflated(io.BytesIO(b"ab")).read() == b"ab"
    with pytest.raises(HivebaseError) as caught:
        inflated(io.BytesIO(b"\x28\xb5\x2f\xfd" + bytes(20)))
    assert "skopeo" in caught.value.hint


AMBIGUOUS = {
    "bytes after the end": make.archive(make.file("a")) + make.archive(make.file("hidden")),
    "no end": make.archive(make.file("a"), end=b""),
    "half an end": make.archive(make.file("a"), end=bytes(512)),
    "content of a link": make.archive(make.file("a"), make.hardlink("b", "a", size=512), make.file("c")),
    "old regular type": make.archive(make.file("dir/", flag=b"\0"), make.file("f", b"x", flag=b"\0")),
    "long name, old type": make.archive(make.gnu_long("n" * 150), make.file("n" * 100, b"x", flag=b"\0")),
    "type file, name of a directory": make.archive(make.file("dir/", b"")),
    "base-256 numbers": make.archive(make.file("a", b"x", size=make.base256(1, 12), uid=make.base256(9, 8))),
    "prefix in a GNU header": make.archive(make.file("name", magic=make.GNU, prefix=b"some/directory")),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a9_go_reads_the_same_entries(tmp_path, name):
    """What we do not refuse, Go's reader (in umoci) takes for the same entries."""
    raw = AMBIGUOUS[name]
    ours, _ = unpack(tmp_path / "ours", raw)
    assert rows(umoci(tmp_path / "theirs", raw), times=False) == rows(ours, times=False)


FLIPPER = """
import contextlib, os, sys
root, outside = sys.argv[1:]
while True:
    with contextlib.suppress(OSError):
        os.rename(f"{root}/d", f"{root}/aside")
        os.symlink(outside, f"{root}/d")
        os.unlink(f"{root}/d")
        os.rename(f"{root}/aside", f"{root}/d")
"""


def test_a11_directories_swapped_for_links_lead_nowhere(tmp_path):
    """While another process swaps a directory for a link to the outside, nothing is written there."""
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    parts = [make.directory("d"), make.directory("e")]
    parts += [make.file(f"{'de'[number % 2]}/f{number}", b"x") for number in range(400)]
    raw = make.archive(*parts)
    (outside / "canary").touch()
    with subprocess.Popen([sys.executable, "-c", FLIPPER, target, outside]) as flipper:
        try:
            end = time.monotonic() + 3
            while time.monotonic() < end:
                with contextlib.suppress(HivebaseError):
                    apply(io.BytesIO(raw), target)
        finally:
            flipper.kill()
    assert [path.name for path in outside.iterdir()] == ["canary"]
