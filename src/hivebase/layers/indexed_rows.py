"""What an index says of a layer, and the file that keeps it.

The file is a magic number, a SHA-256 and a MessagePack document. Its listings, one per directory, are decoded
only when they are asked for, so that looking for one file in a layer of many does not cost more than reading
the file. Names are bytes, since names of files need not be UTF-8.
"""

from __future__ import annotations

import msgspec

from hivebase.seal import seal, unseal
from hivebase.tar import Kind  # noqa: TC001 -- msgspec reads it at run time

_MAGIC = b"hivebase layer index 1\n"


class Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One name of a directory.

    Attributes:
        name: last component of the path.
        kind: ``hardlink`` only for a link to a lower layer; other hard links are repeated as what they are. A
            character device 0:0 is a whiteout, as in overlayfs.
        mode: permission bits.
        uid: owner.
        gid: group.
        mtime: seconds since 1970.
        size: bytes of content of a file.
        offset: of that content in the uncompressed layer.
        link: target of a symbolic link, or of a hard link to a lower layer.
        device: major and minor number.
        xattrs: those that belong in an image, sorted.
        implied: the layer has no entry for this directory; it is as the lower layers have it, and as the other
            attributes say only where they have none.
    """

    name: bytes
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    offset: int = 0
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    implied: bool = False

    @property
    def is_whiteout(self) -> bool:
        """Whether it marks a deletion."""
        return self.kind == "char" and self.device == (0, 0)


class Listing(msgspec.Struct, array_like=True, frozen=True):
    """A directory: whether it hides what lower layers have in it, and what is in it, sorted by name."""

    opaque: bool
    rows: tuple[Row, ...]


class Document(msgspec.Struct, array_like=True, frozen=True):
    """An index as it is stored.

    Attributes:
        diff_id: of the layer.
        borrowed: targets of hard links to lower layers.
        listings: an encoded :class:`Listing` by path of the directory.
        contents: of the few files that steps look into, by offset; empty for a layer that was never read.
    """

    diff_id: str
    borrowed: tuple[bytes, ...]
    listings: dict[bytes, msgspec.Raw]
    contents: dict[int, bytes]


class Directory:
    """A decoded :class:`Listing`."""

    __slots__ = ("opaque", "rows")

    def __init__(self, listing: Listing) -> None:
        self.opaque = listing.opaque
        self.rows = {row.name: row for row in listing.rows}


_EMPTY = Directory(Listing(opaque=False, rows=()))
_listing = msgspec.msgpack.Decoder(Listing)
_document = msgspec.msgpack.Decoder(Document)


class LayerIndex:
    """The index of one layer. Safe between threads.

    Attributes:
        borrowed: targets of hard links to lower layers.
        contents: of some files, by offset.
    """

    def __init__(self, document: Document) -> None:
        self.contents = document.contents
        self.borrowed = tuple(to_str(target) for target in document.borrowed)
        self._document = document
        self._decoded: dict[str, Directory] = {}

    def directory(self, path: str) -> Directory:
        """Return what the layer has in the directory ``path``; nothing if it has no such directory."""
        found = self._decoded.get(path)
        if found is None:
            raw = self._document.listings.get(to_bytes(path))
            found = self._decoded[path] = Directory(_listing.decode(raw)) if raw is not None else _EMPTY
        return found

    def directories(self) -> list[str]:
        """Return the paths of all directories that the layer has something in."""
        return [to_str(path) for path in self._document.listings]

    def deletes(self) -> bool:
        """Tell whether the layer deletes or hides anything of lower ones."""
        found = map(self.directory, self.directories())
        return any(one.opaque or any(row.is_whiteout for row in one.rows.values()) for one in found)

    def encode(self) -> bytes:
        """Return the content of the file."""
        return seal(_MAGIC, msgspec.msgpack.encode(self._document))

    @classmethod
    def decode(cls, data: bytes, diff_id: str) -> LayerIndex | None:
        """Return the index in a file, or None unless it is exactly what was written for ``diff_id``."""
        body = unseal(_MAGIC, data)
        if body is None:
            return None
        try:
            document = _document.decode(body)
        except msgspec.DecodeError:
            return None
        return cls(document) if document.diff_id == diff_id else None


def to_bytes(name: str) -> bytes:
    """Return a name as it is in an archive."""
    return name.encode("utf-8", "surrogateescape")


def to_str(name: bytes) -> str:
    """Return a name as this program passes it around."""
    return name.decode("utf-8", "surrogateescape")
