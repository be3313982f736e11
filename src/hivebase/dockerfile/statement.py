"""One instruction cut into keyword, flags and the rest, with errors that know where each of them stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.dockerfile.ast import Command, Heredoc, Span
from hivebase.dockerfile.flags import Flag, Kind, Values, check_flags, cut_flags
from hivebase.dockerfile.source import SPACES, LogicalLine, Source
from hivebase.dockerfile.words import NotStringsError, json_strings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.errors import DockerfileError

_GAP = re.compile(r"[\t\v\f\r ]+")


@dataclass(frozen=True, slots=True)
class Statement:
    """An instruction before its meaning is known.

    Attributes:
        source: the file.
        line: the logical line.
        escape: the escape character.
        keyword: upper case.
        start: offset of the keyword in the line.
        flags: the words with ``--`` behind the keyword.
        rest: what follows them, without space around it; ``rest_start`` is its offset in the line.
        heredocs: bodies by marker, in order.
    """

    source: Source
    line: LogicalLine
    escape: str
    keyword: str
    start: int
    flags: tuple[Flag, ...]
    rest: str
    rest_start: int
    heredocs: tuple[Heredoc, ...] = ()

    @classmethod
    def of(cls, source: Source, line: LogicalLine, escape: str, start: int = 0) -> Statement:
        """Cut the text of ``line`` from ``start`` on."""
        text = line.text.rstrip(SPACES)
        while start < len(text) and text[start] in SPACES:
            start += 1
        gap = _GAP.search(text, start)
        keyword = text[start : gap.start() if gap else len(text)].upper()
        flags, rest_start = cut_flags(text, gap.end()) if gap else ((), len(text))
        return cls(source, line, escape, keyword, start, flags, text[rest_start:], rest_start)

    @property
    def text(self) -> str:
        """The instruction as one line."""
        return self.line.text[self.start :].rstrip(SPACES)

    @property
    def span(self) -> Span:
        """Its position in the file, heredoc bodies included."""
        line, column = self.line.position(self.start)
        bodies = sum(doc.content.count("\n") + 1 for doc in self.heredocs)
        return Span(line, self.line.end_line + bodies, column)

    def fail(self, what: str, offset: int | None = None, *, why: str = "", hint: str = "") -> DockerfileError:
        """Return an error at ``offset`` in the logical line; None points at the keyword."""
        line, column = self.line.position(self.start if offset is None else offset)
        return self.source.error(what, line, column, why=why, hint=hint)

    def fail_in_rest(self, what: str, offset: int, *, why: str = "", hint: str = "") -> DockerfileError:
        """Return an error at ``offset`` in ``rest``."""
        return self.fail(what, self.rest_start + offset, why=why, hint=hint)

    def check_flags(self, allowed: Mapping[str, Kind] | None = None) -> Values:
        """Check the flags against ``allowed`` (none by default).

        Raises:
            DockerfileError: a flag that is not allowed, given twice, or without a proper value.
        """
        return check_flags(self.keyword, self.flags, allowed or {}, self.fail)

    def require_rest(self, example: str) -> str:
        """Return ``rest``.

        Raises:
            DockerfileError: it is empty.
        """
        if not self.rest:
            raise self.fail(f"{self.keyword} needs an argument", len(self.line.text), hint=f"write {example}")
        return self.rest

    def json(self, start: int = 0) -> tuple[str, ...] | None:
        """Return the rest from ``start`` on as a JSON array of strings, or None when it is not an array.

        Raises:
            DockerfileError: it is an array of something else.
        """
        try:
            return json_strings(self.rest[start:])
        except NotStringsError:
            raise self.fail_in_rest(
                f"the JSON array of {self.keyword} holds something else than strings", start,
                hint="put every element in double quotes, numbers too",
            ) from None  # fmt: skip

    def command(self, start: int = 0) -> Command:
        """Return the rest from ``start`` on as a command in either form.

        Raises:
            DockerfileError: it is a JSON array of something else than strings.
        """
        words = self.json(start)
        if words is not None:
            return Command("exec", words)
        return Command("shell", (self.rest[start:],), self.heredocs)
