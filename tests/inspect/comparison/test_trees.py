"""Two trees: what is found, and what is not taken for a difference."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from hivebase.inspect.comparison.trees import Side, compare_trees
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.layer import LayerWriter
from hivebase.oci.store import Store
from hivebase.tar import Entry

DEFAULT = {
    "d": Entry("d", "dir", 0o755),
    "d/f": (Entry("d/f", "file", 0o644, size=3), b"abc"),
    "d/g": Entry("d/g", "hardlink", 0o644, link="d/f"),
    "l": Entry("l", "symlink", 0o777, link="d/f"),
    "n": Entry("n", "char", 0o600, major=1, minor=3),
}


@pytest.fixture
def compare(tmp_path):
    """Compares the tree of one layer with that of another (or several)."""
    store = Store.open(tmp_path / "store")
    indexes = Indexes(store)

    def layer(files):
        with LayerWriter(store, 2**31) as writer:
            for item in files.values():
                entry, data = item if isinstance(item, tuple) else (item, None)
                writer.add(entry, data)
            made = writer.finish()
        assert made is not None
        return made

    def run(*, ours=(DEFAULT,), theirs):
        with ExitStack() as stack:
            sides = []
            for chain in (ours, theirs):
                layers = [layer(files) for files in chain]
                sides.append(Side(stack.enter_context(indexes.tree(layers)), layers))
            return [str(item) for item in compare_trees(*sides)]

    return run


def test_equal_trees_of_other_layers_and_times_are_equal(compare):
    """Layers are how a tree came to be; what it holds may be in one or in many."""
    later = {
        name: (Entry(name, "dir", 0o755, mtime=9) if name == "d" else item) for name, item in DEFAULT.items()
    }
    first = {name: later.pop(name) for name in ("d", "d/f", "d/g")}
    assert compare(theirs=(first, later)) == []


@pytest.mark.parametrize(
    ("name", "item", "expected"),
    [
        ("d", Entry("d", "dir", 0o700), "d: mode 0755 ours, 0700 theirs"),
        ("l", Entry("l", "symlink", 0o777, link="d"), "l: link d/f ours, d theirs"),
        ("n", Entry("n", "char", 0o600, major=1, minor=5), "n: device 1:3 ours, 1:5 theirs"),
        ("n", Entry("n", "fifo", 0o600), "n: kind char 0600 0:0 ours, fifo 0600 0:0 theirs"),
        ("d", Entry("d", "dir", 0o755, 1, 2), "d: owner 0:0 ours, 1:2 theirs"),
        (
            "d",
            Entry("d", "dir", 0o755, xattrs=(("user.a", b"1"),)),
            "d: xattrs none ours, user.a=31 theirs",
        ),
        ("new", Entry("new", "dir", 0o755), "new: only theirs (dir 0755 0:0)"),
    ],
)
def test_each_aspect_is_told(compare, name, item, expected):
    """One line for each, with both values."""
    assert compare(theirs=({**DEFAULT, name: item},)) == [expected]


def test_content_of_equal_and_of_other_length(compare):
    """Of files with two names, each name is told."""
    other = {**DEFAULT, "d/f": (Entry("d/f", "file", 0o644, size=3), b"abd")}
    longer = {**DEFAULT, "d/f": (Entry("d/f", "file", 0o644, size=4), b"abcd")}
    assert compare(theirs=(other,)) == [f"d/{name}: content (3 bytes ours, 3 bytes theirs)" for name in "fg"]
    assert compare(theirs=(longer,)) == [f"d/{name}: content (3 bytes ours, 4 bytes theirs)" for name in "fg"]


def test_names_of_one_file_and_of_two_equal_ones(compare):
    """A hard link is no copy: what is written to one name shows under the other."""
    copied = {**DEFAULT, "d/g": (Entry("d/g", "file", 0o644, size=3), b"abc")}
    assert compare(theirs=(copied,)) == [
        "d/f: names d/f d/g ours, d/f theirs",
        "d/g: names d/f d/g ours, d/g theirs",
    ]


def test_a_missing_name_is_one_difference(compare):
    """Not a second one because the other name of the file has no companion."""
    fewer = {name: item for name, item in DEFAULT.items() if name != "d/g"}
    assert compare(theirs=(fewer,)) == ["d/g: only ours (file 0644 0:0 3 bytes)"]
