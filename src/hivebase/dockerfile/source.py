"""The text of a file with positions: physical lines, logical lines, and errors that point at a character."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from hivebase.errors import DockerfileError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CHARACTERS: Final = 16 * 2**20
"""Longest Dockerfile or ignore file that is read; real ones stay below a thousandth of it."""

SPACES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go's ``unicode.IsSpace`` accepts; ``str.isspace`` accepts four control characters more."""

_BYTE_ORDER_MARK = "\ufeff"
_LONGEST_SHOWN = 300
_LONGEST_QUOTED = 60


@dataclass(frozen=True, slots=True)
class Source:
    """A file as text. ``lines`` are without line feeds; a carriage return before one is kept."""

    path: str
    text: str
    lines: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, text: str, path: str) -> Source:
        """Split ``text`` into lines; a byte order mark at its start is dropped.

        Raises:
            DockerfileError: the text is longer than ``MAX_CHARACTERS``.
        """
        if len(text) > MAX_CHARACTERS:
            raise DockerfileError(
                f"the file is too large ({len(text):,} characters)",
                path=path,
                why=f"at most {MAX_CHARACTERS:,} characters are read, lest a wrong path fill the memory",
                hint="check that this is the file you meant; keep data in the build context and COPY it",
            )
        lines = text.removeprefix(_BYTE_ORDER_MARK).split("\n")
        if not lines[-1]:
            lines.pop()
        return cls(path, text, tuple(lines))

    def error(
        self, what: str, line: int, column: int = 1, *, why: str = "", hint: str = ""
    ) -> DockerfileError:
        """Return an error that points at ``line`` and ``column`` (both 1-based)."""
        shown = self.lines[line - 1].rstrip("\r") if 0 < line <= len(self.lines) else ""
        if column > _LONGEST_SHOWN:
            shown = ""  # a caret that far to the right helps nobody; the position is in the first line
        elif len(shown) > _LONGEST_SHOWN:
            shown = shown[: _LONGEST_SHOWN - 1] + "…"
        # Escape sequences of a hostile file must not reach the terminal; one for one keeps the caret right.
        shown = "".join(c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
        return DockerfileError(
            what, path=self.path, line=line, column=column, source_line=shown, why=why, hint=hint
        )


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """An instruction as one line: continuation lines joined, comments and blank lines in between dropped.

    Attributes:
        text: the joined text, without leading space.
        starts: offsets in ``text`` where a physical line begins, ascending, the first one 0.
        places: for each of ``starts`` the line and column (1-based) in the source.
        end_line: the last physical line.
    """

    text: str
    starts: tuple[int, ...]
    places: tuple[tuple[int, int], ...]
    end_line: int

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column (1-based) in the source of the character at ``offset``."""
        piece = bisect_right(self.starts, offset) - 1
        line, column = self.places[piece]
        return line, column + offset - self.starts[piece]


def quoted(text: str) -> str:
    """Return ``text`` in quotes for a message: shortened, and without control characters."""
    short = text if len(text) <= _LONGEST_QUOTED else text[: _LONGEST_QUOTED - 1] + "…"
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short) + '"'


def did_you_mean(word: str, candidates: Iterable[str], *, otherwise: str = "") -> str:
    """Return a hint that names the candidate closest to ``word``, or ``otherwise``."""
    close = get_close_matches(word[:_LONGEST_QUOTED], list(candidates), n=1)
    return f"did you mean {close[0]}?" if close else otherwise
