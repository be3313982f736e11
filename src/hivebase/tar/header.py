"""One header block as stored, what extended headers change in it, and the checked entry that comes of it."""

from __future__ import annotations

import re
import struct

from hivebase.errors import CorruptContentError
from hivebase.tar.entry import FLAGS, MAX_ID, OCTAL_12, XATTR, Entry, Limits

_FIELDS = struct.Struct("100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12s")
_KINDS = {flag: kind for kind, flag in FLAGS.items()}
_DECIMAL = re.compile(rb"-?[0-9]{1,19}\Z")
_TIME = re.compile(rb"(-?)([0-9]{1,18})(?:\.([0-9]*))?\Z")


def bad(what: str, name: str = "", where: str = "") -> CorruptContentError:
    """Return the error that says ``what`` is wrong with the archive ``where``, at its entry ``name``."""
    at = f" at {name[:200]!r}" if name else ""
    return CorruptContentError(f"not an acceptable tar archive{at}: {what}", where=where)


def is_sparse(key: bytes) -> bool:
    """Whether a PAX key belongs to GNU's sparse formats 0.0, 0.1 and 1.0."""
    return key.startswith(b"GNU.sparse.")


class Raw:
    """The fields of one header block; names are bytes and not yet checked."""

    __slots__ = ("flag", "gid", "link", "major", "minor", "mode", "mtime", "name", "size", "uid", "xattrs")

    def __init__(self, block: bytes) -> None:
        fields = _FIELDS.unpack(block)
        if _number(fields[6]) not in _checksums(block):
            raise bad("a header with a wrong checksum")
        self.flag: bytes = fields[7]
        self.name: bytes = fields[0].partition(b"\0")[0]
        self.link: bytes = fields[8].partition(b"\0")[0]
        self.mode, self.uid, self.gid, self.size, self.mtime = (_number(f) for f in fields[1:6])
        self.xattrs: tuple[tuple[str, bytes], ...] = ()
        self.major = self.minor = 0
        if fields[9][:5] != b"ustar":
            return  # Unix V7: no prefix, no devices
        self.major, self.minor = _number(fields[13]), _number(fields[14])
        prefix: bytes = fields[15].partition(b"\0")[0]
        if fields[9] == b"ustar " and not _gnu_has_prefix(block):
            prefix = b""
        elif block[508:] == b"tar\0":  # star keeps times in the last 24 bytes of the prefix
            prefix = prefix[:131]
        if prefix:
            self.name = prefix + b"/" + self.name

    def merge(self, pax: dict[bytes, bytes], long_name: bytes, long_link: bytes) -> None:
        """Apply extended headers, refusing where readers would disagree."""
        shown = self.name.decode("utf-8", "replace")
        if self.flag == b"S" or any(is_sparse(key) for key in pax):
            raise bad("sparse files are not supported; write the archive without --sparse", shown)
        name, link = pax.get(b"path", b""), pax.get(b"linkpath", b"")
        if (name and long_name and name != long_name) or (link and long_link and link != long_link):
            raise bad("a PAX and a GNU long name disagree", shown)
        final = long_name or name or self.name
        # An old regular file is a directory when its name ends in a slash; which name decides is the trap.
        if self.flag == b"\0" and final.endswith(b"/") != self.name.endswith(b"/"):
            raise bad("its short and long names disagree on whether it is a directory", shown)
        self.name, self.link = final, long_link or link or self.link
        if not pax:
            return
        self.uid = _decimal(pax, b"uid", self.uid)
        self.gid = _decimal(pax, b"gid", self.gid)
        size = _decimal(pax, b"size", self.size)
        # Two sizes are honest only when the old field cannot hold the number; what it says then is noise.
        if size != self.size and size <= OCTAL_12:
            raise bad(f"two sizes, {self.size} and {size}", shown)
        self.size = size
        self.mtime = _time(pax, self.mtime)
        self.xattrs = tuple(
            (key[len(XATTR) :].decode("utf-8", "surrogateescape"), value)
            for key, value in sorted(pax.items())
            if key.startswith(XATTR) and len(key) > len(XATTR)
        )

    def entry(self, limits: Limits) -> Entry:
        """Return the checked entry.

        Raises:
            CorruptContentError: a field is out of range or a name beyond ``limits``.
        """
        if self.flag == b"\0":
            self.flag = b"5" if self.name.endswith(b"/") else b"0"
        name = _checked(self.name, "name", limits)
        kind = _KINDS.get(self.flag)
        if kind is None:
            raise bad(f"an entry of unknown type {self.flag!r}", name)
        if self.size < 0:
            raise bad(f"a size of {self.size} bytes", name)
        if not 0 <= self.uid <= MAX_ID or not 0 <= self.gid <= MAX_ID:
            raise bad(f"owner {self.uid}:{self.gid}", name)
        device = kind in ("char", "block")
        return Entry(
            name=name.rstrip("/") if kind == "dir" else name,
            kind=kind,
            mode=self.mode & 0o7777,
            uid=self.uid,
            gid=self.gid,
            # The other types have no content, whatever their size field says: as in Go.
            size=self.size if kind == "file" else 0,
            mtime=self.mtime,
            link=_checked(self.link, "link target", limits) if kind in ("symlink", "hardlink") else "",
            major=self.major if device else 0,
            minor=self.minor if device else 0,
            xattrs=self.xattrs,
        )


