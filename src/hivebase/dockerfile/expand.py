"""Quotes, escapes and ``$variables`` of a word, by the rules of BuildKit's shell lexer (``shell/lex.go``).

The rules in short: single quotes keep everything; double quotes keep everything but ``$`` and the escape
character before ``"``, ``$`` and itself; elsewhere the escape character keeps the next character. An unset
variable is empty. ``$1``, ``$@`` and the other special parameters are names that are never set.
``${v:-w}`` ``${v-w}`` ``${v:+w}`` ``${v+w}`` ``${v:?w}`` ``${v?w}`` ``${v#p}`` ``${v##p}`` ``${v%p}``
``${v%%p}`` ``${v/p/r}`` ``${v//p/r}`` nest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from hivebase.dockerfile.patterns import Pattern, PatternError
from hivebase.dockerfile.source import SPACES, quoted
from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_NESTING: Final = 64
"""Deepest ``${a:-${b:-…}}``."""

MAX_EXPANDED: Final = 16 * 2**20
"""Most characters that the values put into one word may have: ``ENV A=$A$A`` doubles with every line."""

_SPECIAL_PARAMETERS = "@*#?-$!0"
_WORD = re.compile(f"[{re.escape(SPACES)}]+|[^{re.escape(SPACES)}]+")
_SPACE_RUN = re.compile(f"[{re.escape(SPACES)}]*")


class ExpandError(UsageError):
    """A word cannot be expanded.

    Attributes:
        word: the whole word.
        offset: of the character in ``word`` where it went wrong.
    """

    code = "expand"

    def __init__(self, what: str, *, word: str, offset: int, why: str = "", hint: str = "") -> None:
        super().__init__(what, where=quoted(word), why=why, hint=hint)
        self.word = word
        self.offset = offset


def expand(
    word: str, lookup: Callable[[str], str | None], *, escape: str = "\\", keep_quotes: bool = False
) -> str:
    """Return ``word`` with variables replaced and, unless ``keep_quotes``, quotes removed; never splits it.

    Args:
        word: as the parser left it.
        lookup: the value of a variable, or None when it is unset.
        escape: ``Dockerfile.escape``.
        keep_quotes: quotes are ordinary characters, as in the body of an unquoted heredoc of COPY and ADD
            (for which BuildKit always takes the backslash as ``escape``).

    Raises:
        ExpandError: an open quote or brace, an unknown modifier, ``${v:?…}`` of an unset variable, a bad
            pattern, or one of the limits of this module.
    """
    return _Lexer(word, lookup, escape, "plain" if keep_quotes else "remove").run()


def expand_words(word: str, lookup: Callable[[str], str | None], *, escape: str = "\\") -> list[str]:
    """Expand ``word``, then split it at spaces that are neither quoted nor escaped (EXPOSE does this).

    Raises:
        ExpandError: as for ``expand``.
    """
    words = _Words()
    _Lexer(word, lookup, escape, "remove").run(words)
    return words.finish()


def references(word: str, *, escape: str = "\\") -> tuple[str, ...]:
    """Return the names of all variables that ``word`` mentions, each once, in order of appearance.

    Raises:
        ExpandError: the word is malformed.
    """
    names: dict[str, None] = {}

    def note(name: str) -> None:
        names.setdefault(name)

    _Lexer(word, note, escape, "remove", keep_unset=True).run()
    return tuple(names)


def raw_words(text: str) -> list[str]:
    r"""Split ``text`` at unquoted spaces, changing nothing else; ``<<`` takes the spaces behind it along.

    The backslash is the escape character whatever ``# escape=`` says, as in BuildKit's search for heredocs.

    Raises:
        ExpandError: an open quote or brace.
    """
    words = _Words()
    _Lexer(text, _unset, "\\", "keep", keep_unset=True, keep_escapes=True).run(words)
    return words.finish()


def unquoted_words(text: str, *, keep_quotes: bool) -> list[str]:
    """Split ``text`` as ``raw_words`` does, with escapes and, unless ``keep_quotes``, quotes removed.

    Raises:
        ExpandError: an open quote or brace.
    """
    words = _Words()
    _Lexer(text, _unset, "\\", "keep" if keep_quotes else "remove", keep_unset=True).run(words)
    return words.finish()


def _unset(_name: str) -> None:
    """Find no variable."""


class _Words:
    """Collects characters into words; an empty word is dropped, quoted or not."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._current: list[str] = []

    def splittable(self, text: str) -> None:
        for piece in _WORD.findall(text):
            if piece[0] in SPACES:
                self._end()
            else:
                self._current.append(piece)

    def whole(self, text: str) -> None:
        self._current.append(text)

    def _end(self) -> None:
        word = "".join(self._current)
        self._current.clear()
        if word:
            self._words.append(word)

    def finish(self) -> list[str]:
        self._end()
        return self._words


