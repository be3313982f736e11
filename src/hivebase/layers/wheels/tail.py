"""The end of a zip file: where its central directory is and how many members it has (fault A-12)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from hivebase.layers.wheels.refuse import refused

if TYPE_CHECKING:
    import mmap

MAX_MEMBERS = 200_000

_END = struct.Struct("<4sHHHHIIH")
_END_SIGNATURE = b"PK\x05\x06"
_END64 = struct.Struct("<4sQHHIIQQQQ")
_END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR = struct.Struct("<4sIQI")
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_MAX_COMMENT = 0xFFFF


class Bounds(NamedTuple):
    """Where the central directory starts and ends, and how many members it lists."""

    start: int
    end: int
    members: int


def find(data: mmap.mmap, where: str) -> Bounds:
    """Read the end record, which must be the only one and the very end of the file.

    Raises:
        CorruptContentError: it is not, spans disks, contradicts its zip64 form, or lists too many members.
    """
    end = len(data) - _END.size
    if end < 0 or data[end : end + 4] != _END_SIGNATURE:
        at_all = data.rfind(_END_SIGNATURE, max(0, end - _MAX_COMMENT))
        raise refused(
            where, "something follows its end record" if at_all >= 0 else "it is not a zip file, or cut short"
        )
    _, disk, start_disk, here, count, size, start, comment = _END.unpack_from(data, end)
    if comment:
        raise refused(where, "something follows its end record")
    if data[max(0, end - _LOCATOR.size) : end].startswith(_LOCATOR_SIGNATURE):
        end, wide = _wide(data, end - _LOCATOR.size, where)
        narrow = (disk, start_disk, here, count, size, start)
        limits = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
        if any(n not in (w, most) for n, w, most in zip(narrow, wide, limits, strict=True)):
            raise refused(where, "its end record and the zip64 one disagree")
        disk, start_disk, here, count, size, start = wide
    elif 0xFFFF in (here, count) or 0xFFFFFFFF in (size, start):
        raise refused(where, "its end record refers to a zip64 one that is not there")
    if disk or start_disk or here != count:
        raise refused(where, "it is part of a set of several disks")
    if start + size != end:
        raise refused(where, "its central directory is not right before its end record")
    if count > MAX_MEMBERS:
        raise refused(where, f"it has more than {MAX_MEMBERS} members")
    _only_one(data, start, where)
    return Bounds(start, end, count)


def _wide(data: mmap.mmap, locator: int, where: str) -> tuple[int, tuple[int, ...]]:
    """Return where the zip64 end record starts, and its six numbers."""
    _, disk, at, disks = _LOCATOR.unpack_from(data, locator)
    if disk or disks > 1 or at != locator - _END64.size:
        raise refused(where, "its zip64 end record is not where it should be")
    signature, size, _, _, *wide = _END64.unpack_from(data, at)
    if signature != _END64_SIGNATURE or size != _END64.size - 12:
        raise refused(where, "its zip64 end record is damaged")
    return at, tuple(wide)


def _only_one(data: mmap.mmap, start: int, where: str) -> None:
    """Refuse other end records that a reader might take for the one.

    A wheel may contain a stored zip file, so the signature inside a member's data means nothing by itself;
    but the comment of such a record must not reach to the end of this file, and none may be in the directory
    or in the end record itself.
    """
    last = len(data) - _END.size
    first = max(0, last - _MAX_COMMENT)
    several = data.find(_END_SIGNATURE, start, last + 3) >= 0 or data.find(_END_SIGNATURE, last + 1) >= 0
    at = data.find(_END_SIGNATURE, first, start + 3)
    while at >= 0 and not several:
        comment = len(data) - at - _END.size
        several = data[at + 20 : at + 22] == comment.to_bytes(2, "little")
        at = data.find(_END_SIGNATURE, at + 1, start + 3)
    if several:
        raise refused(where, "it has more than one end record")
