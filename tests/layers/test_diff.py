"""From the upper directory of a real overlay to a layer, and back."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import archives as make
from tests.hostile.trees import rows, umoci
from tests.layers.steps import EPOCH, Step

from hivebase.errors import BuildError, SystemFaultError
from hivebase.layers.tree import StackedTree
from hivebase.tar import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.layers.layer import Layer

pytestmark = pytest.mark.root

CAPABILITY = b"\x01\x00\x00\x02\x00\x20\x00\x00" + bytes(12)
BASE = make.archive(
    make.directory("etc", 0o750, uid=3, gid=4, mtime=100),
    make.file("etc/a", b"aaa", mode=0o640, uid=5, mtime=101),
    make.file("etc/b", b"bbb", mtime=102),
    make.hardlink("etc/b-link", "etc/b", mtime=102),
    make.directory("etc/sub", mtime=103),
    make.file("etc/sub/x", b"x", mtime=104),
    make.directory("tmp", 0o1777, mtime=105),
    make.directory("usr", mtime=106),
    make.directory("usr/lib", mtime=107),
    make.symlink("lib", "usr/lib", mtime=108),
    make.pax({"SCHILY.xattr.security.capability": CAPABILITY})
    + make.file("usr/ping", b"p", mode=0o755, mtime=9),
)


@pytest.fixture
def step(tmp_path) -> Step:
    return Step(tmp_path, (BASE,))


def committed(step: Step) -> Layer:
    layer = step.commit()
    assert layer is not None
    return layer


def names(step: Step, script: str) -> list[str]:
    step.run(script)
    return step.names()


def test_no_change_no_layer(step):
    """Reading, and writing what is removed again, leaves no layer."""
    assert names(step, "cat etc/a; touch tmp/x etc/y; rm tmp/x etc/y; chmod 700 usr; chmod 755 usr") == []


def test_parents_are_part_of_the_layer_as_they_are(step):
    """A changed file brings its directories with their real owner and mode, and their own time."""
    step.run("echo new > etc/sub/x")
    entries = {entry.name: entry for entry, _ in step.blobs.entries(committed(step))}
    assert list(entries) == ["etc", "etc/sub", "etc/sub/x"]
    assert entries["etc"] == Entry("etc", "dir", 0o750, uid=3, gid=4, mtime=100)
    assert entries["etc/sub"].mtime == 103
    assert entries["etc/sub/x"].mtime == EPOCH


def test_deletions_are_whiteouts(step):
    """What the lower layers have is deleted by a marker, what only this step made is just gone."""
    script = "rm etc/a; rm -r etc/sub; mkdir new; touch new/x; rm -r new"
    assert names(step, script) == ["etc", "etc/.wh.a", "etc/.wh.sub"]


def test_a_directory_made_anew_hides_the_old_one(step):
    """Removed and made again, a directory is opaque; nothing of the old one shows through."""
    step.run("rm -r etc; mkdir etc; touch etc/new")
    layer = committed(step)
    assert [entry.name for entry, _ in step.blobs.entries(layer)] == ["etc", "etc/.wh..wh..opq", "etc/new"]
    assert step.unpacked(layer)[0].listdir("etc") == ["new"]


@pytest.mark.parametrize(
    "script",
    [
        "mkdir new new/sub; touch new/sub/x",
        "rmdir usr/lib; mkdir usr/lib; touch usr/lib/x",
        "rm lib; mkdir lib",
    ],
)
def test_kernels_mark_new_directories_opaque_but_layers_do_not(step, script):
    """Where nothing is hidden there is no marker: not in new directories, nor over empty ones or files."""
    assert [name for name in names(step, script) if ".wh." in name] == []


def test_hard_links_made_in_a_step_stay_hard_links(step):
    """The first name in order is the file, and the attributes are on each name."""
    step.run(_two_names)
    layer = committed(step)
    (first, _), (second, _) = step.blobs.entries(layer)
    assert (first.name, first.kind, second.name, second.kind, second.link) == (
        "m",
        "file",
        "z",
        "hardlink",
        "m",
    )
    _, directory = step.unpacked(layer)
    assert (directory / "m").stat().st_ino == (directory / "z").stat().st_ino
    assert os.getxattr(directory / "z", "security.capability") == CAPABILITY


def _two_names(mount: Path) -> None:
    (mount / "z").write_bytes(b"x")
    os.setxattr(mount / "z", "security.capability", CAPABILITY)
    os.link(mount / "z", mount / "m")


def test_a_broken_hard_link_has_its_content(step):
    """Copy-up separates the names of a lower file; the layer holds the content, not a link out of it."""
    step.run("echo more >> etc/b-link")
    (_, _), (entry, data) = step.blobs.entries(committed(step))
    assert (entry.kind, data) == ("file", b"bbbmore\n")


def test_what_was_copied_up_unchanged_is_left_out(step):
    """Changed and changed back, moved away and back, opened for writing: the lower file is as good."""
    script = "chmod 600 etc/a; chmod 640 etc/a; mv etc/sub/x etc/y; mv etc/y etc/sub/x; : >> usr/ping; "
    script += "echo > etc/b"
    assert names(step, script) == ["etc", "etc/b"]


def test_a_change_with_the_old_size_and_time_is_kept(step):
    """Where everything else agrees, contents are compared."""
    assert names(step, "printf xyz > etc/a; touch -d @101 etc/a; chown 5 etc/a") == ["etc", "etc/a"]


def test_a_new_name_for_a_lower_file_brings_both_names(step):
    """The old name is copied up with the new one; the layer keeps them one file."""
    step.run("ln etc/a etc/a2")
    _, *files = [entry for entry, _ in step.blobs.entries(committed(step))]
    assert [(entry.name, entry.kind, entry.link) for entry in files] == [
        ("etc/a", "file", ""),
        ("etc/a2", "hardlink", "etc/a"),
    ]


def test_a_file_that_was_only_touched_is_kept(step):
    """As in BuildKit: another time is a change, if it is still one after times are clamped."""
    assert names(step, "touch -d @50 etc/a; touch -d @102 etc/b") == ["etc", "etc/a"]


def test_special_files_and_attributes_are_kept(step):
    """Pipes, devices, links, setuid bits and user attributes are in the layer; sockets are not."""

    def act(mount: Path) -> None:
        os.mkfifo(mount / "fifo")
        os.mknod(mount / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        (mount / "link").symlink_to("/etc/passwd")
        (mount / "suid").write_bytes(b"")
        os.chown(mount / "suid", 3_000_000, 7)
        (mount / "suid").chmod(0o6755)
        os.setxattr(mount / "suid", "user.note", b"n")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(mount / "socket"))

    step.run(act)
    assert [entry for entry, _ in step.blobs.entries(committed(step))] == [
        Entry("fifo", "fifo", 0o644, mtime=EPOCH),
        Entry("link", "symlink", 0o777, mtime=EPOCH, link="/etc/passwd"),
        Entry("null", "char", 0o644, mtime=EPOCH, major=1, minor=3),
        Entry("suid", "file", 0o6755, uid=3_000_000, gid=7, mtime=EPOCH, xattrs=(("user.note", b"n"),)),
    ]


@pytest.mark.parametrize("name", [".wh.x", ".wh.", "etc/.wh..wh..opq", "new/.wh.d/x"])
def test_a6_files_that_would_delete_others_are_refused(step, name):
    """The error names the file that the step made."""
    step.run(f"mkdir -p '{Path(name).parent}'; echo x > '{name}'")
    with pytest.raises(BuildError) as caught:
        step.commit()
    assert ".wh." in caught.value.what
    assert step.blobs.blobs == {}


def test_d6_mount_points_made_for_the_step_are_ignored(step):
    """A stub and the directory made for it are gone, and what holds them looks untouched."""
    step.run("mkdir -p run/secrets; touch run/secrets/token etc/resolv.conf; echo x > etc/new")
    assert step.names(ignore=["run", "etc/resolv.conf"]) == ["etc", "etc/new"]
    assert not (step.upper / "run").exists()


def test_redirected_directories_are_an_error(tmp_path):
    """An overlay that keeps only a reference to a renamed directory would lose its content."""
    step = Step(tmp_path, (BASE,), options="redirect_dir=on,metacopy=off,index=off")
    step.run("mv etc etc2")
    with pytest.raises(SystemFaultError, match="incomplete"):
        step.commit()


def test_x10_the_upper_directory_becomes_the_unpacked_layer(step):
    """What is left in place is what unpacking the layer gives: names, owners, times, links, marks."""
    step.run(
        "echo new > etc/a; ln etc/a etc/a2; rm etc/b; rm -r etc/sub; mkdir etc/sub; mkdir -p new/dir; "
        "mknod new/null c 1 3; ln -s x new/link; touch tmp/x; rm tmp/x; chmod 700 usr"
    )
    layer = committed(step)
    _, directory = step.unpacked(layer)
    assert _inventory(directory) == _inventory(step.upper)


def test_the_reference_implementation_reads_our_layers(step, tmp_path):
    """The umoci program makes of base and layer what the kernel's overlay showed."""
    script = (
        "rm -r etc; mkdir -p etc/new; ln -s ../usr etc/l; echo x > etc/f; ln etc/f g; mkfifo p; chmod 4711 g"
    )
    shown = step.run(script)
    layer = committed(step)
    theirs = umoci(tmp_path / "umoci", BASE, step.blobs.tar(layer))
    assert rows(theirs, times=False) == shown


