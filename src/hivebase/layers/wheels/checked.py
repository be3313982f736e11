"""The files of a wheel, each handed out only if it is what RECORD says (fault A-13)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hivebase.layers.wheels.refuse import refused, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.errors import CorruptContentError
    from hivebase.layers.wheels.archive import Archive, Member
    from hivebase.layers.wheels.metadata import WheelContents
    from hivebase.layers.wheels.record import Recorded

WHOLE = 128 << 20
"""Bytes up to which a file's content is handed out as one."""


def verified(
    archive: Archive, contents: WheelContents
) -> Iterator[tuple[Member, memoryview, bytes | Iterator[bytes]]]:
    """Yield every file of the wheel, sorted by name, with its bytes as stored and its content.

    Size and CRC were compared with the archive's, size and hash with RECORD's. Of files larger than
    :data:`WHOLE` the content is an iterator over pieces, and what is wrong with it is found at the latest when
    the file after it is asked for: so nothing made from it may be published before this iterator has ended.

    Raises:
        CorruptContentError: a file is not what it should be.
    """
    record = contents.record
    sha256 = hashlib.sha256
    for member in sorted([member for member in archive.members if not member.is_dir], key=_name):
        row = record.get(member.name)
        if member.size > WHOLE:
            pieces = _pieces(archive, member, row)
            yield member, archive.raw(member), pieces
            for _ in pieces:  # what the caller left, so that it is checked whatever the caller did
                pass
            continue
        data = archive.read(member)
        if row is not None:
            state = sha256(data) if row.algorithm == "sha256" else hashlib.new(row.algorithm, data)
            if state.digest() != row.digest:
                raise _wrong(archive, member)
        yield member, archive.raw(member), data


def _pieces(archive: Archive, member: Member, row: Recorded | None) -> Iterator[bytes]:
    state = hashlib.new(row.algorithm) if row is not None else None
    for piece in archive.pieces(member):
        if state is not None:
            state.update(piece)
        yield piece
    if row is not None and state is not None and state.digest() != row.digest:
        raise _wrong(archive, member)


def _name(member: Member) -> str:
    return member.name


def _wrong(archive: Archive, member: Member) -> CorruptContentError:
    return refused(archive.where, f"{shown(member.name)} is not the file that its RECORD lists")
