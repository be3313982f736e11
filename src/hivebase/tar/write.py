"""Writing tar: one entry to bytes, and a writer that streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from hivebase.errors import BuildError, UsageError
from hivebase.tar.entry import BLOCK, CHUNK, FLAGS, MAX_ID, OCTAL_8, OCTAL_12, XATTR, Entry, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

END = bytes(2 * BLOCK)
"""The end marker. Nothing is padded beyond it, so an archive's size follows from its content."""

_NAME, _PREFIX = 100, 155


def padding(size: int) -> bytes:
    """Return the zero bytes that fill ``size`` bytes of content up to a whole block."""
    return bytes(-size % BLOCK)


def encode(entry: Entry) -> bytes:
    """Return the header of ``entry``, with a PAX header before it where ustar does not suffice.

    Raises:
        UsageError: the entry cannot be written to a tar at all; the message says why.
    """
    plain = _plain(entry)
    if plain is not None:
        return plain
    name = _bytes(entry.name) + (b"/" if entry.kind == "dir" else b"")
    link = _bytes(entry.link)
    _check_writable(entry, name, link)
    records: list[tuple[bytes, bytes]] = []
    prefix = b""
    if not name.isascii() or len(name) > _NAME:
        split = _split(name)
        if split:
            prefix, name = split
        else:
            records.append((b"path", name))
            name = _ascii(name, entry.kind)
    if not link.isascii() or len(link) > _NAME:
        records.append((b"linkpath", link))
        link = _ascii(link, "symlink")

    def number(key: bytes, value: int, largest: int) -> int:
        if 0 <= value <= largest:
            return value
        records.append((key, b"%d" % value))
        return 0

    numbers = (
        entry.mode & 0o7777,
        number(b"uid", entry.uid, OCTAL_8),
        number(b"gid", entry.gid, OCTAL_8),
        number(b"size", entry.size, OCTAL_12),
        number(b"mtime", entry.mtime, OCTAL_12),
    )
    records += [(XATTR + _bytes(key), value) for key, value in entry.xattrs]
    header = _pack(name, numbers, FLAGS[entry.kind], link, (entry.major, entry.minor), prefix)
    if not records:
        return header
    body = b"".join(_record(key, value) for key, value in sorted(records))
    extended = _pack(b"PaxHeaders.0/entry", (0o644, 0, 0, len(body), 0), b"x", b"", (0, 0), b"")
    return extended + body + padding(len(body)) + header


def _plain(entry: Entry) -> bytes | None:
    """Return the header of what nearly every entry is: a file or directory with a short name; None for others.

    All behind the numbers is the same for all of them, and so is its part of the checksum.
    """
    tail = _TAILS.get(entry.kind)
    name = entry.name + "/" if entry.kind == "dir" else entry.name
    if (
        tail is None
        or not 1 < len(name) <= _NAME
        or not name.isascii()
        or "\0" in name
        or entry.xattrs
        or entry.link
        or not (0 <= entry.uid <= OCTAL_8 and 0 <= entry.gid <= OCTAL_8)
        or not (0 <= entry.size <= OCTAL_12 and 0 <= entry.mtime <= OCTAL_12)
        or (entry.size and entry.kind != "file")
    ):
        return None
    head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.encode().ljust(_NAME, b"\0"),
        entry.mode & 0o7777,
        entry.uid,
        entry.gid,
        entry.size,
        entry.mtime,
    )
    return b"%b%06o\0 %b" % (head, sum(head) + tail[1], tail[0])