def _inventory(root: Path) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        whiteout = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
        here = (str(path.relative_to(root)), stat.S_IFMT(status.st_mode), status.st_rdev)
        if not whiteout:
            attributes = [(key, os.getxattr(path, key, follow_symlinks=False)) for key in _keys(path)]
            links = status.st_nlink if not path.is_dir() else 0
            here += (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, links, attributes)  # type: ignore[assignment]
        found.append(here)
    return found


def _keys(path: Path) -> list[str]:
    return sorted(os.listxattr(path, follow_symlinks=False))


SCRIPT = "mkdir new; echo x > new/f; rm etc/a; echo {} > /dev/null; echo y >> etc/b; ln new/f new/g"


def test_p1_the_same_step_later_gives_the_same_layer(tmp_path):
    """Neither the time of day, nor the order of creation, nor inode numbers are in a layer."""
    layers = []
    for number, script in enumerate((SCRIPT, "sleep 1.1; " + SCRIPT)):
        (tmp_path / str(number)).mkdir()
        step = Step(tmp_path / str(number), (BASE,))
        step.run(script)
        layers.append(step.commit())
    assert layers[0] == layers[1]


def _write(path: Path, other: Path) -> None:
    if path.exists() and not path.is_file():
        return  # opening a fifo waits for somebody to read it
    path.write_text(other.name)


