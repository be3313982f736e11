"""What a step prints: secrets masked, cut into lines of bounded length, free of control characters."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_LINE = 4096
"""Characters of one line; a longer one is cut into several."""

MASK = b"***"

_SHORTEST_SECRET = 4
"""Bytes. Shorter values are not masked: they would turn ordinary words into stars, and tell the value."""

# Escape sequences (ECMA-48): CSI with parameters, the strings OSC, DCS, SOS, PM, APC up to their terminator,
# and the two and three byte ones. A string without an end within reason is dropped by its introducer alone.
_ESCAPES = re.compile(
    r"""
    (?: \x1b\[ | \x9b ) [0-?]* [ -/]* [@-~]
  | (?: \x1b[\]PX^_] | [\x9d\x90\x98\x9e\x9f] ) [^\x07\x1b\x9c]{0,4096} (?: \x07 | \x1b\\ | \x9c )
  | \x1b [ -/]* [0-~]
    """,
    re.VERBOSE,
)

# C0 but the tab, DEL, C1, and the characters that reorder text (a line could then read as another one).
_CONTROLS = (
    *range(0x09), *range(0x0A, 0x20), *range(0x7F, 0xA0),
    0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A),
)  # fmt: skip
_VISIBLE = {code: chr(code).encode("unicode_escape").decode() for code in _CONTROLS}


def clean_line(text: str) -> str:
    r"""Return ``text`` without escape sequences; other control characters become visible (``\x07``)."""
    if text.isprintable():  # quick, and true of nearly every line
        return text
    return _ESCAPES.sub("", text).translate(_VISIBLE)


class Lines:
    """Turns chunks of bytes into clean lines, in bounded memory.

    A carriage return that is not part of a line end starts the line anew, as a terminal does: of a progress
    bar the last state remains.

    Args:
        sink: takes each line, without its end.
    """

    def __init__(self, sink: Callable[[str], object]) -> None:
        self._sink = sink
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the output."""
        self._take(self._decoder.decode(chunk))

    def close(self) -> None:
        """Give out the last line if it has no end."""
        self._take(self._decoder.decode(b"", final=True))
        if self._pending:
            self._give(self._pending)
        self._pending = ""

    def _take(self, text: str) -> None:
        *lines, self._pending = (self._pending + text).split("\n")
        for line in lines:
            self._give(line)
        # Of what a carriage return overwrites nothing is kept; the last character may be half a line end.
        front, _, last = self._pending[:-1].rpartition("\r")
        if front:
            self._pending = last + self._pending[-1]
        while len(self._pending) > MAX_LINE:
            self._give(self._pending[:MAX_LINE])
            self._pending = self._pending[MAX_LINE:]

    def _give(self, line: str) -> None:
        if "\r" in line:
            line = line.rstrip("\r").rpartition("\r")[2]
        for start in range(0, len(line) or 1, MAX_LINE):
            self._sink(clean_line(line[start : start + MAX_LINE]))


class Masker:
    """Replaces secret values in a stream of bytes, also where a value is cut by the end of a chunk.

    Args:
        values: the secrets. Of a value of several lines each line counts, as tools print them one by one.
    """

    def __init__(self, values: Iterable[bytes]) -> None:
        secrets = {part for value in values for part in _parts(value)}
        self._secrets = sorted(secrets, key=lambda secret: (-len(secret), secret))
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if secrets else None
        self._reach = max(map(len, secrets), default=1) - 1
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what can be given out so far."""
        if self._pattern is None:
            return chunk
        data = self._pattern.sub(MASK, self._tail + chunk)
        keep = self._possible_start(data)
        self._tail = data[len(data) - keep :]
        return data[: len(data) - keep]

    def close(self) -> bytes:
        """Return the rest."""
        tail, self._tail = self._tail, b""
        return tail

    def _possible_start(self, data: bytes) -> int:
        """How many bytes at the end may be the start of a secret; only those wait for the next chunk."""
        for size in range(min(self._reach, len(data)), 0, -1):
            if any(secret.startswith(data[-size:]) for secret in self._secrets):
                return size
        return 0


def _parts(value: bytes) -> Iterator[bytes]:
    for line in value.splitlines():
        if len(line.strip()) >= _SHORTEST_SECRET:
            yield line.strip()
