"""Here-documents: finding ``<<NAME`` in an instruction, and what a RUN with heredocs gives to the shell.

Heredocs are found in RUN, COPY and ADD in their shell form, and in those behind ONBUILD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.dockerfile.expand import ExpandError, raw_words, unquoted_words

if TYPE_CHECKING:
    from hivebase.dockerfile.ast import Command

_MARKER = re.compile(r"\d*+<<(-?)\s*+([^<]*+)")


@dataclass(frozen=True, slots=True)
class Marker:
    """A ``<<NAME``; ``written`` is the word as it stands in the instruction."""

    written: str
    name: str
    expand: bool
    chomp: bool


def marker(word: str) -> Marker | None:
    """Return the heredoc that ``word`` opens, or None when it opens none."""
    match = _MARKER.fullmatch(word)
    if not match or not match[2]:
        return None
    try:
        names = unquoted_words(match[2], keep_quotes=False)
        raw = unquoted_words(match[2], keep_quotes=True)
    except ExpandError:
        return None  # an open quote; the instruction's own reader says so where it matters
    if len(names) != 1 or len(raw) != 1:
        return None
    has_quotes = _quotes(names[0]) != _quotes(raw[0])
    return Marker(word, names[0], expand=not has_quotes, chomp=bool(match[1]))


def _quotes(word: str) -> int:
    return word.count("'") + word.count('"')


def markers(line: str) -> tuple[Marker, ...]:
    """Return the heredocs that an instruction opens, in order; none when its quotes do not close."""
    if "<<" not in line:
        return ()
    try:
        words = raw_words(line)
    except ExpandError:
        return ()
    return tuple(found for found in map(marker, words) if found)


def is_script(command: Command) -> bool:
    """Whether the command is a heredoc alone, whose body is then the script itself.

    Such a body that begins with ``#!`` is run as a file (BuildKit puts it at ``/dev/pipes/NAME``).
    """
    return bool(command.heredocs) and command.form == "shell" and marker(command.argv[0]) is not None


def shell_text(command: Command) -> str:
    """Return what the shell is to run for a ``shell`` form: the text, with heredocs put back in place."""
    if is_script(command):
        return command.heredocs[0].content
    return "".join([command.argv[0], *(f"\n{doc.content}{doc.name}" for doc in command.heredocs)])
