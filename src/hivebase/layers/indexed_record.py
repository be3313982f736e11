"""What a layer would be if it were unpacked, worked out from its entries alone.

It follows :mod:`hivebase.layers.apply` step by step, with nodes in memory in place of inodes on a disk; the
tests compare the two. What depends on the layers below (the metadata of directories that the archive leaves
out, hard links to files that it does not hold) stays open, so that an index belongs to the layer alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import msgspec

from hivebase.errors import CorruptContentError
from hivebase.fs import MAX_LINKS
from hivebase.layers.indexed_rows import Document, LayerIndex, Listing, Row, to_bytes
from hivebase.layers.layer import OPAQUE, WHITEOUT
from hivebase.layers.tree import KEPT_XATTRS, resolve
from hivebase.tar import Entry, clean

if TYPE_CHECKING:
    from hivebase.tar import Kind

_CAPABILITY = "security.capability"
_LAST_TIME = (1 << 63) // 1_000_000_000 - 1
_MAX_NAME, _MAX_TARGET = 255, 4095  # bytes that Linux takes
_MAX_MAJOR, _MAX_MINOR = 0xFFF, 0xFFFFF


class _MissingError(Exception):
    """There is nothing at that path of the layer."""


class _Node:
    """An inode."""

    __slots__ = (
        "children",
        "device",
        "gid",
        "implied",
        "kind",
        "link",
        "mode",
        "mtime",
        "offset",
        "opaque",
        "size",
        "uid",
        "xattrs",
    )

    def __init__(self, kind: Kind, *, link: str = "", device: tuple[int, int] = (0, 0)) -> None:
        self.kind = kind
        self.link = link
        self.device = device
        self.mode = 0o777 if kind == "symlink" else 0o755 if kind == "dir" else 0
        self.uid = self.gid = self.mtime = self.size = self.offset = 0
        self.xattrs: dict[str, bytes] = {}
        self.children: dict[str, _Node] = {}
        self.opaque = self.implied = False

    @property
    def is_whiteout(self) -> bool:
        return self.kind == "char" and self.device == (0, 0)

    def set_metadata(self, entry: Entry) -> None:
        self.uid, self.gid = entry.uid, entry.gid
        if self.kind != "dir":
            self.xattrs.pop(_CAPABILITY, None)  # chown(2) takes it away
            self.mtime = _time(entry.mtime)
        for key, value in entry.xattrs:
            # user.* exists on files and directories only. A borrowed file shows what it is when it is read.
            if key.startswith(KEPT_XATTRS) and (
                self.kind in {"file", "dir", "hardlink"} or not key.startswith("user.")
            ):
                self.xattrs[key] = value
        if self.kind != "symlink":
            self.mode = entry.mode

    def row(self, name: bytes) -> Row:
        return Row(
            name,
            self.kind,
            self.mode,
            self.uid,
            self.gid,
            self.mtime,
            self.size,
            self.offset,
            to_bytes(self.link),
            self.device,
            tuple((to_bytes(key), value) for key, value in sorted(self.xattrs.items())),
            self.implied,
        )


class Recorder:
    """Takes the entries of a layer in their order.

    Args:
        where: what the layer is called in errors.
    """

    def __init__(self, where: str = "") -> None:
        self._where = where
        self._root = _Node("dir")
        # Times of directories with an entry; unpacking sets them last, under the names they have by then.
        self._times: dict[str, int] = {}
        self._borrowed: set[str] = set()
        self._parent: tuple[str, _Node] | None = None  # of the entry before, usually this one's too

    def add(self, entry: Entry, offset: int) -> None:
        """Take one entry.

        Args:
            entry: as the archive has it.
            offset: of its content in the uncompressed archive.

        Raises:
            CorruptContentError: it cannot be unpacked.
        """
        path = clean(entry.name)
        if not path:
            return  # the root itself: its owner and mode belong to whoever mounts it
        directory, _, name = path.rpartition("/")
        if len(to_bytes(name)) > _MAX_NAME:
            self._refuse(path, "File name too long")
        parent = self._directory_of(directory, path)
        if name == OPAQUE:
            parent.opaque = True
        elif name.startswith(WHITEOUT):
            self._whiteout(parent, name.removeprefix(WHITEOUT), path)
        else:
            self._put(parent, name, entry, offset)
            if entry.kind == "dir":
                self._times.pop(path, None)
                self._times[path] = _time(entry.mtime)

    def finish(self, diff_id: str, contents: dict[int, bytes] | None = None) -> LayerIndex:
        """Return the index of the layer.

        Args:
            diff_id: of the layer.
            contents: of files that the index is to hold, by offset.
        """
        for path, mtime in self._times.items():
            parent, _, last = path.rpartition("/")
            try:
                node = self._open(parent, path).children.get(last)
            except (_MissingError, CorruptContentError):
                continue  # replaced by a later entry
            if node is not None and node.kind == "dir":
                node.mtime = mtime
        listings: dict[bytes, msgspec.Raw] = {}
        pending = [(b"", self._root)]
        while pending:
            place, directory = pending.pop()
            named = sorted((to_bytes(name), child) for name, child in directory.children.items())
            listing = Listing(directory.opaque, tuple(child.row(name) for name, child in named))
            listings[place] = msgspec.Raw(msgspec.msgpack.encode(listing))
            prefix = place + b"/" if place else b""
            pending += [(prefix + name, child) for name, child in named if child.kind == "dir"]
        borrowed = tuple(to_bytes(target) for target in sorted(self._borrowed))
        return LayerIndex(Document(diff_id, borrowed, listings, contents or {}))

    def lstat(self, path: str) -> Entry | None:
        """Answer :func:`~hivebase.layers.tree.resolve` about the layer."""
        node = self._root
        for name in path.split("/"):
            found = node.children.get(name)
            if found is None:
                return None
            node = found
        return Entry(path, node.kind, node.mode, link=node.link)

    def _directory_of(self, directory: str, path: str) -> _Node:
        """Return the directory to put something into; make it if it is missing."""
        if self._parent is not None and self._parent[0] == directory:
            return self._parent[1]
        try:
            node = self._open(directory, path)
        except _MissingError:
            node = self._make(resolve(self, directory), path)
        self._parent = (directory, node)
        return node

    def _open(self, directory: str, path: str) -> _Node:
        """Return the directory that a process with the layer as its root would open."""
        stack, links = [self._root], 0
        pending = directory.split("/")[::-1]
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                if len(stack) > 1:
                    stack.pop()
                continue
            node = stack[-1].children.get(part)
            if node is None:
                raise _MissingError
            if node.kind == "dir":
                stack.append(node)
            elif node.kind == "symlink":
                links += 1
                if links > MAX_LINKS:
                    self._refuse(path, "Too many levels of symbolic links")
                if node.link.startswith("/"):
                    del stack[1:]
                pending += node.link.split("/")[::-1]
            else:
                self._refuse(path, "Not a directory")
        return stack[-1]

    def _make(self, directory: str, path: str) -> _Node:
        node = self._root
        for part in directory.split("/"):
            child = node.children.get(part)
            if child is None:
                if not part or len(to_bytes(part)) > _MAX_NAME:
                    self._refuse(path, "File name too long" if part else "No such file or directory")
                child = node.children[part] = _Node("dir")
                child.implied = True
            elif child.kind != "dir":
                self._refuse(path, "Not a directory")
            node = child
        return node

    def _whiteout(self, parent: _Node, name: str, path: str) -> None:
        if name in {"", ".", ".."}:
            self._refuse(path, "a whiteout must name what it deletes, not its own directory")
        node = parent.children.get(name)
        if node is None:
            parent.children[name] = _Node("char")
        elif node.kind == "dir":
            node.opaque = True  # the layer holds the name itself: only what lies below is deleted

    def _put(self, parent: _Node, name: str, entry: Entry, offset: int) -> None:
        """Put ``entry`` in the place of what is there; two directories are merged."""
        before = parent.children.get(name)
        if before is not None and before.kind == entry.kind == "dir":
            before.set_metadata(entry)
            before.implied = False
            return
        parent.children.pop(name, None)
        if before is not None:
            self._parent = None  # it may have been part of the parent's own name
        node = self._linked(entry) if entry.kind == "hardlink" else self._made(entry, offset)
        # Deleted and made again in one layer: nothing of the old directory may show through.
        node.opaque = node.opaque or (entry.kind == "dir" and before is not None and before.is_whiteout)
        parent.children[name] = node
        node.set_metadata(entry)

    def _made(self, entry: Entry, offset: int) -> _Node:
        if entry.kind == "symlink" and not 0 < len(to_bytes(entry.link)) <= _MAX_TARGET:
            self._refuse(entry.name, "a symbolic link of that length cannot be made")
        if not (0 <= entry.major <= _MAX_MAJOR and 0 <= entry.minor <= _MAX_MINOR):
            self._refuse(entry.name, "there is no such device number")
        node = _Node(entry.kind, link=entry.link, device=(entry.major, entry.minor))
        node.size, node.offset = entry.size, offset
        return node

    def _linked(self, entry: Entry) -> _Node:
        path, target = entry.name, clean(entry.link)
        directory, _, name = target.rpartition("/")
        if not target:
            self._refuse(path, "it is a hard link to the root")
        try:
            node = self._open(directory, path).children.get(name)
        except _MissingError:
            node = None
        if node is None:
            self._borrowed.add(target)
            return _Node("hardlink", link=target)
        if node.kind == "dir":
            self._refuse(path, f"it is a hard link to the directory {target!r}")
        return node

    def _refuse(self, path: str, why: str) -> NoReturn:
        raise CorruptContentError(
            f"the layer cannot be unpacked at {path[:200]!r}", where=self._where, why=why
        )


def _time(mtime: int) -> int:
    """Return a time as :mod:`hivebase.layers.apply` sets it: beyond what containerd takes, 1970."""
    return mtime if 0 <= mtime <= _LAST_TIME else 0
