"""Physical lines to logical lines: continuations, the comments and blank lines within, and heredoc bodies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hivebase.dockerfile.source import SPACES, LogicalLine

if TYPE_CHECKING:
    from hivebase.dockerfile.source import Source


class LineReader:
    """Reads a source from top to bottom.

    Attributes:
        warnings: (line, text) of blank lines found inside continuations.
    """

    def __init__(self, source: Source, escape: str) -> None:
        self._lines = source.lines
        self._next = 0
        self.warnings: list[tuple[int, str]] = []
        # An escaped escape character at the end of a line continues nothing.
        self._continued = re.compile(f"(?<!{re.escape(escape)}){re.escape(escape)}[ \\t]*\\Z")

    @property
    def line_number(self) -> int:
        """The 1-based number of the last line read."""
        return self._next

    def logical_line(self) -> LogicalLine | None:
        """Return the next instruction as one line, or None at the end of the file."""
        while self._next < len(self._lines):
            line = self._lines[self._next].rstrip("\r")
            text = line.lstrip(SPACES)
            self._next += 1
            if text and not text.startswith("#"):
                return self._joined(text, len(line) - len(text) + 1)
        return None

    def _joined(self, text: str, column: int) -> LogicalLine:
        pieces: list[str] = []
        starts: list[int] = []
        places: list[tuple[int, int]] = []
        length = 0
        first_blank = 0
        while True:
            end = self._continued.search(text)
            piece = text[: end.start()] if end else text
            pieces.append(piece)
            starts.append(length)
            places.append((self._next, column))
            length += len(piece)
            column = 1
            if not end:
                break
            while self._next < len(self._lines):
                text = self._lines[self._next].rstrip("\r")
                self._next += 1
                inner = text.lstrip(SPACES)
                if inner and not inner.startswith("#"):
                    break
                first_blank = first_blank or (0 if inner else self._next)
            else:
                break
        if first_blank:
            self.warnings.append((first_blank, "a blank line inside a continued instruction; it was skipped"))
        return LogicalLine("".join(pieces), tuple(starts), tuple(places), self._next)

    def heredoc_body(self, name: str, *, chomp: bool) -> str | None:
        """Read up to the line ``name``; None when the file ends first. ``chomp`` strips leading tabs."""
        body: list[str] = []
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self._next += 1
            if chomp:
                line = line.lstrip("\t")
            if line.rstrip("\r") == name:
                return "".join(body)
            body.append(line + "\n")
        return None
