"""Layers seen as one tree without being unpacked: no root, no mounts, no copies.

It shows what :class:`~hivebase.layers.tree.StackedTree` shows of the same layers when
:class:`~hivebase.layers.snapshots.Snapshots` has unpacked them. A directory is merged when it is looked at.
"""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING, BinaryIO

from hivebase.errors import CorruptContentError
from hivebase.layers.indexed_rows import to_bytes, to_str
from hivebase.layers.tree import resolve
from hivebase.tar import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hivebase.layers.indexed_contents import Contents
    from hivebase.layers.indexed_rows import LayerIndex, Row


class IndexedTree:
    """The union of layers as overlayfs would show it; a :class:`~hivebase.layers.tree.Tree`.

    Args:
        indexes: of the layers, lowest first.
        contents: opens files of at least these layers.

    Raises:
        CorruptContentError: a layer has a hard link to a file that neither it nor a lower one has.
    """

    def __init__(self, indexes: Sequence[LayerIndex], contents: Contents) -> None:
        self._indexes = tuple(indexes)
        self._contents = contents
        self._taking_part: dict[str, tuple[int, ...]] = {}
        self._lower: dict[int, IndexedTree] = {}
        for layer, index in enumerate(self._indexes):
            for target in index.borrowed:
                self._lender(layer, target)

    def lstat(self, path: str) -> Entry | None:
        """See :meth:`hivebase.layers.tree.Lookup.lstat`."""
        if not path:
            return Entry("", "dir", 0o755) if self._indexes else None
        found = self._find(path)
        return self._entry(path, *found) if found is not None else None

    def listdir(self, path: str) -> list[str]:
        """See :meth:`hivebase.layers.tree.Tree.listdir`."""
        return sorted(to_str(name) for name, (_, row) in self._rows(path).items() if not row.is_whiteout)

    def passages(self, path: str) -> list[Entry]:
        """Return the directories and symbolic links in a directory, sorted: what a path could lead through.

        Raises:
            OSError: ``path`` is not a directory of the tree.
        """
        prefix = f"{path}/" if path else ""
        return [
            self._entry(prefix + to_str(name), layer, row)
            for name, (layer, row) in sorted(self._rows(path).items())
            if row.kind == "dir" or row.kind == "symlink"  # noqa: PLR1714 -- this is asked thousands of times
        ]

    def walk(self) -> Iterator[tuple[str, int, Row]]:
        """Yield path, layer and row of everything in the tree, directories before what is in them.

        A row of the kind ``hardlink`` leads to a lower layer: :meth:`lstat` says to what.
        """
        pending = [""]
        while pending:
            directory = pending.pop()
            prefix = f"{directory}/" if directory else ""
            for name, (layer, row) in sorted(self._rows(directory).items()):
                if not row.is_whiteout:
                    path = prefix + to_str(name)
                    yield path, layer, row
                    if row.kind == "dir":
                        pending.append(path)

    def _rows(self, path: str) -> dict[bytes, tuple[int, Row]]:
        layers = self._layers(path)
        if not layers and path:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        seen: dict[bytes, tuple[int, Row]] = {}
        for layer in layers:
            for name, row in self._indexes[layer].directory(path).rows.items():
                if name not in seen:
                    seen[name] = (layer, row)
        return seen

    def readlink(self, path: str) -> str:
        """See :meth:`hivebase.layers.tree.Tree.readlink`."""
        entry = self.lstat(path)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if entry.kind != "symlink":
            raise OSError(errno.EINVAL, "not a symbolic link", path)
        return entry.link

    def open(self, path: str) -> BinaryIO:
        """See :meth:`hivebase.layers.tree.Tree.open`.

        Raises:
            OSError: ``path`` is not a regular file of the tree.
            NotFoundError: the layer is not in the store any more.
            CorruptContentError: it is damaged.
        """
        found = self._find(path) if path else None
        if found is None and self.lstat(path) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        entry = self._entry(path, *found) if found is not None else None
        if found is None or entry is None or entry.kind != "file":
            raise OSError(errno.EINVAL, "not a regular file", path)
        layer, row = found
        kept = self._indexes[layer].contents.get(row.offset)
        if kept is not None and row.size:
            return io.BytesIO(kept)
        if row.kind == "hardlink":
            return self.below(layer).open(self._lender(layer, to_str(row.link))[0])
        return self._contents.open(layer, path, row.offset, row.size)

    def inode(self, path: str) -> tuple[int, int] | None:
        """Return what is equal for all names of one regular file, and None for anything else.

        A hard link to a file of a lower layer is a file of its own, as it is once it was unpacked.
        """
        found = self._find(path) if path else None
        return (found[0], found[1].offset) if found is not None and found[1].kind == "file" else None

    def deleting(self) -> list[int]:
        """Return which layers delete or hide something of lower ones, lowest first."""
        return [layer for layer, index in enumerate(self._indexes) if index.deletes()]

    def below(self, layer: int) -> IndexedTree:
        """Return the tree of the layers below ``layer``; files of it are read in the same pass as those of this one."""
        if layer not in self._lower:
            self._lower[layer] = IndexedTree(self._indexes[:layer], self._contents)
        return self._lower[layer]

    def _find(self, path: str) -> tuple[int, Row] | None:
        """Return the highest layer that has ``path``, and what it has."""
        parent, _, last = path.rpartition("/")
        name = to_bytes(last)
        for layer in self._layers(parent):
            row = self._indexes[layer].directory(parent).rows.get(name)
            if row is not None:
                return None if row.is_whiteout else (layer, row)
        return None

    def _layers(self, path: str) -> tuple[int, ...]:
        """Return the layers that take part in the directory ``path``, highest first; none if it is none."""
        known = self._taking_part.get(path)
        if known is not None:
            return known
        parent, _, last = path.rpartition("/")
        found: list[int] = []
        for layer in self._layers(parent) if path else reversed(range(len(self._indexes))):
            if path:
                row = self._indexes[layer].directory(parent).rows.get(to_bytes(last))
                if row is None:
                    continue
                if row.kind != "dir":
                    break  # what is below it is hidden, whether it is a file or a whiteout
            found.append(layer)
            if self._indexes[layer].directory(path).opaque:
                break
        self._taking_part[path] = tuple(found)
        return self._taking_part[path]

    def _entry(self, path: str, layer: int, row: Row) -> Entry:
        kind, size, link = row.kind, row.size, to_str(row.link)
        mode, xattrs = row.mode, tuple((to_str(key), value) for key, value in row.xattrs)
        if row.implied:
            below = self.below(layer).lstat(path)
            if below is not None and below.kind == "dir":
                return below
        elif kind == "hardlink":
            _, lender = self._lender(layer, link)
            kind, size, link = lender.kind, lender.size, lender.link
            if kind == "symlink":
                mode, xattrs = 0o777, tuple(pair for pair in xattrs if not pair[0].startswith("user."))
            else:
                # The copy gets the attributes of the original, and chown(2) takes capabilities away again.
                kept = {key: value for key, value in lender.xattrs if key.startswith("user.")}
                xattrs = tuple(sorted((kept | dict(xattrs)).items()))
        return Entry(path, kind, mode, row.uid, row.gid, size, row.mtime, link, *row.device, xattrs)

    def _lender(self, layer: int, target: str) -> tuple[str, Entry]:
        """Return the place and metadata of the file that a hard link of ``layer`` leads to in lower ones."""
        below = self.below(layer)
        directory, _, name = target.rpartition("/")
        place = f"{resolve(below, directory)}/{name}".lstrip("/")
        entry = below.lstat(place)
        if entry is None or entry.kind not in {"file", "symlink"}:
            raise CorruptContentError(
                "a layer cannot be unpacked", why=f"it has a hard link to {target!r}, which does not exist"
            )
        return place, entry
