"""Mount targets are resolved inside the image, and missing mount points are made in a layer of their own."""

from __future__ import annotations

import os
import stat

import pytest
from tests.layers.sandbox.box import names

from hivebase.layers.sandbox.targets import MountPoints, TargetError


@pytest.fixture
def tree(tmp_path):
    """The image's tree."""
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "tree/etc/file").touch()
    return tmp_path / "tree"


@pytest.fixture
def stubs(tmp_path):
    """The layer of mount points."""
    (tmp_path / "stubs").mkdir()
    return tmp_path / "stubs"


def _found(stubs) -> list[str]:
    return sorted(str(path.relative_to(stubs)) for path in stubs.rglob("*"))


def test_what_exists_needs_no_stub(tree, stubs):
    """Neither for a file nor for a directory."""
    points = MountPoints(str(tree), str(stubs))

    assert points.place("/etc/file", directory=False) == "/etc/file"
    assert points.place("/etc", directory=True) == "/etc"
    assert _found(stubs) == []


def test_missing_mount_points_are_made_with_their_parents(tree, stubs):
    """Directories 0755, files 0644, whatever the umask; nothing in the tree."""
    points = MountPoints(str(tree), str(stubs))
    points.place("/a/b/file", directory=False)
    points.place("/a/c", directory=True)

    assert _found(stubs) == ["a", "a/b", "a/b/file", "a/c"]
    assert stat.S_IMODE((stubs / "a/b").stat().st_mode) == 0o755
    assert names(tree) == ["etc"]


def test_parents_that_exist_look_the_same_in_the_stub_layer(tree, stubs):
    """Mode, owner, time and attributes of the image's directory, which the stub's hides."""
    os.chown(tree / "etc", 7, 8)
    (tree / "etc").chmod(0o1710)
    os.setxattr(tree / "etc", "user.note", b"value")
    os.utime(tree / "etc", ns=(1, 2_000_000_003))
    points = MountPoints(str(tree), str(stubs))
    points.place("/etc/new", directory=False)
    points.finish()

    facts = (stubs / "etc").stat()
    assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode), facts.st_mtime_ns) == (
        7,
        8,
        0o1710,
        2_000_000_003,
    )
    assert os.getxattr(stubs / "etc", "user.note") == b"value"


@pytest.mark.parametrize(
    ("link", "target", "place"),
    [
        ("/etc", "/link/x", "/etc/x"),
        ("etc", "/link/x", "/etc/x"),
        ("../../../etc", "/link/x", "/etc/x"),
        ("/missing/deep", "/link/x", "/missing/deep/x"),
        ("/missing/../../etc", "/link", "/etc"),
        ("etc/./", "/link//x/", "/etc/x"),
        ("sub/up", "/link/x", "/etc/x"),
    ],
)
def test_links_stay_inside(tree, stubs, link, target, place):
    """Absolute links, dots and missing components end inside the tree."""
    (tree / "link").symlink_to(link)
    (tree / "sub").mkdir()
    (tree / "sub/up").symlink_to("/etc")

    assert MountPoints(str(tree), str(stubs)).place(target, directory=True) == place


def test_endless_links_end(tree, stubs):
    """A loop is an error that names the target."""
    (tree / "a").symlink_to("b")
    (tree / "b").symlink_to("a")

    with pytest.raises(TargetError, match="/a goes through too many"):
        MountPoints(str(tree), str(stubs)).place("/a", directory=True)


def test_a_target_inside_an_earlier_one_needs_no_stub(tree, stubs):
    """It is inside what was mounted there."""
    points = MountPoints(str(tree), str(stubs))
    points.place("/a", directory=True)
    points.place("/a/b/c", directory=True)
    points.place("/ab", directory=True)

    assert _found(stubs) == ["a", "ab"]


def test_an_empty_tree_gets_all_of_them(stubs):
    """An image from scratch."""
    points = MountPoints("", str(stubs))
    points.place("/proc", directory=True)
    points.finish()

    assert _found(stubs) == ["proc"]


def test_kinds_must_agree(tree, stubs):
    """A file where a directory is needed, or the other way, is an error."""
    points = MountPoints(str(tree), str(stubs))

    with pytest.raises(TargetError, match="must be a directory, but the image has a file"):
        points.place("/etc/file", directory=True)
    with pytest.raises(TargetError, match="must be a file, but the image has a directory"):
        points.place("/etc", directory=False)
    with pytest.raises(TargetError, match="goes through /etc/file, which is not a directory"):
        points.place("/etc/file/x", directory=False)
