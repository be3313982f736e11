"""Files that a RUN step writes differently each time although nothing differs: they do not enter layers.

Only what nobody can want is listed: logs of the build itself, and caches that their owners make again.
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import NamedTuple


class Volatile(NamedTuple):
    """Paths in the image (``*`` matches any characters, slashes too) and why they are left out."""

    pattern: str
    reason: str


VOLATILE = (
    Volatile("var/log/apt/history.log", "apt writes down when it ran and for how long"),
    Volatile("var/log/apt/term.log", "apt writes down when it ran and what the terminal showed"),
    Volatile("var/log/apt/eipp.log.xz", "notes for debugging apt's planner, in the order of hash tables"),
    Volatile("var/log/dpkg.log", "dpkg writes a time before every line"),
    Volatile("var/log/alternatives.log", "update-alternatives writes a time before every line"),
    Volatile("var/log/bootstrap.log", "debootstrap and mmdebstrap log times and temporary names"),
    Volatile("var/log/fontconfig.log", "the times and order in which fonts were scanned"),
    Volatile("var/cache/ldconfig/aux-cache", "ldconfig remakes it: inode numbers and change times"),
    Volatile("var/cache/apt/pkgcache.bin", "apt remakes it: its tables as they lay in memory"),
    Volatile("var/cache/apt/srcpkgcache.bin", "as pkgcache.bin"),
    Volatile("var/cache/fontconfig/*", "fontconfig remakes it: font caches hold times of directories"),
    Volatile("var/cache/man/*index.db", "mandb remakes it: when it looked at each page"),
    Volatile("*/.cache/pip/selfcheck/*", "pip writes down when it last looked for a newer pip"),
)

_ANY = re.compile("|".join(translate(item.pattern) for item in VOLATILE))


def is_volatile(path: str) -> bool:
    """Whether the regular file at ``path`` is left out of layers."""
    return _ANY.match(path) is not None
