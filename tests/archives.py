"""Tar archives byte by byte: what no honest writer makes, and what honest ones made long ago.

Nothing here uses the code under test. An archive is a list of parts::

    raw = archive(directory("etc"), file("etc/passwd", b"root"), symlink("lib", "usr/lib"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK = 512
END = bytes(2 * BLOCK)
USTAR, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)


def field(value: int | bytes, size: int) -> bytes:
    """Return a number as octal digits and a NUL, or raw bytes filled up."""
    return value.ljust(size, b"\0") if isinstance(value, bytes) else b"%0*o\0" % (size - 1, value)


def header(
    name: str | bytes,
    flag: bytes = b"0",
    *,
    size: int | bytes = 0,
    mode: int | bytes = 0o644,
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    mtime: int | bytes = 0,
    link: str | bytes = b"",
    magic: bytes = USTAR,
    major: int | bytes = 0,
    minor: int | bytes = 0,
    prefix: bytes = b"",
    checksum: bytes = b"",
) -> bytes:
    """Return one header block; any field may be given raw."""
    name = name.encode() if isinstance(name, str) else name
    link = link.encode() if isinstance(link, str) else link
    numbers = b"".join((field(mode, 8), field(uid, 8), field(gid, 8), field(size, 12), field(mtime, 12)))
    head = name.ljust(100, b"\0") + numbers
    devices = field(major, 8) + field(minor, 8) if magic != V7 else bytes(16)
    tail = flag + link.ljust(100, b"\0") + magic + bytes(64) + devices + prefix.ljust(155, b"\0") + bytes(12)
    total = sum(head) + sum(tail) + 8 * 0x20
    block = head + (checksum or b"%06o\0 " % total) + tail
    assert len(block) == BLOCK
    return block


def padded(data: bytes) -> bytes:
    """Return content filled up to whole blocks."""
    return data + bytes(-len(data) % BLOCK)


def file(name: str | bytes, data: bytes = b"", **fields: Any) -> bytes:
    """Return a regular file."""
    fields.setdefault("size", len(data))
    return header(name, **fields) + padded(data)


def directory(name: str, mode: int = 0o755, **fields: Any) -> bytes:
    """Return a directory."""
    return header(name.rstrip("/") + "/", b"5", mode=mode, **fields)


def symlink(name: str, target: str, **fields: Any) -> bytes:
    """Return a symbolic link."""
    return header(name, b"2", mode=0o777, link=target, **fields)


def hardlink(name: str, target: str, **fields: Any) -> bytes:
    """Return a hard link."""
    return header(name, b"1", link=target, **fields)


def device(name: str, major: int, minor: int, flag: bytes = b"3", **fields: Any) -> bytes:
    """Return a character device, or with ``flag`` b"4" a block device."""
    return header(name, flag, major=major, minor=minor, **fields)


def fifo(name: str, **fields: Any) -> bytes:
    """Return a named pipe."""
    return header(name, b"6", **fields)


def whiteout(path: str) -> bytes:
    """Return the marker that deletes ``path``."""
    parent, slash, name = path.rpartition("/")
    return file(f"{parent}{slash}.wh.{name}", mode=0)


def record(key: str, value: bytes | str) -> bytes:
    """Return one line of a PAX header."""
    value = value.encode() if isinstance(value, str) else value
    rest = f" {key}=".encode() + value + b"\n"
    length = len(rest) + 1
    while length != len(rest) + len(str(length)):
        length += 1
    return str(length).encode() + rest


def pax(records: Mapping[str, bytes | str] | bytes, flag: bytes = b"x", **fields: Any) -> bytes:
    """Return an extended header (``flag`` b"g": a global one) for the part that follows."""
    data = records if isinstance(records, bytes) else b"".join(record(*item) for item in records.items())
    return file("PaxHeaders/x", data, flag=flag, **fields)


def gnu_long(name: str, flag: bytes = b"L") -> bytes:
    """Return a GNU long name (b"K": long link target) for the part that follows."""
    return file("././@LongLink", name.encode() + b"\0", flag=flag, magic=GNU)


def base256(value: int, size: int) -> bytes:
    """Return a number as GNU writes what octal digits cannot hold."""
    return bytes([(value >> 8 * (size - 1)) & 0x7F | 0x80]) + (value & (1 << 8 * (size - 1)) - 1).to_bytes(
        size - 1
    )


def archive(*parts: bytes, end: bytes = END) -> bytes:
    """Return the parts with an end marker."""
    return b"".join(parts) + end