def _remove(path: Path, _other: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


DEEDS: dict[str, Callable[[Path, Path], object]] = {
    "write": _write,
    "mkdir": lambda path, _: path.mkdir(),
    "remove": _remove,
    "move": shutil.move,
    "chmod": lambda path, _: path.chmod(0o750),
    "symlink": lambda path, other: path.symlink_to(other.name),
    "link": lambda path, other: os.link(other, path, follow_symlinks=False),
    "chown": lambda path, _: os.chown(path, 5, 6, follow_symlinks=False),
    "fifo": lambda path, _: os.mkfifo(path),
}
NAMES = ["a", "b", "d", "d/a", "d/e", "d/e/a", "d/e/f", "l", "l/a"]
ACTIONS = st.lists(
    st.tuples(st.sampled_from(sorted(DEEDS)), st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12
)


def act(root: Path, actions: list[tuple[str, str, str]]) -> None:
    """Do what can be done of ``actions``; the others fail as they would in a shell."""
    for deed, name, other in actions:
        # RuntimeError: what pathlib calls a link that leads to itself.
        with contextlib.suppress(OSError, RuntimeError, shutil.Error):
            if (root / name).parent.resolve().is_relative_to(root):
                DEEDS[deed](root / name, root / other)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=ACTIONS, during=ACTIONS)
def test_any_step_survives_the_way_through_a_layer(tmp_path, before, during):
    """Random trees, random changes: lower layers plus the layer are what the kernel's overlay showed."""
    where = Path(tempfile.mkdtemp(dir=tmp_path))
    step = Step(where, (make.archive(make.directory("d"), make.file("d/a", b"old"), make.file("b", b"old")),))
    act(step.lowers[0], before)
    step.tree = StackedTree(step.lowers)
    shown = step.run(lambda mount: act(mount, during))
    layer = step.commit()
    assert rows(StackedTree([*step.lowers, step.upper]), times=False) == shown
    if layer is not None:
        _, directory = step.unpacked(layer)
        assert rows(StackedTree([*step.lowers, directory]), times=False) == shown
        assert _inventory(directory) == _inventory(step.upper)
