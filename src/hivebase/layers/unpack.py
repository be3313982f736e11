"""ADD of a local archive: its content, and not the file, goes to the destination.

What is an archive is decided by content, as in Docker: tar, plain or compressed with gzip, bzip2 or xz; a zip
file is copied as it is. An archive of a build context is odd input like the context itself: devices and fifos
are refused, names that leave the destination are refused, and links in it lead nowhere but below the
destination. Owners, modes and extended attributes are the archive's; ``--chown`` replaces the owners.

The archive is unfolded to a temporary file first, because a later entry may replace an earlier one and a
layer names everything once.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import posixpath
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, cast

from hivebase.digest import CHUNK
from hivebase.errors import BuildError, CorruptContentError, UsageError
from hivebase.layers.destination import ROOT, Destination, Item, Owner
from hivebase.layers.tree import resolve
from hivebase.oci.inflate import InflateLimits, inflated
from hivebase.tar import Entry, Reader, clean
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from hivebase.layers.tree import Tree

XZ_MEMORY = 256 << 20
"""Bytes that unpacking xz may take; its strongest preset needs 65 MiB."""

_BLOCK = 512
_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive unfolded to a temporary file; use as a context manager.

    Attributes:
        file: the plain tar.
        entries: its members with the offset of their content, in order.
    """

    file: BinaryIO
    entries: tuple[tuple[Entry, int], ...]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def read_archive(opener: Callable[[], BinaryIO], work: Path | None = None) -> Archive | None:
    """Return the archive that ``opener`` opens, or None if it is something else.

    Args:
        opener: opens the file from its start; called twice.
        work: directory of the temporary file, or None for the system's.

    Raises:
        UsageError: it is compressed with zstd.
        CorruptContentError: it is an archive, but damaged or a bomb.
    """
    with opener() as stream:
        if not _is_tar(stream):
            return None
    # The caller closes it with the archive.
    spool = cast("BinaryIO", tempfile.TemporaryFile(dir=work))  # noqa: SIM115
    try:
        with opener() as stream:
            content = _plain(stream)
            while data := content.read(CHUNK):
                spool.write(data)
        spool.seek(0)
        entries = tuple((entry, spool.tell()) for entry, _ in Reader(spool))
        spool.flush()
    except BaseException:
        spool.close()
        raise
    return Archive(spool, entries)


def unpack(archive: Archive, destination: Destination, root: str, owner: Owner | None) -> None:
    """Put the content of ``archive`` below the directory ``root`` of ``destination``.

    Args:
        archive: stays open until the destination is written.
        destination: where to.
        root: a directory in it, resolved.
        owner: of everything, or None for the archive's own.

    Raises:
        CorruptContentError: a name leaves ``root``, or a hard link leads to nothing.
        BuildError: a device or fifo, or a file in the place of a directory.
    """
    below = _Below(destination, root)
    for entry, offset in archive.entries:
        name = _inside(entry.name)
        if not name:
            continue
        parent = below.resolve(posixpath.dirname(name))
        path = posixpath.join(parent, posixpath.basename(name))
        if entry.kind == "dir":
            path = below.resolve(path)
            if not path:
                continue
        target = posixpath.join(root, path)
        destination.make_directories(posixpath.dirname(target), ROOT)
        destination.replace(target, _item(archive, below, entry, offset, owner))


def _item(archive: Archive, below: _Below, entry: Entry, offset: int, owner: Owner | None) -> Item:
    if owner is not None:
        entry = replace(entry, uid=owner[0], gid=owner[1])
    if entry.kind == "file":
        return Item(entry, lambda: cast("BinaryIO", _Window(archive.file, offset, entry.size)))
    if entry.kind in ("dir", "symlink"):
        return Item(entry)
    if entry.kind != "hardlink":
        raise BuildError(
            f"cannot unpack {entry.name!r}: it is a {entry.kind}",
            why="an archive that is added may hold files, directories and links",
            hint="remove it from the archive, or make it in a RUN step",
        )
    target = _inside(entry.link)
    target = posixpath.join(below.resolve(posixpath.dirname(target)), posixpath.basename(target))
    linked = below.item(target)
    if not target or linked is None or linked.entry.kind == "dir":
        raise CorruptContentError(f"the hard link {entry.name!r} of the archive leads to no file")
    return linked


