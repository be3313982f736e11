"""Splitting the rest of an instruction: quoted words, plain words, JSON arrays. Nothing is expanded."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from hivebase.dockerfile.source import SPACES

_GAP = re.compile(r"[\t\v\f\r ]+")
_SPACE_CLASS = re.escape(SPACES)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class NotStringsError(ValueError):
    """A JSON array holds something else than strings."""


def quoted_words(text: str, escape: str) -> list[tuple[int, str]]:
    """Split at spaces outside quotes; return (offset, word as written) pairs.

    A quote that never closes reaches to the end. An escape character at the very end is dropped.
    """
    # One word is a run of: plain characters, an escaped character, or a quoted part. Nothing is ever retried.
    mark = re.escape(escape)
    word = re.compile(
        f"(?:[^{_SPACE_CLASS}'\"{mark}]++|{mark}(?s:.)|'[^']*+(?:'|\\Z)"
        f'|"(?:[^"{mark}]++|{mark}(?s:.))*+(?:"|{mark}?\\Z)|{mark}\\Z)++'
    )
    words = ((found.start(), found[0]) for found in word.finditer(text))
    return [(start, _without_dangling(found, escape)) for start, found in words if found != escape]


def _without_dangling(word: str, escape: str) -> str:
    """Drop an escape character at the end of the last word that escapes nothing."""
    trailing = len(word) - len(word.rstrip(escape))
    return word[:-1] if trailing % 2 else word


def plain_words(text: str) -> list[tuple[int, str]]:
    """Split at spaces and tabs whatever the quotes; return (offset, word) pairs."""
    return [(found.start(), found[0]) for found in re.finditer(r"[^\t\v\f\r ]+", text)]


def first_gap(text: str) -> tuple[str, str, int] | None:
    """Split ``text`` at its first spaces into two parts and the offset of the second; None without any."""
    gap = _GAP.search(text)
    return (text[: gap.start()], text[gap.end() :], gap.end()) if gap else None


def json_strings(text: str) -> tuple[str, ...] | None:
    """Return the strings of a JSON array, or None when ``text`` is not a JSON array (it is shell form then).

    Raises:
        NotStringsError: it is an array, but not of strings only.
    """
    if not text.lstrip(SPACES).startswith("["):
        return None
    try:
        values = json.loads(
            text.strip(SPACES), parse_constant=_refuse, parse_float=_number, parse_int=_number
        )
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise NotStringsError
    return tuple(_LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value) for value in values)


def _refuse(constant: str) -> NoReturn:
    """Reject NaN and Infinity, which Python's reader takes for numbers."""
    raise ValueError(constant)


def _number(_text: str) -> None:
    """Any number is as wrong as another here; reading its value could cost quadratic time."""
