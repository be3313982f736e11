"""The patterns of ignore files: ``*`` ``?`` ``[…]`` within a path component, ``**`` across components.

Matching walks the path once with the set of all possible positions in the pattern, so its time is bounded by
length of path x length of pattern; there is no backtracking. Source: moby's ``patternmatcher``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class GlobError(ValueError):
    """The pattern is malformed."""


@dataclass(frozen=True, slots=True)
class _Class:
    """``[a-z]`` or ``[^a-z]``; unlike ``?`` it may match a slash, as in moby."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def matches(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) != self.negated


_ANY: Final = 0
_STAR: Final = 1
_DIRECTORIES: Final = 2
_REST: Final = 3
# A token is a literal character, a class, or one of: any character but a slash; any run of those; nothing or
# any directories with their slash; everything.
_Token = str | _Class | int


@dataclass(frozen=True, slots=True)
class Glob:
    """A parsed pattern; ``matches`` tells whether a whole path fits it."""

    matches: Callable[[str], bool]

    @classmethod
    def parse(cls, pattern: str) -> Glob:
        """Parse a cleaned pattern.

        Raises:
            GlobError: an open or empty ``[``, a range without an end, or a backslash at the end.
        """
        tokens = _tokens(pattern)
        literal = [token for token in tokens if isinstance(token, str)]
        text = "".join(literal)
        if len(literal) == len(tokens):
            return cls(text.__eq__)
        if "\\" not in pattern and pattern.count("*") == 2 and len(literal) == len(tokens) - 1:
            if tokens[-1] == _REST:
                return cls(lambda path: path.startswith(text))
            if pattern.startswith("**/"):
                return cls(lambda path: path == text or path.endswith("/" + text))
            if tokens[0] == _DIRECTORIES:  # moby: **x matches whatever ends in x, but **x* only at a slash
                return cls(lambda path: path.endswith(text))
        return cls(_Automaton(tokens).matches)


def _tokens(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*" and pattern.startswith("*", position):
            position += 1 + pattern.startswith("/", position + 1)
            token: _Token = _REST if position >= len(pattern) else _DIRECTORIES
            if not (tokens and tokens[-1] == _DIRECTORIES == token):  # twice in a row means the same as once
                tokens.append(token)
        elif character == "*":
            tokens.append(_STAR)
        elif character == "?":
            tokens.append(_ANY)
        elif character == "[":
            found, position = _class(pattern, position)
            tokens.append(found)
        elif character == "\\":
            tokens.append(_at(pattern, position))
            position += 1
        else:
            tokens.append(character)
    return tokens


def _at(pattern: str, position: int) -> str:
    if position >= len(pattern):
        message = "it ends in the middle of an escape or of a character class"
        raise GlobError(message)
    return pattern[position]


def _class(pattern: str, position: int) -> tuple[_Class, int]:
    """Read a character class whose ``[`` was just consumed."""
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[tuple[str, str]] = []
    while _at(pattern, position) != "]" or not ranges:
        low, position = _member(pattern, position)
        high = low
        if _at(pattern, position) == "-":
            high, position = _member(pattern, position + 1)
            if high < low:
                message = f"the range {low}-{high} is backwards"
                raise GlobError(message)
        ranges.append((low, high))
    return _Class(tuple(ranges), negated), position + 1


def _member(pattern: str, position: int) -> tuple[str, int]:
    character = _at(pattern, position)
    if character in "-]":
        message = f'"{character}" cannot stand at this place of a character class'
        raise GlobError(message)
    if character == "\\":
        position += 1
        character = _at(pattern, position)
    return character, position + 1


class _Automaton:
    """All positions in a pattern at once, as the bits of one integer (bit i: i cells are matched).

    ``_DIRECTORIES`` takes two cells: the outer one may be skipped or entered, a slash leaves the inner one.
    """

    def __init__(self, tokens: Sequence[_Token]) -> None:
        literals: dict[str, list[int]] = {}
        cells: dict[int, list[int]] = {_ANY: [], _STAR: [], _DIRECTORIES: [], _REST: []}
        classes: list[tuple[int, _Class]] = []
        cell = 0
        for token in tokens:
            if isinstance(token, str):
                literals.setdefault(token, []).append(cell)
            elif isinstance(token, _Class):
                classes.append((cell, token))
            else:
                cells[token].append(cell)
            cell += 2 if token == _DIRECTORIES else 1
        self._literals = {character: _bits(found) for character, found in literals.items()}
        self._classes = [(1 << found, members) for found, members in classes]
        self._any = _bits(cells[_ANY])
        self._star = _bits(cells[_STAR])
        self._outer = _bits(cells[_DIRECTORIES])
        self._inner = self._outer << 1
        self._rest = _bits(cells[_REST])
        self._final = 1 << cell

    def _closed(self, states: int) -> int:
        """Add the cells that can be reached without a character."""
        while True:
            skipped = (states & (self._star | self._outer | self._rest)) << 1 | (states & self._outer) << 2
            more = states | skipped
            if more == states:
                return states
            states = more

    def matches(self, path: str) -> bool:
        """Whether the whole of ``path`` fits."""
        states = self._closed(1)
        for character in path:
            steps = self._literals.get(character, 0)
            stays = self._inner | self._rest if character != "\n" else 0
            if character == "/":
                steps |= self._inner
            else:
                steps |= self._any
                stays |= self._star
            for bit, members in self._classes:
                if states & bit and members.matches(character):
                    steps |= bit
            states = self._closed((states & steps) << 1 | states & stays)
            if not states:
                return False
        return bool(states & self._final)


def _bits(positions: Sequence[int]) -> int:
    """Return the integer with the bits at the ascending ``positions`` set, in time linear in the highest."""
    mask = bytearray(positions[-1] // 8 + 1 if positions else 0)
    for position in positions:
        mask[position // 8] |= 1 << position % 8
    return int.from_bytes(mask, "little")
