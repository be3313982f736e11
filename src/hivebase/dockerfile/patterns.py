"""Shell patterns of ``${v#p}``, ``${v%p}`` and ``${v/p/r}``: ``*`` and ``?`` only; no backtracking.

A pattern is cut at its stars into segments of fixed length. A shortest match takes each segment at its
first place, a longest match takes the last segment at its last place; neither choice is ever taken back, so
the work is bounded by the length of the value times the length of the pattern.

``*`` and ``?`` match line feeds too, as in a shell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_WORK: Final = 2**28
"""Bound for (length of value) x (length of pattern); about a second."""

_ANY: Final = ""
_STAR: Final = "*"


class PatternError(ValueError):
    """The pattern is malformed, or too long for the value."""


class _Segment(msgspec.Struct, frozen=True):
    """A run of single-character tokens between two stars."""

    tokens: tuple[str, ...]
    forward: re.Pattern[str]
    backward: re.Pattern[str]

    @classmethod
    def of(cls, tokens: Sequence[str]) -> _Segment:
        parts = [re.escape(token) if token else "." for token in tokens]
        return cls(
            tuple(tokens), re.compile("".join(parts), re.DOTALL), re.compile("".join(parts[::-1]), re.DOTALL)
        )

    def first(self, value: str, start: int) -> int | None:
        """Return where the first occurrence at or after ``start`` begins."""
        found = self.forward.search(value, start)
        return found.start() if found else None

    def last(self, value: str, start: int) -> int | None:
        """Return where the last occurrence at or after ``start`` begins."""
        found = self.backward.search(value[start:][::-1])
        return len(value) - found.end() if found else None


def _tokens(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield (character, is special) pairs; a backslash takes the special meaning away."""
    characters = iter(pattern)
    for character in characters:
        if character != "\\":
            yield character, character in "*?"
            continue
        escaped = next(characters, "")
        if escaped not in {"*", "?", "\\", "}", "/"}:
            message = f'a backslash in a pattern stands before one of * ? \\ / }}, not before "{escaped}"'
            raise PatternError(message)
        yield escaped, False


class Pattern:
    """A parsed pattern."""

    def __init__(self, pattern: str) -> None:
        """Parse ``pattern``.

        Raises:
            PatternError: a backslash stands before an ordinary character.
        """
        self._length = len(pattern) + 1
        runs: list[list[str]] = [[]]
        for character, special in _tokens(pattern):
            if special and character == _STAR:
                runs.append([])
            else:
                runs[-1].append(_ANY if special else character)
        self._runs = runs

    def _segments(self, value: str, *, backwards: bool = False) -> list[_Segment]:
        if len(value) * self._length > MAX_WORK:
            message = (
                f"a pattern of {self._length - 1:,} characters is too long for a value of {len(value):,}"
            )
            raise PatternError(message)
        runs = [run[::-1] for run in reversed(self._runs)] if backwards else self._runs
        return [_Segment.of(run) for run in runs]

    def without_prefix(self, value: str, *, longest: bool) -> str:
        """Return ``value`` without the shortest or longest start that matches.

        Raises:
            PatternError: the pattern is too long for this value.
        """
        end = _match_end(self._segments(value), value, 0, longest=longest)
        return value if end is None else value[end:]

    def without_suffix(self, value: str, *, longest: bool) -> str:
        """Return ``value`` without the shortest or longest end that matches.

        Raises:
            PatternError: the pattern is too long for this value.
        """
        mirrored = value[::-1]
        end = _match_end(self._segments(value, backwards=True), mirrored, 0, longest=longest)
        return value if end is None else mirrored[end:][::-1]

    def spans(self, value: str) -> Iterator[tuple[int, int]]:
        """Yield the longest leftmost matches, left to right.

        An empty match directly behind another match is not one (the rule of Go's ``ReplaceAllString``).

        Raises:
            PatternError: the pattern is too long for this value.
        """
        segments = self._segments(value)
        position = previous_end = 0
        while position <= len(value):
            start = segments[0].first(value, position)
            end = None if start is None else _match_end(segments, value, start, longest=True)
            if start is None or end is None:
                return  # a later start would need the later segments further right still
            if end > previous_end or start == 0:
                yield start, end
                previous_end = end
            position = max(end, position + 1)


def _match_end(segments: Sequence[_Segment], value: str, start: int, *, longest: bool) -> int | None:
    """Return where the shortest or longest match that begins at ``start`` ends, or None."""
    head, *others = segments
    if not head.forward.match(value, start):
        return None
    position = start + len(head.tokens)
    for number, segment in enumerate(others, start=1):
        is_last = number == len(others)
        found = segment.last(value, position) if longest and is_last else segment.first(value, position)
        if found is None:
            return None
        position = found + len(segment.tokens)
    return position
