"""Texts from images, made fit for a document that others read."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LONGEST = 255
"""Characters of a name or a version; file systems and indexes take no longer ones."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_~:-]*\Z", re.ASCII)


def decoded(data: bytes) -> str:
    """Return the text of a file; what is not UTF-8 in it is replaced."""
    return data.decode("utf-8", "replace")


def shown(path: str) -> str:
    """Return a path without the parts of it that are not UTF-8."""
    return decoded(path.encode("utf-8", "surrogateescape"))


def is_name(text: str) -> bool:
    """Tell whether ``text`` can be the name of a Python distribution (Core metadata, "Name")."""
    return len(text) <= LONGEST and bool(_NAME.match(text))


def is_version(text: str) -> bool:
    """Tell whether ``text`` can be a version of a package; whether it is a valid one is not asked."""
    return len(text) <= LONGEST and bool(_VERSION.match(text))


def line(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` in one line of printable characters, cut where it is long."""
    kept = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return kept if len(kept) <= longest else f"{kept[: longest - 1]}…"


def bare_url(url: str) -> str:
    """Return an address without user, password, query and fragment, each of which may be a credential; '' for none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if not parts.scheme:
        return ""
    return line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", 1000)
