"""A wheel file as an archive: its members, their stored bytes, their content (fault A-12)."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Self, cast

from isal import igzip_lib, isal_zlib

from hivebase.fs import system_fault
from hivebase.layers.wheels.directory import DEFLATED, Member, read_directory
from hivebase.layers.wheels.refuse import refused, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hivebase.errors import CorruptContentError

PIECE = 1 << 20
"""Bytes inflated at a time by :meth:`Archive.pieces`."""

__all__ = ["PIECE", "Archive", "Member"]

_INPUT = 1 << 18
_IsalError = cast("type[Exception]", isal_zlib.error)  # its stub declares an instance


class Archive:
    """An open wheel file. Use as a context manager, or call :meth:`close`.

    The file is mapped: it must not be cut while it is open (files of the store never are). Memory views
    handed out stay valid after closing; the mapping goes with the last of them.

    Attributes:
        where: the wheel's name, for messages.
        members: all of them in the order of the central directory, directories included.
    """

    __slots__ = ("_by_name", "_data", "_view", "members", "where")

    def __init__(self, data: mmap.mmap, where: str) -> None:
        self.where = where
        self.members: tuple[Member, ...] = read_directory(data, where)
        self._by_name = {member.name: member for member in self.members}
        self._data = data
        self._view = memoryview(data)

    @classmethod
    def open(cls, path: Path, *, where: str) -> Self:
        """Open the wheel at ``path`` and check its structure; contents are checked as they are read.

        Args:
            path: of the file, under any name.
            where: the wheel's name, with which every message starts.

        Raises:
            CorruptContentError: it is no zip file, or not one that every reader reads alike.
            SystemFaultError: the file cannot be read.
        """
        try:
            with path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:  # of an empty file
            raise refused(where, "it is empty") from error
        except OSError as error:
            raise system_fault(error, f"cannot read {where}", where=path) from error
        return cls(data, where)

    def get(self, name: str) -> Member | None:
        """Return the member of that name; a directory's is given without a slash at its end."""
        return self._by_name.get(name)

    def raw(self, member: Member) -> memoryview:
        """Return the bytes of ``member`` as stored: a raw deflate stream, or the content itself."""
        return self._view[member.offset : member.offset + member.compressed]

    def read(self, member: Member) -> bytes:
        """Return the content of ``member``, all of it at once.

        Raises:
            CorruptContentError: it is damaged, or its size or CRC is not the claimed one, or bytes follow the
                end of its deflate stream.
        """
        raw = self._view[member.offset : member.offset + member.compressed]
        if member.method == DEFLATED:
            engine = igzip_lib.IgzipDecompressor()
            try:
                # One more than may come: a full buffer would hide both the stream's end and its surplus.
                content = engine.decompress(raw, member.size + 1)
            except _IsalError as error:
                raise self._damaged(member, str(error)) from error
            if not engine.eof or engine.unused_data:
                raise self._damaged(member, "its end is not where it should be")
        else:
            content = bytes(raw)
        if len(content) != member.size:
            raise self._damaged(member, "it is of another size than it claims")
        if isal_zlib.crc32(content) != member.crc:
            raise self._damaged(member, "its CRC is wrong")
        return content

    def pieces(self, member: Member) -> Iterator[bytes]:
        """Yield the content of ``member`` in pieces of at most :data:`PIECE` bytes.

        What is wrong is found at the latest after the last piece, so nothing may be trusted before.

        Raises:
            CorruptContentError: as :meth:`read`.
        """
        size = crc = 0
        for piece in self._inflated(member):
            size += len(piece)
            if size > member.size:
                raise self._damaged(member, "it is larger than it claims")
            crc = isal_zlib.crc32(piece, crc)
            yield piece
        if size != member.size:
            raise self._damaged(member, "it is smaller than it claims")
        if crc != member.crc:
            raise self._damaged(member, "its CRC is wrong")

    def close(self) -> None:
        """Let go of the file."""
        self._view.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _inflated(self, member: Member) -> Iterator[bytes]:
        raw = self.raw(member)
        if member.method != DEFLATED:
            for at in range(0, len(raw), PIECE):
                yield bytes(raw[at : at + PIECE])
            return
        engine = igzip_lib.IgzipDecompressor()
        at = 0
        while not engine.eof:
            part = b""
            if engine.needs_input:
                part = bytes(raw[at : at + _INPUT])
                at += len(part)
                if not part:
                    raise self._damaged(member, "it is cut short")
            try:
                piece = engine.decompress(part, PIECE)
            except _IsalError as error:
                raise self._damaged(member, str(error)) from error
            if piece:
                yield piece
        if engine.unused_data or at < len(raw):
            raise self._damaged(member, "something follows its end")

    def _damaged(self, member: Member, why: str) -> CorruptContentError:
        error = refused(self.where, f"{shown(member.name)} is damaged")
        error.why = why
        return error
