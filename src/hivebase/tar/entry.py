"""What an archive consists of, and how much of it is accepted."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["file", "dir", "symlink", "hardlink", "char", "block", "fifo"]

FLAGS: dict[Kind, bytes] = {
    "file": b"0",
    "hardlink": b"1",
    "symlink": b"2",
    "char": b"3",
    "block": b"4",
    "dir": b"5",
    "fifo": b"6",
}
"""The type flag of each kind."""

BLOCK = 512
"""Bytes of a header; content is padded to a multiple of it."""

CHUNK = 1 << 20
"""Bytes copied at a time."""

MAX_ID = 0xFFFFFFFE
"""Largest user or group: one more means "leave unchanged" to chown(2)."""

OCTAL_8 = 0o7777777
"""Largest number of an 8-byte field."""

OCTAL_12 = 0o77777777777
"""Largest number of a 12-byte field: 8 GiB - 1."""

XATTR = b"SCHILY.xattr."
"""Prefix of the PAX keys that carry extended attributes, in Go as in GNU tar."""


class Entry(msgspec.Struct, frozen=True):
    """One member of an archive.

    Attributes:
        name: as stored, except that a directory has no trailing slash. Who reads untrusted archives passes it
            through :func:`clean` or refuses it; who writes gives it relative and without ``.`` and ``..``.
        mode: permission bits with setuid, setgid and sticky (at most 0o7777).
        size: bytes of content; 0 for everything but files.
        mtime: whole seconds since 1970; fractions of a PAX time are cut off.
        link: target of a symbolic link (any text) or of a hard link (a name in the archive).
        major: of a device.
        minor: of a device.
        xattrs: extended attributes sorted by name.
    """

    name: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    link: str = ""
    major: int = 0
    minor: int = 0
    xattrs: tuple[tuple[str, bytes], ...] = ()


class Limits(msgspec.Struct, frozen=True):
    """What an archive from outside may claim before it is refused (faults A-4, A-7, A-9).

    Attributes:
        entries: members.
        total: bytes of the whole uncompressed archive.
        name: bytes of a name or link target; Linux takes no longer path.
        header: bytes of one extended header or GNU long name; Go's limit.
        depth: components of a name.
    """

    entries: int = 2_000_000
    total: int = 64 << 30
    name: int = 4096
    header: int = 1 << 20
    depth: int = 1024


def clean(name: str) -> str:
    """Return ``name`` as a chroot would read it: no ``.``, ``..`` or slash at either end; '' is the root."""
    if name and "//" not in name and "/." not in name and name[0] not in "./" and name[-1] != "/":
        return name
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
