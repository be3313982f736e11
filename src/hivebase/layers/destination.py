"""The tree that COPY, ADD and WORKDIR write to: the image below, and on top what the step has put so far.

The new layer holds what was put, and above each of it the directories on the way: those of the image with the
image's own metadata (a layer leaves nothing to the unpacker's defaults), new ones as made. Paths are relative
and resolved: :meth:`Destination.resolve` follows the links of the image inside the image, nothing else does.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from hivebase.errors import BuildError
from hivebase.layers.tree import resolve
from hivebase.tar import Entry
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hivebase.layers.layer import LayerWriter
    from hivebase.layers.tree import Tree

LATEST = 1 << 33
"""A modification time after every epoch: the layer's writer turns it into the epoch."""

Owner = tuple[int, int]
"""Numeric user and group."""

ROOT: Owner = (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """Something to be written: an inode. The same object under two names is a hard link.

    Attributes:
        entry: its metadata; the name in it does not matter.
        content: opens the bytes of a file, or is the bytes.
    """

    entry: Entry
    content: Callable[[], BinaryIO] | bytes = b""


def directory(owner: Owner, mode: int = 0o755) -> Item:
    """Return a new directory."""
    return Item(Entry("", "dir", mode, *owner, mtime=LATEST))


class Destination:
    """What a step writes to.

    Args:
        base: the image so far, or None for a layer that does not depend on it (``COPY --link``).
    """

    def __init__(self, base: Tree | None) -> None:
        self._base = base
        self._items: dict[str, Item] = {}
        # At and below these paths nothing of the base shows through any more.
        self._covered: set[str] = set()

    def lstat(self, path: str) -> Entry | None:
        """Return what is at ``path`` itself, or None. The root is a directory."""
        if not path:
            return Entry("", "dir", 0o755)
        item = self._items.get(path)
        if item is not None:
            return item.entry
        if self._base is None or (self._covered and not self._covered.isdisjoint(_upwards(path))):
            return None
        return self._base.lstat(path)

    def item(self, path: str) -> Item | None:
        """Return what is at ``path`` as something that can be put under another name as well."""
        if path in self._items:
            return self._items[path]
        entry, base = self.lstat(path), self._base
        if entry is None or base is None:
            return None
        return Item(entry, lambda: base.open(path))

    def resolve(self, path: str) -> str:
        """Return where ``path`` (absolute or not) really is, every link followed inside the root.

        Raises:
            BuildError: the links form a loop.
        """
        return resolve(cast("Tree", self), path)  # it asks for nothing but lstat

    def is_directory(self, path: str) -> bool:
        """Tell whether a directory is at ``path``."""
        entry = self.lstat(path)
        return entry is not None and entry.kind == "dir"

    def make_directories(self, path: str, owner: Owner = ROOT) -> None:
        """Make the directory ``path`` and those above it that do not exist, mode 0755, owned by ``owner``.

        Raises:
            BuildError: a file is in the way.
        """
        missing: list[str] = []
        for place in _upwards(path):
            entry = self.lstat(place)
            if entry is not None:
                if entry.kind != "dir":
                    raise BuildError(f"cannot make the directory /{path}", why=f"/{place} is not a directory")
                break
            missing.append(place)
        for place in reversed(missing):
            self._put(place, directory(owner))

    def put(self, path: str, item: Item) -> None:
        """Put ``item`` at ``path``, whose parent exists. A file replaces a file or a link.

        Raises:
            BuildError: it would replace a directory by something else, or something else by a directory.
        """
        existing = self.lstat(path)
        if existing is not None and (existing.kind == "dir") != (item.entry.kind == "dir"):
            if existing.kind == "dir":
                raise BuildError(f"cannot replace the directory /{path} by a file")
            raise BuildError(
                f"cannot copy a directory to /{path}", why="there is a file or a link of that name"
            )
        self._put(path, item, new=existing is None)

    def replace(self, path: str, item: Item) -> None:
        """Put ``item`` at ``path``, whatever is there: only two directories are merged."""
        existing = self.lstat(path)
        if existing is not None and (existing.kind != "dir" or item.entry.kind != "dir"):
            for below in [name for name in self._items if name == path or name.startswith(f"{path}/")]:
                del self._items[below]
            self._covered.add(path)
        self._put(path, item, new=self.lstat(path) is None)

    def write(self, writer: LayerWriter) -> None:
        """Write the layer: parents first, names sorted.

        Raises:
            BuildError: a name cannot be stored (fault A-6), or a file could not be read as it was announced.
        """
        written: dict[Item, str] = {}
        for path, item in self._in_order():
            first = written.setdefault(item, path)
            if first != path:
                writer.add(replace(item.entry, name=path, kind="hardlink", size=0, link=first, xattrs=()))
            elif item.entry.kind != "file" or isinstance(item.content, bytes):
                content = item.content if isinstance(item.content, bytes) else b""
                writer.add(replace(item.entry, name=path), content)
            else:
                with item.content() as stream:
                    writer.add(replace(item.entry, name=path), stream)
            if path in self._covered and item.entry.kind == "dir" and self._hides_a_directory(path):
                writer.opaque(path)

    def _put(self, path: str, item: Item, *, new: bool = True) -> None:
        self._items[path] = item
        if new or item.entry.kind != "dir":
            self._covered.add(path)

    def _in_order(self) -> Iterator[tuple[str, Item]]:
        items = dict(self._items)
        for path in self._items:
            for above in _upwards(posixpath.dirname(path)):
                if above in items:
                    break
                entry = self._base.lstat(above) if self._base else None
                if entry is not None:
                    items[above] = Item(replace(entry, mtime=LATEST))
        yield from sorted(items.items())

    def _hides_a_directory(self, path: str) -> bool:
        entry = self._base.lstat(path) if self._base else None
        return entry is not None and entry.kind == "dir"


def _upwards(path: str) -> Iterator[str]:
    """Yield ``path`` and the directories above it, the root excluded."""
    while path:
        yield path
        path = path.rpartition("/")[0]
