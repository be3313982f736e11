"""Which names a member of a wheel may have (faults A-4, A-6, A-12)."""

from __future__ import annotations

import re

MAX_NAME = 4096
"""Bytes of a name; Linux takes no longer path."""

MAX_COMPONENT = 255
"""Bytes between two slashes; Linux takes no longer file name."""

WHITEOUT = ".wh."
"""A file of this prefix in a layer removes what lies below it."""

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"

# Components that are not empty, '.', '..' or a whiteout, without backslash and control characters. Length is
# counted in characters here; only a name outside ASCII needs to be looked at again.
_COMPONENT = rf"(?!\.\.?(?:/|\Z)|\.wh\.)[^/\\{_CONTROL}]{{1,{MAX_COMPONENT}}}"
_GOOD = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_BAD_CHARACTER = re.compile(rf"[\\{_CONTROL}]")

good = _GOOD.match
"""For an ASCII name: something true if it is acceptable. Anything else is asked of :func:`objection`."""


def objection(name: str) -> str:
    """Return what is wrong with ``name`` (a directory's is given without its slash), or an empty string.

    The text continues a sentence that starts with the name.
    """
    if not name:
        return "is empty"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME:
        return f"is longer than {MAX_NAME} bytes"
    if name.startswith("/"):
        return "is absolute"
    if found := _BAD_CHARACTER.search(name):
        return "has a backslash" if found[0] == "\\" else "has a control character"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "has an empty, '.' or '..' component"
        if part.startswith(WHITEOUT):
            return "would remove files of the layers below ('.wh.')"
        if len(part.encode("utf-8", "surrogatepass")) > MAX_COMPONENT:
            return f"has a component longer than {MAX_COMPONENT} bytes"
    return ""