class _Below:
    """A directory of the destination as a root of its own, so that links in an archive stay below it."""

    def __init__(self, destination: Destination, root: str) -> None:
        self._destination = destination
        self._root = root

    def resolve(self, path: str) -> str:
        return resolve(cast("Tree", self), path)  # it asks for nothing but lstat

    def lstat(self, path: str) -> Entry | None:
        return self._destination.lstat(posixpath.join(self._root, path))

    def item(self, path: str) -> Item | None:
        return self._destination.item(posixpath.join(self._root, path))


def _inside(name: str) -> str:
    """Return ``name`` relative to the destination; '' is the destination itself."""
    depth = 0
    for part in name.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            raise CorruptContentError(f"the archive holds {name[:200]!r}, which leaves the destination")
    return clean(name)


def _is_tar(stream: BinaryIO) -> bool:
    """Tell whether ``stream`` starts with a tar header, after decompression."""
    # Unbuffered: what is damaged further on is a damaged archive, and not something else.
    content = _plain(stream).raw
    block = b""
    try:
        while len(block) < _BLOCK and (data := content.read(_BLOCK - len(block))):
            block += data
    except CorruptContentError:
        return False
    if len(block) < _BLOCK or not any(block):
        return False
    # The header's checksum counts its own field as spaces (POSIX.1-2017, ustar).
    digits = block[148:156].strip(b" \0")
    total = sum(block[:148]) + 8 * 0x20 + sum(block[156:])
    return bool(digits) and not digits.strip(b"01234567") and int(digits, 8) == total


def _plain(stream: BinaryIO) -> io.BufferedReader:
    """Return the decompressed content of ``stream``."""
    head = stream.read(6)
    whole = cast("BinaryIO", _Rejoined(head, stream))
    if head.startswith(_ZSTD):
        raise UsageError(
            "cannot tell what is in a zstd-compressed file of an ADD",
            why="hivebase does not read zstd",
            hint="ADD --unpack=false copies it as it is; or compress it with gzip or xz",
        )
    if head.startswith(_GZIP):
        return cast("io.BufferedReader", inflated(whole))
    if head.startswith(_BZIP2):
        return io.BufferedReader(_Expanded(whole, bz2.BZ2Decompressor), CHUNK)
    if head.startswith(_XZ):
        return io.BufferedReader(_Expanded(whole, _xz), CHUNK)
    return io.BufferedReader(cast("io.RawIOBase", whole), CHUNK)


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


class _Readable(io.RawIOBase):
    """A raw stream that is defined by its ``read``."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class _Rejoined(_Readable):
    """A stream with its first bytes put back."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._stream.read(size)


class _Window(_Readable):
    """A part of a file, read by position, so that closing it or reading another part does not matter."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self._fd = file.fileno()
        self._at = offset
        self._end = offset + size

    def read(self, size: int = -1, /) -> bytes:
        left = self._end - self._at
        data = os.pread(self._fd, left if size < 0 else min(size, left), self._at)
        self._at += len(data)
        return data


class _Decompressor(Protocol):
    """What :mod:`bz2` and :mod:`lzma` have in common."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Expanded(_Readable):
    """The content of a bzip2 or xz file: all streams in it, checked to the end, within limits (fault A-7)."""

    def __init__(self, stream: BinaryIO, make: Callable[[], object]) -> None:
        self._stream = stream
        self._make = make
        self._engine = cast("_Decompressor", make())
        self._in = 0
        self._out = 0
        self._limits = InflateLimits()

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._next(size)
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise CorruptContentError("the compressed archive is damaged", why=str(error)) from error
        self._out += len(data)
        limits = self._limits
        if self._out > limits.total or self._out > max(limits.free, limits.ratio * self._in):
            raise CorruptContentError(
                f"the archive unfolds to {self._out} bytes and more", why="that is a bomb"
            )
        return data

    def _next(self, size: int) -> bytes:
        while True:
            data = b""
            if self._engine.eof:
                rest = self._engine.unused_data or self._more()
                if not rest.strip(b"\0"):  # padding between and after streams is allowed by xz
                    if not rest:
                        return b""
                    rest = self._more()
                    if not rest:
                        return b""
                self._engine = cast("_Decompressor", self._make())
                data = self._engine.decompress(rest.lstrip(b"\0"), size)
            elif self._engine.needs_input:
                more = self._more()
                if not more:
                    raise EOFError("it ends too early")
                data = self._engine.decompress(more, size)
            else:
                data = self._engine.decompress(b"", size)
            if data:
                return data

    def _more(self) -> bytes:
        data = self._stream.read(1 << 16)
        self._in += len(data)
        return data