def _check_writable(entry: Entry, name: bytes, link: bytes) -> None:
    problem = ""
    if not name.strip(b"/"):
        problem = "it has no name"
    elif b"\0" in name or b"\0" in link:
        problem = "a name holds a NUL byte"
    elif not (0 <= entry.uid <= MAX_ID and 0 <= entry.gid <= MAX_ID):
        problem = f"{entry.uid}:{entry.gid} is not a numeric user and group"
    elif not (0 <= entry.major <= OCTAL_8 and 0 <= entry.minor <= OCTAL_8):
        problem = f"the device number {entry.major}:{entry.minor} does not fit"
    elif entry.size < 0 or (entry.size and entry.kind != "file"):
        problem = f"a {entry.kind} cannot have {entry.size} bytes"
    elif any(not key or "=" in key or "\0" in key for key, _ in entry.xattrs):
        problem = "the name of an extended attribute is empty or holds '=' or NUL"
    if problem:
        raise UsageError(f"cannot store {entry.name[:300]!r} in a tar archive", why=problem)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _ascii(name: bytes, kind: Kind) -> bytes:
    """Return a stand-in for readers without PAX; the PAX header carries the true name."""
    short = bytes(c for c in name if c < 0x80)[: _NAME - 1].rstrip(b"/")
    return short + b"/" if kind == "dir" else short


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Split a long name at a slash into ustar's prefix and name, or return None where that cannot be."""
    if not name.isascii() or len(name) > _PREFIX + 1 + _NAME:
        return None
    at = name.rfind(b"/", 0, min(len(name) - 1, _PREFIX + 1))
    if at <= 0 or len(name) - at - 1 > _NAME:
        return None
    return name[:at], name[at + 1 :]


def _record(key: bytes, value: bytes) -> bytes:
    """Return a line ``<length> <key>=<value>``, where the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _pack(
    name: bytes,
    numbers: tuple[int, int, int, int, int],
    flag: bytes,
    link: bytes,
    device: tuple[int, int],
    prefix: bytes,
) -> bytes:
    head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(_NAME, b"\0"), *numbers)
    tail = b"%b%b%b%07o\0%07o\0%b" % (
        flag,
        link.ljust(_NAME, b"\0"),
        b"ustar\x0000".ljust(72, b"\0"),
        *device,
        prefix.ljust(_PREFIX + 12, b"\0"),
    )
    # The checksum counts its own field as eight spaces.
    return b"%b%06o\0 %b" % (head, sum(head) + sum(tail) + 8 * 0x20, tail)


def _tail(kind: Kind) -> tuple[bytes, int]:
    """Return all behind the checksum of a plain entry, and what it and the checksum's own spaces add up to."""
    whole = _pack(b"x", (0, 0, 0, 0, 0), FLAGS[kind], b"", (0, 0), b"")
    return whole[156:], sum(whole[156:]) + 8 * 0x20


_TAILS: dict[Kind, tuple[bytes, int]] = {"file": _tail("file"), "dir": _tail("dir")}


class Writer:
    """Writes entries to ``sink``, a function that takes bytes; nothing is buffered here."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink

    def add(self, entry: Entry, data: bytes | BinaryIO | None = None) -> None:
        """Write ``entry`` and, for a file, exactly ``entry.size`` bytes of ``data``.

        Raises:
            UsageError: the entry cannot be stored.
            BuildError: ``data`` has another length than the entry says: it changes while it is read.
        """
        self._sink(encode(entry))
        if isinstance(data, bytes):
            if len(data) != entry.size:
                raise _wrong_length(entry, len(data))
            if data:
                self._sink(data)
        else:
            left = entry.size
            while left:
                chunk = data.read(min(CHUNK, left)) if data else b""
                if not chunk:
                    raise _wrong_length(entry, entry.size - left)
                left -= len(chunk)
                self._sink(chunk)
        if entry.size % BLOCK:
            self._sink(padding(entry.size))

    def close(self) -> None:
        """Write the end marker."""
        self._sink(END)


def _wrong_length(entry: Entry, actual: int) -> BuildError:
    return BuildError(
        f"{entry.name!r} has {actual} bytes where {entry.size} were announced",
        why="the file was changed while it was being read",
        hint="build again when nothing writes to it",
    )
