"""Directories above installed files: as the image has them, or as an installer would make them."""

from __future__ import annotations

import os

import pytest
from tests.layers.wheels.laying import SITE, scheme

from hivebase.layers.tree import StackedTree
from hivebase.layers.wheels.jobs import Place
from hivebase.layers.wheels.places import Places, exceptions
from hivebase.tar import Entry  # noqa: TC001 -- the annotation is read by people alone


class _Image(StackedTree):
    """A tree on the disk that says what a path could lead through."""

    def passages(self, path: str) -> list[Entry]:
        names = [f"{path}/{name}" if path else name for name in self.listdir(path)]
        found = [entry for entry in map(self.lstat, names) if entry is not None]
        return [entry for entry in found if entry.kind in {"dir", "symlink"}]


@pytest.fixture
def image(tmp_path):
    """A tree with nothing out of the ordinary."""
    (tmp_path / SITE.lstrip("/")).mkdir(parents=True)
    (tmp_path / "usr/local/bin").mkdir()
    for path in tmp_path.rglob("*"):
        path.chmod(0o755)
    return tmp_path


root = pytest.mark.skipif(os.geteuid() != 0, reason="files belong to who runs the tests")


@root
def test_an_ordinary_tree_has_no_exceptions(image):
    """So that images with it share their layers."""
    assert exceptions(_Image([image]), scheme()) == ()


@root
def test_what_is_otherwise_counts(image):
    """Modes and links on the way, in site-packages, and below the prefix."""
    (image / "usr/local/bin").chmod(0o2775)
    (image / "usr/local/share/man").mkdir(parents=True)
    (image / "usr/local/man").symlink_to("share/man")
    (image / "usr/local/share/man").chmod(0o700)
    (image / f"{SITE}/pkg".lstrip("/")).mkdir(mode=0o700)
    found = {place.path: place for place in exceptions(_Image([image]), scheme())}
    assert found["usr/local/bin"].mode == 0o2775
    assert found["usr/local/man"].link == "usr/local/share/man"
    assert found["usr/local/share/man"].mode == 0o700
    assert found[f"{SITE}/pkg".lstrip("/")].mode == 0o700
    assert len(found) == 4


def test_links_are_followed():
    """Also by what lies below them."""
    places = Places([Place("usr/local/man", link="usr/local/share/man")])
    assert places.real("/usr/local/man/man1") == "usr/local/share/man/man1"
    assert places.real("/usr/local/share") == "usr/local/share"


def test_parents_come_first_and_once():
    """With the image's metadata, or 0755 of root."""
    places, seen = Places([Place("a", 0o700, 1, 2)]), set[str]()
    entries = list(places.entries("a/b/c", seen, 7))
    assert [(entry.name, entry.mode, entry.uid, entry.gid, entry.mtime) for entry in entries] == [
        ("a", 0o700, 1, 2, 7),
        ("a/b", 0o755, 0, 0, 7),
        ("a/b/c", 0o755, 0, 0, 7),
    ]
    assert list(places.entries("a/b", seen, 7)) == []


def test_the_setgid_bit_is_handed_down():
    """As mkdir and open do it in such a directory."""
    places = Places([Place("a", 0o2775, 0, 50)])
    assert places.directory("a/b") == Place("a/b", 0o2755, 0, 50)
    assert places.owner("a/b") == (0, 50)
    assert places.owner("c") == (0, 0)
