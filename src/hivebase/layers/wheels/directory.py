"""The table of contents of a zip file, believed only where every way to read it agrees (fault A-12).

Readers differ in where they look: at the end record, at the central directory, at the local headers one after
the other. A file that shows two of them different contents is how a wheel passes a check and installs
something else. So the whole file must be accounted for, without gap and overlap: local header, data and
descriptor of each member, the central directory, one end record; and what is said twice must be said alike.
"""

from __future__ import annotations

import struct
from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hivebase.layers.wheels import extra, tail
from hivebase.layers.wheels.paths import MAX_NAME, good
from hivebase.layers.wheels.paths import objection as objection_to
from hivebase.layers.wheels.refuse import refused, shown

if TYPE_CHECKING:
    import mmap

STORED, DEFLATED = 0, 8

MAX_SIZE = 8 << 30
"""Bytes of one member's content: what a tar header can say without an extension."""

MAX_TOTAL = 32 << 30
"""Bytes of the contents of all members."""

# Deflate writes at most 258 bytes for two bits, a ratio of 1,032. More is a lie, and found before inflating.
MAX_RATIO = 1100
FREE = 64 << 10

_UNIX = 3
_ENCRYPTED = 0x41  # traditional, and "strong"
_DESCRIPTOR = 0x08
_UTF8 = 0x800
_KNOWN_FLAGS = 0x80E  # the two hints of effort, a data descriptor, UTF-8
_SET_ID = 0o6000
_TYPE, _FILE, _DIRECTORY = 0o170000, 0o100000, 0o040000
_UNUSUAL = _SET_ID | (_TYPE & ~_FILE)
_KINDS = {
    0o120000: "a symbolic link",
    0o040000: "a directory by its mode and a file by its name",
    0o020000: "a device",
    0o060000: "a device",
    0o010000: "a fifo",
    0o140000: "a socket",
}
_TOO_LONG = 0xFFFFFFFF  # "look into the zip64 field"

_CENTRAL = struct.Struct("<4sBBHHHHHIIIHHHHHII")
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_EMPTY_DEFLATE = b"\x03\x00"  # no content, compressed
_DESCRIPTORS = {12: "<III", 16: "<4sIII", 20: "<IQQ", 24: "<4sIQQ"}  # by length; the signature is optional
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"


class Member(msgspec.Struct, frozen=True, gc=False):
    """One member of a wheel.

    Attributes:
        name: as stored, except that a directory has no trailing slash. Relative, without ``.``, ``..`` and
            whatever else :mod:`~hivebase.layers.wheels.paths` objects to.
        method: 0 stored, 8 deflated.
        crc: CRC-32 of the content, as claimed.
        compressed: bytes in the file.
        size: bytes of the content, as claimed.
        mode: type and permissions as Unix has them, 0 when not said. pip believes it whatever made the file;
            uv only where ``unix`` is true.
        offset: where the data starts in the file.
        is_dir: a directory, which installers ignore.
        unix: the file says that it was made on Unix.
    """

    name: str
    method: int
    crc: int
    compressed: int
    size: int
    mode: int
    offset: int
    is_dir: bool
    unix: bool


class _Span(NamedTuple):
    """The part of the file that a member takes, from its local header to the end of its data."""

    start: int
    end: int
    descriptor: bool
    member: Member


def read_directory(data: mmap.mmap, where: str) -> tuple[Member, ...]:
    """Return the members of the zip file ``data`` in the order of its central directory.

    Raises:
        CorruptContentError: anything that an honest, plain wheel has no need for.
    """
    bounds = tail.find(data, where)
    directory = data[bounds.start : bounds.end]
    spans: list[_Span] = []
    at = total = 0
    for _ in range(bounds.members):
        span, at = _entry(data, directory, at, where)
        spans.append(span)
        total += span.member.size
    if at != len(directory):
        raise refused(where, "something lies between its central directory and its end record")
    if total > MAX_TOTAL:
        raise refused(where, f"its contents are larger than {MAX_TOTAL} bytes")
    _check_layout(data, spans, bounds.start, where)
    members = tuple([span.member for span in spans])
    _check_names(members, where)
    return members


def _entry(data: mmap.mmap, directory: bytes, at: int, where: str) -> tuple[_Span, int]:
    """Return the member whose central header is at ``at``, and where the next one is."""
    if at + _CENTRAL.size > len(directory):
        raise refused(where, "its central directory is cut short")
    (
        signature, _, system, _, flags, method, _, _, crc, compressed, size,
        name_length, extra_length, comment_length, disk, _, attributes, start,
    ) = _CENTRAL.unpack_from(directory, at)  # fmt: skip
    extra_at = at + _CENTRAL.size + name_length
    after = extra_at + extra_length + comment_length
    if signature != _CENTRAL_SIGNATURE or after > len(directory):
        raise refused(where, "its central directory is damaged")
    raw_name = directory[at + _CENTRAL.size : extra_at]
    if extra_length:
        field = directory[extra_at : extra_at + extra_length]
        size, compressed, start = extra.central(field, (size, compressed, start), raw_name, where)
    elif _TOO_LONG in (size, compressed, start):
        raise refused(where, f"the zip64 sizes of {shown(raw_name)} are missing")
    name, is_dir = _name(raw_name, flags, where)

    # The local header says bytes 6 to 30 of the central one again. Where it says exactly the same, nothing
    # of it needs to be looked at one by one.
    local = data[start : start + _LOCAL.size + name_length]
    offset = start + _LOCAL.size + name_length
    if (
        extra_length
        or not local.startswith(_LOCAL_SIGNATURE + directory[at + 6 : at + 30])
        or not local.endswith(raw_name)
        or local[28:30] != b"\0\0"
    ):
        offset = _compare(data, start, raw_name, (flags, method, crc, compressed, size), where)
    mode = attributes >> 16
    member = Member(name, method, crc, compressed, size, mode, offset, is_dir, system == _UNIX)
    if (
        flags & ~_KNOWN_FLAGS
        or disk
        or mode & _UNUSUAL
        or (compressed != size if method == STORED else method != DEFLATED)
        or size > MAX_RATIO * compressed + FREE
        or size > MAX_SIZE
        or is_dir
    ) and (objection := _objection(member, flags, disk)):
        raise refused(where, f"{shown(name)} {objection}")
    return _Span(start, offset + compressed, bool(flags & _DESCRIPTOR), member), after


