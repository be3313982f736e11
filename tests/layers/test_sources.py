"""A stage's tree as the source of a copy."""

from __future__ import annotations

import pytest
from tests.layers.copying import Link, do, make

from hivebase.digest import Digest
from hivebase.errors import BuildError
from hivebase.layers.sources import TreeSource
from hivebase.layers.tree import StackedTree
from hivebase.plan.files import FileFact


@pytest.fixture
def source(tmp_path):
    """Return the tree of an image with one file, one link and directories."""
    context = make(tmp_path, {"dir/c": "CC", "dir/l": Link("c")})
    return TreeSource(do(context, "COPY --chown=7:8 --chmod=750 dir /x/y").tree, "the stage")


def test_facts_are_those_of_the_tree(source):
    """Kind, mode, size and target."""
    assert FileFact("file", 0o750, 2) == source.get("x/y/c")
    assert FileFact("symlink", 0o777, 0, "c") == source.get("x/y/l")
    assert FileFact("dir", 0o755) == source.get("x/y")
    assert source.get("x/nothing") is None


def test_names_are_sorted(source):
    """So that a copy does not depend on how the tree was unpacked."""
    assert list(source.children("x/y")) == ["c", "l"]


def test_content_and_its_digest(source):
    """Both are the file's."""
    assert Digest.of(b"CC") == source.digest("x/y/c")
    with source.open("x/y/c") as stream:
        assert stream.read() == b"CC"


def test_owner_and_mode_are_kept(source):
    """The entry is where a copy starts from."""
    entry = source.entry("x/y/c")

    assert (entry.uid, entry.gid, entry.mode) == (7, 8, 0o750)


@pytest.mark.parametrize("path", ["x/nothing", "x/y"])
def test_what_cannot_be_read_is_named_with_its_stage(source, path):
    """A directory is no file either."""
    with pytest.raises(BuildError, match=f"/{path} in the stage"):
        source.open(path)


def test_nothing_has_no_entry(source):
    """The error says where."""
    with pytest.raises(BuildError, match="the stage"):
        source.entry("nope")


def test_a_stage_without_files_has_a_root():
    """Copying it is pointless and allowed."""
    empty = TreeSource(StackedTree(()))

    assert empty.get("") == FileFact("dir", 0o755)
    assert list(empty.children("")) == []


def test_the_tree_is_asked_once_for_each_name(source):
    """A stack of layers answers slowly."""
    asked: list[str] = []
    real = source._tree.lstat

    def lstat(path):
        asked.append(path)
        return real(path)

    source._tree.lstat = lstat

    for _ in range(3):
        source.get("x/y/c")
        source.entry("x/y/c")

    assert asked == ["x/y/c"]
