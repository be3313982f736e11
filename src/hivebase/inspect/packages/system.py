"""The distribution that an image is of (os-release(5))."""

from __future__ import annotations

import re

from hivebase.inspect.packages.model import System
from hivebase.inspect.packages.texts import decoded, line

PLACES = ("etc/os-release", "usr/lib/os-release")
MOST_READ = 1 << 16

_LINE = re.compile(r"(?P<name>[A-Z_]+)=(?P<quote>[\"']?)(?P<value>.*)(?P=quote)[ \t\r]*\Z")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*\Z", re.ASCII)


def system_of(data: bytes) -> System | None:
    """Return what an ``os-release`` says; None where it does not say which distribution it is."""
    said = {match["name"]: match["value"] for row in decoded(data).split("\n") if (match := _LINE.match(row))}

    def word(name: str) -> str:
        value = said.get(name, "")
        return value if len(value) <= 100 and _ID.match(value) else ""

    if not word("ID"):
        return None
    return System(
        word("ID"), word("VERSION_ID"), word("VERSION_CODENAME"), line(said.get("PRETTY_NAME", ""), 100)
    )
