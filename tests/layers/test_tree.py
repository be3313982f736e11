"""Unpacked layers seen as one tree."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests import archives as make
from tests.hostile.trees import rows, unpack

from hivebase.errors import BuildError
from hivebase.fs import MAX_LINKS
from hivebase.layers.tree import StackedTree, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.layers.tree import Tree

pytestmark = pytest.mark.root

LAYERS = (
    make.archive(
        make.directory("etc", 0o750),
        make.file("etc/a", b"low"),
        make.file("etc/b", b"low"),
        make.directory("gone"),
        make.file("gone/x"),
        make.directory("emptied"),
        make.file("emptied/x"),
        make.directory("emptied/sub"),
        make.file("emptied/sub/y"),
        make.directory("becomes-file"),
        make.file("becomes-file/x"),
        make.file("becomes-dir"),
        make.directory("link"),
        make.file("link/x"),
    ),
    make.archive(
        make.directory("etc", 0o755),
        make.file("etc/a", b"high"),
        make.whiteout("etc/b"),
        make.whiteout("gone"),
        make.directory("emptied"),
        make.file("emptied/.wh..wh..opq"),
        make.file("emptied/new"),
        make.file("becomes-file", b"file"),
        make.directory("becomes-dir"),
        make.file("becomes-dir/x"),
        make.symlink("link", "etc"),
    ),
    make.archive(
        make.file("etc/b", b"again"),
        make.directory("gone"),
        make.directory("emptied"),
        make.directory("emptied/sub"),
    ),
)


def test_the_kernel_agrees(tmp_path):
    """Names, kinds, owners and contents are those of an overlay mount of the same directories."""
    tree, directories = unpack(tmp_path / "layers", *LAYERS)
    mount = tmp_path / "mount"
    mount.mkdir()
    lowers = ":".join(map(str, reversed(directories)))
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lowers}", mount], check=True)
    try:
        kernel = rows(StackedTree([mount]))
    finally:
        subprocess.run(["umount", mount], check=True)
    assert rows(tree) == kernel
    assert [line.split("'")[1] for line in kernel] == [
        "becomes-dir",
        "becomes-dir/x",
        "becomes-file",
        "emptied",
        "emptied/new",
        "emptied/sub",
        "etc",
        "etc/a",
        "etc/b",
        "gone",
        "link",
    ]


def test_what_is_not_there(tmp_path):
    """Nothing is found below files, links, deletions and made-up names."""
    tree, _ = unpack(tmp_path, *LAYERS)
    for path in ("gone/x", "link/x", "link/a", "becomes-file/x", "emptied/x", "emptied/sub/y", "no/such"):
        assert tree.lstat(path) is None
        with pytest.raises(FileNotFoundError):
            tree.open(path)
    for path in ("etc/a", "link", "no"):
        with pytest.raises(NotADirectoryError):
            tree.listdir(path)


def test_only_regular_files_are_opened(tmp_path):
    """Opening a fifo, a device or a link fails at once instead of waiting or leading elsewhere."""
    raw = make.archive(make.fifo("fifo"), make.device("tty", 5, 0), make.symlink("link", "f"), make.file("f"))
    tree, _ = unpack(tmp_path, raw)
    for name in ("fifo", "tty", "link"):
        with pytest.raises(OSError, match=name):
            tree.open(name)
    assert tree.readlink("link") == "f"
    with pytest.raises(OSError, match="f"):
        tree.readlink("f")


def test_sockets_are_not_seen(tmp_path):
    """A socket has no place in an image."""
    os.mknod(tmp_path / "socket", 0o140600)
    assert StackedTree([tmp_path]).lstat("socket") is None


def test_attributes_of_the_machine_are_left_out(tmp_path):
    """Capabilities and user attributes belong to an image; labels and overlay's marks do not."""
    (tmp_path / "f").touch()
    for name in ("user.note", "security.label", "trusted.overlay.origin", "trusted.mine"):
        os.setxattr(tmp_path / "f", name, b"x")
    entry = StackedTree([tmp_path]).lstat("f")
    assert entry is not None
    assert entry.xattrs == (("user.note", b"x"),)


def test_an_empty_stack_is_an_empty_tree():
    """FROM scratch has a root without anything."""
    tree = StackedTree([])
    assert tree.lstat("") is None
    assert tree.listdir("") == []


LINKS = make.archive(
    make.directory("usr"),
    make.directory("usr/lib"),
    make.file("usr/lib/x"),
    make.symlink("lib", "usr/lib"),
    make.symlink("usr/lib/up", "../../../../etc/shadow"),
    make.symlink("abs", "/usr/lib/x"),
    make.symlink("self", "self"),
    make.symlink("chain0", "usr"),
    *[make.symlink(f"chain{number}", f"chain{number - 1}") for number in range(1, MAX_LINKS + 1)],
)


@pytest.fixture
def linked(tmp_path: Path) -> Tree:
    return unpack(tmp_path, LINKS)[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/lib/x", "usr/lib/x"),
        ("lib/../x", "usr/x"),
        ("abs", "usr/lib/x"),
        ("lib/up", "etc/shadow"),
        ("../../..", ""),
        ("new/dir/../file", "new/file"),
        ("lib/new/file", "usr/lib/new/file"),
        (f"chain{MAX_LINKS - 1}", "usr"),
        ("./lib//", "usr/lib"),
    ],
)
def test_resolve_stays_inside(linked, path, expected):
    """Links are followed as in a chroot, also to what does not exist yet."""
    assert resolve(linked, path) == expected


def test_resolve_may_keep_the_last_link(linked):
    """Who replaces a link must find the link itself."""
    assert resolve(linked, "/lib", follow_last=False) == "lib"
    assert resolve(linked, "/lib/up", follow_last=False) == "usr/lib/up"


@pytest.mark.parametrize("path", ["self", "self/x", f"chain{MAX_LINKS}"])
def test_resolve_ends(linked, path):
    """A circle of links is an error that says so."""
    with pytest.raises(BuildError, match="cannot follow"):
        resolve(linked, path)
