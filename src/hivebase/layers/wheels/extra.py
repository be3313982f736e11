"""The extra fields of a member: zip64 sizes are understood, a second name is refused, the rest is skipped."""

from __future__ import annotations

import struct

from hivebase.layers.wheels.refuse import refused, shown

_ZIP64 = 0x0001
_UNICODE_PATH = 0x7075  # another name for the member, which some readers believe and others do not
_TOO_LONG = 0xFFFFFFFF

Central = tuple[int, int, int]
"""Size, compressed size and offset of the local header."""

Local = tuple[int, int]
"""Size and compressed size."""


def central(field: bytes, narrow: Central, name: bytes, where: str) -> Central:
    """Return the numbers of a central header, each replaced by its zip64 form where it says so.

    Raises:
        CorruptContentError: the fields do not fill ``field``, there is a unicode path, or the zip64 field
            does not hold exactly the numbers that refer to it.
    """
    wide = _zip64(field, name, where)
    missing = narrow.count(_TOO_LONG)
    if wide is None:
        if missing:
            raise _bad(name, where)
        return narrow
    if len(wide) != 8 * missing or not missing:
        raise _bad(name, where)
    numbers = iter(struct.unpack(f"<{missing}Q", wide))
    size, compressed, offset = (next(numbers) if n == _TOO_LONG else n for n in narrow)
    return size, compressed, offset


def local(field: bytes, narrow: Local, name: bytes, where: str) -> Local:
    """Return the sizes of a local header, from its zip64 field where that is meant.

    Old Pythons write the field even though the sizes fit; then both must agree.

    Raises:
        CorruptContentError: as :func:`central`.
    """
    wide = _zip64(field, name, where)
    if wide is None:
        if _TOO_LONG in narrow:
            raise _bad(name, where)
        return narrow
    if len(wide) != 16:
        raise _bad(name, where)
    size, compressed = struct.unpack("<QQ", wide)
    if narrow[0] not in (size, _TOO_LONG) or narrow[1] not in (compressed, _TOO_LONG):
        raise _bad(name, where)
    return size, compressed


def _zip64(field: bytes, name: bytes, where: str) -> bytes | None:
    """Walk all fields; return the content of the zip64 one."""
    found: bytes | None = None
    at = 0
    while at < len(field):
        kind = int.from_bytes(field[at : at + 2], "little")
        length = int.from_bytes(field[at + 2 : at + 4], "little")
        content = field[at + 4 : at + 4 + length]
        if at + 4 > len(field) or len(content) != length:
            raise refused(where, f"the extra fields of {shown(name)} are damaged")
        if kind == _UNICODE_PATH:
            raise refused(where, f"{shown(name)} has a second name in its extra fields")
        if kind == _ZIP64:
            if found is not None:
                raise _bad(name, where)
            found = content
        at += 4 + length
    return found


def _bad(name: bytes, where: str) -> Exception:
    return refused(where, f"the zip64 sizes of {shown(name)} are inconsistent")