def _name(raw: bytes, flags: int, where: str) -> tuple[str, bool]:
    """Return the checked name of a member, and whether it is a directory."""
    plain = raw.isascii()
    if not plain and not flags & _UTF8:
        raise refused(where, f"the name {shown(raw)} is in no known encoding")
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused(where, f"the name {shown(raw)} is not UTF-8") from error
    is_dir = name.endswith("/")
    if is_dir:
        name = name[:-1]
    if (not plain or len(raw) > MAX_NAME or not good(name)) and (wrong := objection_to(name)):
        raise refused(where, f"the name {shown(raw)} {wrong}")
    return name, is_dir


def _objection(member: Member, flags: int, disk: int) -> str:
    """Return what is wrong with a member, for a sentence that starts with its name, or an empty string."""
    kind = member.mode & _TYPE
    size, compressed, method = member.size, member.compressed, member.method
    usual = (0, _FILE, _DIRECTORY) if member.is_dir else (0, _FILE)
    content = bool(size or member.crc or compressed > len(_EMPTY_DEFLATE))
    problems = (
        (flags & _ENCRYPTED, "is encrypted"),
        (flags & ~_KNOWN_FLAGS, f"has flags that are not understood ({flags:#06x})"),
        (disk, "is on another disk"),
        (method not in (STORED, DEFLATED), f"is compressed by a method that wheels do not use ({method})"),
        (member.mode & _SET_ID, "is setuid or setgid"),
        (kind not in usual, f"is {_KINDS.get(kind, 'of an unknown kind')}"),
        (size > MAX_SIZE, f"is larger than {MAX_SIZE} bytes"),
        (method == STORED and size != compressed, "is stored in another size than its own"),
        (size > MAX_RATIO * compressed + FREE, "claims a size that it cannot unpack to"),
        (member.is_dir and content, "is a directory with content"),
    )
    return next((what for wrong, what in problems if wrong), "")


def _compare(
    data: mmap.mmap, start: int, name: bytes, said: tuple[int, int, int, int, int], where: str
) -> int:
    """Check a local header against what the central one ``said``; return where the data starts."""
    end = start + _LOCAL.size
    if end > len(data) or data[start : start + 4] != _LOCAL_SIGNATURE:
        raise refused(where, f"{shown(name)} is not where the central directory says")
    _, _, flags, method, _, _, crc, compressed, size, *lengths = _LOCAL.unpack_from(data, start)
    name_length, extra_length = lengths
    offset: int = end + name_length + extra_length
    if data[end : end + name_length] != name:
        raise refused(where, f"{shown(name)} is called otherwise in its local header")
    size, compressed = extra.local(data[end + name_length : offset], (size, compressed), name, where)
    unsaid = bool(flags & _DESCRIPTOR) and not (crc or compressed or size)
    if (flags, method) != said[:2] or not (unsaid or (crc, compressed, size) == said[2:]):
        raise refused(where, f"the local header of {shown(name)} disagrees with the central directory")
    return offset


def _check_layout(data: mmap.mmap, spans: list[_Span], end: int, where: str) -> None:
    """Check that members follow each other from the file's first byte to ``end`` and nothing else is there."""
    ordered = sorted(spans, key=attrgetter("start"))
    starts = [span.start for span in ordered] + [end]
    if starts[0]:
        raise refused(where, "something precedes its first member")
    for span, following in zip(ordered, starts[1:], strict=True):
        gap = following - span.end
        if gap < 0:
            raise refused(where, f"{shown(span.member.name)} overlaps what follows it")
        if span.descriptor:
            _check_descriptor(data[span.end : following] if gap <= 24 else b"", span.member, where)
        elif gap:
            raise refused(where, f"something follows {shown(span.member.name)} that belongs to no member")


def _check_descriptor(raw: bytes, member: Member, where: str) -> None:
    layout = _DESCRIPTORS.get(len(raw))
    said = struct.unpack(layout, raw) if layout else ()
    if said[-3:] != (member.crc, member.compressed, member.size) or (
        len(said) > 3 and said[0] != _DESCRIPTOR_SIGNATURE
    ):
        raise refused(where, f"the data descriptor of {shown(member.name)} is wrong")


def _check_names(members: tuple[Member, ...], where: str) -> None:
    """Check that no name is there twice, and that no file is where another member has a directory."""
    kinds = {member.name: member.is_dir for member in members}
    if len(kinds) != len(members):
        twice = Counter(member.name for member in members).most_common(1)[0][0]
        raise refused(where, f"{shown(twice)} is there twice")
    parents: set[str] = set()
    for name in kinds:
        parent = name.rpartition("/")[0]
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition("/")[0]
    for parent in parents:
        if kinds.get(parent) is False:
            raise refused(where, f"{shown(parent)} is a file and also the directory of others")
