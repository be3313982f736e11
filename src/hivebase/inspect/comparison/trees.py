"""Two trees path by path: kind, mode, owner, link, device, extended attributes, content, and names of one file.

Times are left out: two builds never agree on them. A file that lies in one layer at one place is the same in both
trees without being read; everything else is hashed in the order in which the layers have it, one pass for each.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hivebase.inspect.comparison.difference import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hivebase.inspect.comparison.difference import Aspect
    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.layer import Layer
    from hivebase.tar import Entry

MOST_READ = 16 << 20
"""Bytes of the longest content that a rule for allowed differences may look into."""

_CHUNK = 1 << 20

Place = tuple[str, int]
"""DiffID of a layer, and the offset of a file's content in it."""


class Side:
    """One image's tree.

    Args:
        tree: the merged view, open for as long as this is used.
        layers: of it, lowest first.
    """

    def __init__(self, tree: IndexedTree, layers: Sequence[Layer]) -> None:
        self._tree = tree
        self._diff_ids = [str(layer.diff_id) for layer in layers]
        found = ((path, tree.lstat(path)) for path, _, _ in tree.walk())
        self.entries: dict[str, Entry] = {path: entry for path, entry in found if entry is not None}

    def place(self, path: str) -> Place | None:
        """Return where the content of a file is, and None where that is not one place."""
        found = self._tree.inode(path)
        return (self._diff_ids[found[0]], found[1]) if found is not None else None

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return all names of each file that has several, by each of them."""
        groups: dict[tuple[int, int], list[str]] = {}
        for path, entry in self.entries.items():
            inode = self._tree.inode(path) if entry.kind == "file" else None
            if inode is not None:
                groups.setdefault(inode, []).append(path)
        return {path: tuple(group) for group in groups.values() if len(group) > 1 for path in group}

    def digests(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the SHA-256 of the content of each file.

        Raises:
            HivebaseError: a layer cannot be read.
        """

        def order(path: str) -> tuple[int, int]:
            return self._tree.inode(path) or (-1, 0)

        found = {}
        for path in sorted(paths, key=order):
            state = hashlib.sha256()
            with self._tree.open(path) as stream:
                while data := stream.read(_CHUNK):
                    state.update(data)
            found[path] = state.digest()
        return found

    def content(self, path: str) -> bytes:
        """Return the content of a file."""
        with self._tree.open(path) as stream:
            return stream.read()


def compare_trees(ours: Side, theirs: Side) -> list[Difference]:
    """Return all differences of two trees, sorted by path.

    Raises:
        HivebaseError: a layer cannot be read.
    """
    found: list[Difference] = []
    to_read: list[str] = []
    for path in sorted(ours.entries.keys() | theirs.entries.keys()):
        one, two = ours.entries.get(path), theirs.entries.get(path)
        if one is None or two is None:
            present = one or two
            shown = describe(present) if present is not None else ""
            found.append(
                Difference(path, "only ours", ours=shown)
                if one
                else Difference(path, "only theirs", "", shown)
            )
            continue
        found += _metadata(path, one, two)
        if one.kind == two.kind == "file":
            place = ours.place(path)
            if one.size == two.size and (place is None or place != theirs.place(path)):
                to_read.append(path)
            elif one.size != two.size:
                found.append(_content(path, one, two, ours, theirs))
    mine, other = ours.digests(to_read), theirs.digests(to_read)
    found += [
        _content(path, ours.entries[path], theirs.entries[path], ours, theirs)
        for path in to_read
        if mine[path] != other[path]
    ]
    found += _names(ours, theirs)
    return sorted(found, key=lambda item: (item.path, item.aspect))


def describe(entry: Entry) -> str:
    """Return what an entry is in a few words."""
    parts = [entry.kind, f"{entry.mode:04o}", f"{entry.uid}:{entry.gid}"]
    if entry.kind == "file":
        parts.append(f"{entry.size} bytes")
    elif entry.kind == "symlink":
        parts = [f"symlink to {entry.link}"]
    return " ".join(parts)


def _metadata(path: str, one: Entry, two: Entry) -> Iterator[Difference]:
    if one.kind != two.kind:
        yield Difference(path, "kind", describe(one), describe(two))
        return
    pairs: list[tuple[Aspect, str, str]] = [
        ("owner", f"{one.uid}:{one.gid}", f"{two.uid}:{two.gid}"),
        ("xattrs", _xattrs(one), _xattrs(two)),
    ]
    if one.kind == "symlink":
        pairs.append(("link", one.link, two.link))
    else:
        pairs.append(("mode", f"{one.mode:04o}", f"{two.mode:04o}"))
    if one.kind in {"char", "block"}:
        pairs.append(("device", f"{one.major}:{one.minor}", f"{two.major}:{two.minor}"))
    yield from (Difference(path, aspect, mine, other) for aspect, mine, other in pairs if mine != other)


def _xattrs(entry: Entry) -> str:
    return " ".join(f"{name}={value.hex()}" for name, value in sorted(entry.xattrs))


def _content(path: str, one: Entry, two: Entry, ours: Side, theirs: Side) -> Difference:
    def read() -> tuple[bytes, bytes]:
        return ours.content(path), theirs.content(path)

    sizes = (f"{one.size} bytes", f"{two.size} bytes")
    return Difference(path, "content", *sizes, read if max(one.size, two.size) <= MOST_READ else None)


def _names(ours: Side, theirs: Side) -> Iterator[Difference]:
    """Yield one difference for each file whose names are not one file in both trees."""
    mine, other = ours.names(), theirs.names()
    both = ours.entries.keys() & theirs.entries.keys()
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for path in sorted((mine.keys() | other.keys()) & both):
        # A name that only one tree has is a difference already.
        one = tuple(name for name in sorted(mine.get(path, (path,))) if name in both)
        two = tuple(name for name in sorted(other.get(path, (path,))) if name in both)
        if one != two and (one, two) not in seen:
            seen.add((one, two))
            yield Difference(path, "names", " ".join(one), " ".join(two))