@cache
def _plain_run(stop: str, escape: str, quotes: str) -> re.Pattern[str]:
    """Return a pattern for a run of characters that mean nothing special."""
    return re.compile(f"[^$<{re.escape(stop + escape + quotes)}]+")


@dataclass(slots=True)
class _Lexer:
    """One pass over ``text``. ``keep_unset`` leaves references to unset variables as they are written."""

    text: str
    lookup: Callable[[str], str | None]
    escape: str
    quotes: Literal["remove", "keep", "plain"]
    keep_unset: bool = False
    keep_escapes: bool = False
    position: int = field(default=0, init=False)
    nesting: int = field(default=0, init=False)
    expanded: int = field(default=0, init=False)

    def run(self, words: _Words | None = None) -> str:
        return self._until("", words, keep_escapes=self.keep_escapes)

    def _fail(self, what: str, offset: int, *, why: str = "", hint: str = "") -> ExpandError:
        return ExpandError(what, word=self.text, offset=min(offset, len(self.text)), why=why, hint=hint)

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _next(self) -> str:
        character = self._peek()
        self.position += 1
        return character

    def _until(self, stop: str, words: _Words | None = None, *, keep_escapes: bool, opened: int = 0) -> str:
        """Expand up to ``stop`` (consumed) or, when it is empty, to the end of the text."""
        out: list[str] = []
        plain = _plain_run(stop, self.escape, "" if self.quotes == "plain" else "'\"")
        while self.position < len(self.text):
            run = plain.match(self.text, self.position)
            if run:
                self.position = run.end()
                out.append(run[0])
                if words:
                    words.splittable(run[0])
                continue
            character = self._peek()
            if character == stop:
                self.position += 1
                return "".join(out)
            piece = self._special(character, keep_escapes=keep_escapes)
            out.append(piece)
            if words and character == "$":
                words.splittable(piece)
            elif words:
                words.whole(piece)
        if stop:
            raise self._fail(f"a ${{ is not closed: expected {stop}", opened, hint=f"add the missing {stop}")
        return "".join(out)

    def _special(self, character: str, *, keep_escapes: bool) -> str:
        """Consume what begins with a character that may be special, and return what it stands for."""
        if character == "$":
            return self._dollar()
        if character == self.escape:
            self.position += 1
            escaped = self._next()
            return character + escaped if keep_escapes else escaped
        if character == "<":
            return self._less_than()
        return self._single_quoted() if character == "'" else self._double_quoted(keep_escapes=keep_escapes)

    def _less_than(self) -> str:
        """``<<`` takes the spaces behind it along, so that ``<< EOF`` stays one word."""
        start = self.position
        self.position += 1
        if self._peek() == "<":
            spaces = _SPACE_RUN.match(self.text, self.position + 1)
            self.position = spaces.end() if spaces else self.position + 1
        return self.text[start : self.position]

    def _single_quoted(self) -> str:
        start = self.position
        end = self.text.find("'", start + 1)
        if end < 0:
            raise self._fail("a single quote is not closed", start, hint="close it, or escape it")
        self.position = end + 1
        return self.text[start : end + 1] if self.quotes == "keep" else self.text[start + 1 : end]

    def _double_quoted(self, *, keep_escapes: bool) -> str:
        start = self.position
        self.position += 1
        mark = '"' if self.quotes == "keep" else ""
        out = [mark]
        plain = _plain_run("", self.escape, '"')
        while self.position < len(self.text):
            run = plain.match(self.text, self.position)
            if run:
                self.position = run.end()
                out.append(run[0])
                continue
            character = self._peek()
            if character == '"':
                self.position += 1
                out.append(mark)
                return "".join(out)
            if character == "$":
                out.append(self._dollar())
                continue
            self.position += 1
            if character == self.escape:
                following = self._peek()
                if following and following in f'"${self.escape}':
                    self.position += 1
                    out.append(character + following if keep_escapes else following)
                    continue
            out.append(character)
        raise self._fail("a double quote is not closed", start, hint="close it, or escape it")

    def _dollar(self) -> str:
        start = self.position
        self.position += 1
        if self._peek() != "{":
            name = self._name()
            return self._value(name, start) if name else "$"
        self.position += 1
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self._fail(
                f"variables are nested deeper than {MAX_NESTING}", start, hint="use a second ARG"
            )
        following = self._peek()
        if not following:
            raise self._fail("a ${ is not closed: expected }", start, hint="add the missing }")
        if following in "{}:":
            raise self._fail("a ${ without a name", start, hint="write ${NAME}, or escape the $")
        value = self._braced(self._name(), start)
        self.nesting -= 1
        return value

    def _name(self) -> str:
        """Consume a name, a positional number or one special parameter; "" when none is there."""
        start = self.position
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self.position += 1
        elif first and first in _SPECIAL_PARAMETERS:
            self.position += 1
        else:
            while self._peek() == "_" or self._peek().isalpha() or self._peek().isdecimal():
                self.position += 1
        return self.text[start : self.position]

    def _value(self, name: str, start: int) -> str:
        """Return the value of a variable whose reference is ``text[start:position]``."""
        value = self.lookup(name)
        if value is None:
            return self.text[start : self.position] if self.keep_unset else ""
        return self._counted(value, start)

    def _counted(self, value: str, start: int) -> str:
        self.expanded += len(value)
        if self.expanded > MAX_EXPANDED:
            raise self._fail(
                f"the expanded text is longer than {MAX_EXPANDED:,} characters", start,
                why="values that contain each other double with every use",
            )  # fmt: skip
        return value

    def _braced(self, name: str, start: int) -> str:
        modifier = self._next()
        if modifier == "}":
            return self._value(name, start)
        if modifier == "/":
            return self._replaced(name, start)
        if modifier == ":":
            modifier += self._next()
        if self.position > len(self.text):
            raise self._fail("a ${ is not closed: expected }", start, hint="add the missing }")
        if modifier[-1] not in "+-?#%":
            raise self._fail(
                f"unknown modifier {quoted(modifier)} in a ${{", start,
                hint="known are :- - :+ + :? ? # ## % %% / and //",
            )  # fmt: skip
        argument = self._until("}", keep_escapes=modifier[-1] in "#%", opened=start)
        value = self.lookup(name)
        if value is None and self.keep_unset:
            return self.text[start : self.position]
        return self._modified(name, value, modifier, argument, start)

    def _modified(self, name: str, value: str | None, modifier: str, argument: str, start: int) -> str:
        """Return what ``${name<modifier><argument>}`` stands for; after a colon, empty counts as unset."""
        present = value is not None and not (modifier.startswith(":") and not value)
        operator = modifier[-1]
        if operator in "#%":
            return self._counted(self._trimmed(value or "", operator, argument, start), start)
        if operator == "+":
            return argument if present else ""
        if operator == "?" and not present:
            state = "unset" if value is None else "empty"
            raise self._fail(f"{name}: {argument or f'must not be {state}'}", start, hint=f"set {name}")
        return self._counted(value or "", start) if present else argument

    def _trimmed(self, value: str, side: str, pattern: str, start: int) -> str:
        longest = pattern.startswith(side)
        try:
            parsed = Pattern(pattern[1:] if longest else pattern)
            trim = parsed.without_prefix if side == "#" else parsed.without_suffix
            return trim(value, longest=longest)
        except PatternError as error:
            raise self._fail("a bad pattern in a ${", start, why=str(error)) from error

    def _replaced(self, name: str, start: int) -> str:
        every = self._peek() == "/"
        if every:
            self.position += 1
        pattern = self._until("/", keep_escapes=True, opened=start)
        replacement = self._until("}", keep_escapes=True, opened=start)
        value = self.lookup(name)
        if value is None:
            if self.keep_unset:
                return self.text[start : self.position]
            value = ""
        out: list[str] = []
        end = 0
        try:
            for first, last in Pattern(pattern).spans(value):
                out += [value[end:first], self._counted(replacement, start)]
                end = last
                if not every:
                    break
        except PatternError as error:
            raise self._fail("a bad pattern in a ${", start, why=str(error)) from error
        return self._counted("".join([*out, value[end:]]), start)
