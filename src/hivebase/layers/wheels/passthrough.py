"""A layer whose files are deflated already: their streams become gzip members as they are.

A gzip file is a series of members (RFC 1952, section 2.2), so a deflate stream of a wheel needs ten bytes in front
and its CRC and size behind. Tar headers, padding and what is not compressed yet stand in members between them,
compressed by libdeflate, whose result does not depend on the processor.
"""

from __future__ import annotations

import hashlib
import struct
from itertools import chain
from typing import TYPE_CHECKING

from deflate import crc32, deflate_compress

from hivebase.digest import Digest
from hivebase.layers.layer import Layer
from hivebase.oci.model import LAYER_GZIP, Descriptor
from hivebase.tar import Entry, encode, padding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hivebase.layers.layer import BlobWriter

FORMAT = "wheel-members/2 libdeflate-1.24"
"""Names what is written here; to be changed whenever equal content would give other bytes."""

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_HEADERS_LEVEL, _CONTENT_LEVEL = (
    1,
    3,
)  # content is nearly all bytecode: level 6 takes twice the time for 4 % less
_MEMBER = 1 << 20
_TOGETHER = 1 << 10  # bytes of content below which a member of its own costs more than compressing again
_END = bytes(1024)


class PassthroughWriter:
    """Writes one layer to ``blob``.

    Args:
        blob: takes the compressed bytes.
        observe: told of each entry, and of the offset of its content in the uncompressed layer.
    """

    def __init__(self, blob: BlobWriter, observe: Callable[[Entry, int], object] | None = None) -> None:
        self._blob = blob
        self._observe = observe
        self._hash = hashlib.sha256()
        self._written = 0
        self._parts: list[bytes] = []
        self._held = 0
        self._content = False

    def add(self, entry: Entry, data: bytes | Iterator[bytes] = b"") -> None:
        """Add an entry whose content is not compressed yet."""
        if not isinstance(data, bytes):
            self._add_pieces(entry, data)
            return
        head = encode(entry)
        tail = padding(entry.size)
        self._hash.update(b"".join((head, data, tail)))
        self._note(entry, len(head), len(tail))
        if len(data) > _TOGETHER:
            self._content = True
        self._hold(head)
        if data:
            self._hold(data)
        if tail:
            self._hold(tail)

    def add_deflated(
        self, entry: Entry, data: bytes | Iterator[bytes], raw: bytes | memoryview, crc: int
    ) -> None:
        """Add a file.

        Args:
            entry: with the size of ``data``.
            data: the content, whole or in pieces.
            raw: the same as a raw deflate stream (RFC 1951).
            crc: CRC-32 of ``data``.
        """
        if entry.size < _TOGETHER and isinstance(data, bytes):
            self.add(entry, data)
            return
        head, tail = encode(entry), padding(entry.size)
        self._hash.update(head)
        for piece in (data,) if isinstance(data, bytes) else data:
            self._hash.update(piece)
        if tail:
            self._hash.update(tail)
        self._note(entry, len(head), len(tail))
        self._hold(head)
        self._flush()
        self._blob.write(_HEAD)
        self._blob.write(raw)
        self._blob.write(struct.pack("<II", crc, entry.size & 0xFFFFFFFF))
        if tail:
            self._hold(tail)

    @property
    def size(self) -> int:
        """Bytes of the uncompressed layer so far."""
        return self._written

    def finish(self) -> Layer:
        """Write the end and commit the blob."""
        self._hash.update(_END)
        self._written += len(_END)
        self._hold(_END)
        self._flush()
        digest, size = self._blob.commit()
        return Layer(Descriptor(LAYER_GZIP, str(digest), size), Digest.from_hash(self._hash))

    def _add_pieces(self, entry: Entry, pieces: Iterator[bytes]) -> None:
        head, tail = encode(entry), padding(entry.size)
        self._note(entry, len(head), len(tail))
        self._content = True
        for piece in chain((head,), pieces, (tail,)):
            self._hash.update(piece)
            self._hold(piece)
            self._content = True

    def _note(self, entry: Entry, head: int, tail: int) -> None:
        if self._observe is not None:
            self._observe(entry, self._written + head)
        self._written += head + entry.size + tail

    def _hold(self, data: bytes) -> None:
        self._parts.append(data)
        self._held += len(data)
        if self._held >= _MEMBER:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        data = b"".join(self._parts)
        level = _CONTENT_LEVEL if self._content else _HEADERS_LEVEL
        self._parts, self._held, self._content = [], 0, False
        self._blob.write(_HEAD)
        self._blob.write(bytes(deflate_compress(data, level)))
        self._blob.write(struct.pack("<II", crc32(data), len(data) & 0xFFFFFFFF))
