"""Wildcards of COPY sources: Go's ``filepath.Match``, one path component at a time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from hivebase.dockerfile.globs import Glob, GlobError
from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = re.compile(r"\\.|\*+|.", re.DOTALL)


def has_wildcard(text: str) -> bool:
    """Tell whether ``text`` has an unescaped ``*``, ``?`` or ``[``."""
    return any(piece[0] in "*?[" for piece in _PIECE.findall(text))


def unescape(text: str) -> str:
    """Drop the backslashes of a pattern without wildcards."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


@lru_cache(maxsize=1024)
def component_matcher(pattern: str) -> Callable[[str], bool]:
    """Return the test for one component.

    Raises:
        UsageError: a class is open, empty or backwards, or the pattern ends in a backslash.
    """
    # Several stars mean here what one means; in an ignore file they would cross directories.
    single = "".join("*" if piece[0] == "*" else piece for piece in _PIECE.findall(pattern))
    try:
        return Glob.parse(single).matches
    except GlobError as error:
        raise UsageError(
            f"bad pattern {pattern!r}", why=str(error), hint=r"write a literal [ as \["
        ) from error
