"""The tree that a step writes to, and the layer that comes of it."""

from __future__ import annotations

import io

import pytest
from tests.layers.copying import Blobs, MemoryTree, entries_of, row

from hivebase.errors import BuildError
from hivebase.layers.destination import LATEST, Destination, Item, directory
from hivebase.layers.layer import LayerWriter
from hivebase.tar import Entry

BASE = [
    (Entry("usr", "dir", 0o755, mtime=7), b""),
    (Entry("usr/lib", "dir", 0o711, 3, 4, mtime=7), b""),
    (Entry("usr/lib/old", "file", 0o644, 3, 4, size=3), b"old"),
    (Entry("lib", "symlink", 0o777, link="usr/lib"), b""),
    (Entry("round", "symlink", 0o777, link="/round"), b""),
]


@pytest.fixture
def destination():
    """Return a destination on a small image."""
    tree = MemoryTree()
    tree.apply(BASE)
    return Destination(tree)


def file(content: bytes = b"new", mode: int = 0o644) -> Item:
    """Return a file."""
    return Item(Entry("", "file", mode, size=len(content), mtime=LATEST), content)


def written(destination: Destination) -> list[str]:
    """Return the rows of the layer."""
    store = Blobs()
    with LayerWriter(store, 1000) as writer:
        destination.write(writer)
        layer = writer.finish()
    blob = store.blobs.popitem()[1] if layer else None
    return [row(entry, content) for entry, content in entries_of(blob)] if blob else []


def test_nothing_put_is_nothing_written(destination):
    """Looking does not change anything."""
    destination.resolve("/lib/x")
    destination.make_directories("usr/lib")

    assert written(destination) == []


def test_paths_are_resolved_in_the_image_and_in_what_was_put(destination):
    """Both kinds of links count."""
    destination.put("here", Item(Entry("", "symlink", 0o777, link="lib/sub")))

    assert destination.resolve("/lib/x/../y") == "usr/lib/y"
    assert destination.resolve("here/z") == "usr/lib/sub/z"
    assert destination.resolve("/") == ""
    with pytest.raises(BuildError):
        destination.resolve("round/x")


def test_parents_have_the_metadata_of_the_image(destination):
    """Mode and owner are the image's; new ones are made as asked."""
    destination.make_directories("usr/lib/a/b", (9, 9))
    destination.put("usr/lib/a/b/f", file())

    assert written(destination) == [
        "d 0755 0:0 usr",
        "d 0711 3:4 usr/lib",
        "d 0755 9:9 usr/lib/a",
        "d 0755 9:9 usr/lib/a/b",
        "f 0644 0:0 usr/lib/a/b/f [new]",
    ]


def test_without_a_base_there_is_nothing_below():
    """A layer of its own."""
    destination = Destination(None)
    destination.make_directories("usr/lib")

    assert destination.lstat("usr/lib/old") is None
    assert written(destination) == ["d 0755 0:0 usr", "d 0755 0:0 usr/lib"]


def test_directories_and_others_do_not_replace_each_other(destination):
    """Neither way."""
    with pytest.raises(BuildError, match="/usr/lib by a file"):
        destination.put("usr/lib", file())
    with pytest.raises(BuildError, match="/lib"):
        destination.put("lib", directory((0, 0)))
    with pytest.raises(BuildError, match="/usr/lib/old is not a directory"):
        destination.make_directories("usr/lib/old/x")


def test_what_is_replaced_is_gone(destination):
    """With all that was below it, in the image and in the layer."""
    destination.put("usr/lib/young", file())
    destination.replace("usr/lib", file(b"flat"))

    assert destination.lstat("usr/lib/old") is None
    assert destination.lstat("usr/lib/young") is None
    assert written(destination) == ["d 0755 0:0 usr", "f 0644 0:0 usr/lib [flat]"]


def test_nothing_shows_through_a_replaced_link(destination):
    """The image is not asked for what would be behind the link."""
    destination.replace("lib", directory((0, 0)))

    assert destination.lstat("lib/old") is None


def test_a_directory_in_the_place_of_a_replaced_one_is_opaque(destination):
    """Else the old content would show through."""
    destination.replace("usr", file())
    destination.replace("usr", directory((0, 0)))
    destination.make_directories("usr/lib")

    assert destination.lstat("usr/lib/old") is None
    assert written(destination)[:2] == ["d 0755 0:0 usr", "f 0000 0:0 usr/.wh..wh..opq []"]


def test_one_item_under_two_names_is_a_hard_link(destination):
    """The first name in order holds the content."""
    item = file(b"twice")
    destination.put("z", item)
    destination.put("a", item)

    assert written(destination) == ["f 0644 0:0 a [twice]", "h 0644 0:0 z -> a"]


def test_a_file_of_the_image_can_be_put_again(destination):
    """As an item of its own, read when it is written."""
    item = destination.item("usr/lib/old")
    destination.put("copy", item)

    assert written(destination) == ["f 0644 3:4 copy [old]"]
    assert destination.item("nothing") is None


def test_content_is_opened_only_when_it_is_written_and_closed_after(destination):
    """However many files a step copies, one is open at a time."""
    streams: list[io.BytesIO] = []

    def opener() -> io.BytesIO:
        assert all(stream.closed for stream in streams)
        streams.append(io.BytesIO(b"x"))
        return streams[-1]

    for name in "abc":
        destination.put(name, Item(Entry("", "file", 0o644, size=1), opener))
    assert streams == []

    written(destination)

    assert [stream.closed for stream in streams] == [True, True, True]