def parse_records(data: bytes) -> dict[bytes, bytes]:
    """Parse the ``<length> <key>=<value>`` lines of an extended header; the last of a key wins.

    Raises:
        CorruptContentError: a line is malformed.
    """
    at, records = 0, {}
    while at < len(data):
        digits, space, _ = data[at : at + 8].partition(b" ")
        end = at + int(digits) if space and digits.isdigit() else 0
        key, equals, value = data[at + len(digits) + 1 : max(0, end - 1)].partition(b"=")
        if end > len(data) or data[end - 1 : end] != b"\n" or not key or not equals or b"\0" in key:
            raise bad("a malformed extended header")
        records[key] = value
        at = end
    return records


def _checked(name: bytes, what: str, limits: Limits) -> str:
    text = name.decode("utf-8", "surrogateescape")
    if b"\0" in name:
        raise bad(f"a NUL byte in a {what}", text)
    if len(name) > limits.name:
        raise bad(f"a {what} of {len(name)} bytes (limit {limits.name})", text)
    if name.count(b"/") >= limits.depth:
        raise bad(f"a {what} of more than {limits.depth} components", text)
    return text


def _checksums(block: bytes) -> tuple[int, int]:
    """Return the checksum over unsigned bytes, and over signed ones, which old writers used."""
    counted = block[:148] + block[156:]
    unsigned = sum(counted) + 8 * 0x20  # the field itself counts as spaces
    return unsigned, unsigned if counted.isascii() else unsigned - 256 * sum(c >= 0x80 for c in counted)


def _number(field: bytes) -> int:
    """Read an octal field, or a base-256 one: GNU, top bit set, two's complement from the second bit on."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        if not -(1 << 63) <= value < 1 << 63:
            raise bad("a number beyond 64 bits")
        return value
    text = field.strip(b" \0").partition(b"\0")[0]
    # int() alone would also take a sign, an underscore or a 0o prefix.
    if text.strip(b"01234567"):
        raise bad(f"a malformed number {field!r}")
    return int(text, 8) if text else 0


def _decimal(pax: dict[bytes, bytes], key: bytes, default: int) -> int:
    text = pax.get(key, b"")
    if text and not _DECIMAL.match(text):
        raise bad(f"a malformed {key.decode()} {text[:40]!r}")
    return int(text) if text else default


def _time(pax: dict[bytes, bytes], default: int) -> int:
    text = pax.get(b"mtime", b"")
    if not text:
        return default
    match = _TIME.match(text)
    if not match:
        raise bad(f"a malformed time {text[:40]!r}")
    whole, fraction = int(match[2]), bool((match[3] or b"").strip(b"0"))
    return -whole - fraction if match[1] else whole


def _gnu_has_prefix(block: bytes) -> bool:
    """Whether a GNU header holds a ustar prefix where GNU has times: Go before 1.8 wrote such layers."""
    try:
        for field in (block[345:357], block[357:369]):
            if field[0]:
                _number(field)
    except CorruptContentError:
        return block[345:500].partition(b"\0")[0].isascii()
    return False
