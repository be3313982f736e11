"""The words of one simple command, as the shell would make them: quotes removed, variables replaced.

It is strict rather than complete. What could mean something that this module does not work out, such as a
command substitution, a redirection or a brace, is refused with a reason; nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.plan.installs.model import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Word:
    """One word.

    Attributes:
        text: what the command gets, when the word is no pattern or matches no file.
        pattern: it holds a wildcard that the shell would look for files with.
    """

    text: str
    pattern: bool = False


@dataclass(slots=True)
class Simple:
    """A simple command; when reading was refused, as far as it was read.

    Attributes:
        assignments: those in front of the command (``A=1 command``), which it alone sees.
        words: the command and its arguments.
    """

    assignments: dict[str, str] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)


_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]]*\])?(\+?)=", re.ASCII)
# The shell joins continued lines before it reads names, so that a name may go on in the next line.
_NAME = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})", re.ASCII)
_PLAIN = re.compile(r"[^\s'\"\\$`|&;<>(){}*?\[~#\x00-\x1f\x7f]+")
_QUOTED = re.compile(r"[^\"\\$`]+")
_BLANKS = re.compile(r"[ \t\n]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WILD = frozenset("*?[")

_REASONS = {
    "|": "its output goes through a pipe",
    "&": "it runs in the background, or another command follows",
    ";": "another command follows it",
    "<": "its input or output is redirected (a version such as 'x<2' needs quotes)",
    ">": "its output is redirected (a version such as 'x>=1' needs quotes)",
    "(": "it has parentheses without quotes",
    ")": "it has parentheses without quotes",
    "{": "it has braces without quotes, which some shells expand",
    "}": "it has braces without quotes, which some shells expand",
    "`": "a word of it is the output of another command",
    "#": "a comment stands in the middle of it",
    "\n": "another command follows it",
}

# The shell itself gives these their values, whatever the environment says.
_SHELLS_OWN = frozenset(
    [
        "_",
        "BASHOPTS",
        "BASHPID",
        "BASH_ARGC",
        "BASH_ARGV",
        "BASH_COMMAND",
        "BASH_SUBSHELL",
        "BASH_VERSINFO",
        "BASH_VERSION",
        "BASH",
        "DIRSTACK",
        "EPOCHREALTIME",
        "EPOCHSECONDS",
        "EUID",
        "FUNCNAME",
        "GROUPS",
        "HISTCMD",
        "HOSTNAME",
        "HOSTTYPE",
        "IFS",
        "LINENO",
        "MACHTYPE",
        "OLDPWD",
        "OPTARG",
        "OPTIND",
        "OSTYPE",
        "PIPESTATUS",
        "PPID",
        "PS1",
        "PS2",
        "PS4",
        "PWD",
        "RANDOM",
        "SECONDS",
        "SHELLOPTS",
        "SHLVL",
        "SRANDOM",
        "UID",
    ]
)


def simple_command(text: str, env: Mapping[str, str], found: Simple | None = None) -> Simple:
    """Return the words of ``text``, which is one simple command.

    Args:
        text: without separators and comments around it.
        env: the variables of the environment.
        found: filled while reading, so that what was read is there when the rest is refused.

    Raises:
        RefusedError: a part of it cannot be worked out, or it is no simple command.
    """
    reader = _Reader(text, env, found or Simple())
    reader.read()
    return reader.out


@dataclass(slots=True)
class _Reader:
    """Reads from left to right; each method takes one kind of token at ``at``.

    Attributes:
        word: the pieces of the word being read.
        started: there is a word, be it an empty one in quotes.
        last: the last character written of this word, even if it came to nothing; empty at its start.
        pattern: the word has a wildcard without quotes; ``wild``: one in quotes.
        name: the variable that the word assigns, if it does.
    """

    text: str
    env: Mapping[str, str]
    out: Simple
    at: int = 0
    word: list[str] = field(default_factory=list)
    started: bool = False
    last: str = ""
    pattern: bool = False
    wild: bool = False
    name: str = ""

    def read(self) -> None:
        while self.at < len(self.text):
            self._token(self.text[self.at])
        self._end()

    def _token(self, char: str) -> None:
        if char in " \t":
            self._end()
            self.at += 1
        elif not self.last and not self.out.words and (match := _ASSIGNMENT.match(self.text, self.at)):
            if match[2] or match[3]:
                raise RefusedError(
                    "shell-syntax", "it assigns a variable in a way that only some shells know"
                )
            self.name, self.last, self.at = match[1], "=", match.end()
        elif match := _PLAIN.match(self.text, self.at):
            self._add(match[0])
            self.last, self.at = match[0][-1], match.end()
        elif char == "'":
            end = self.text.find("'", self.at + 1)
            if end < 0:
                raise RefusedError("shell-syntax", "a quote in it is not closed")
            self._add(self.text[self.at + 1 : end], quoted=True)
            self.last, self.at = char, end + 1
        elif char == '"':
            self._double()
        elif char == "\\":
            self._escape()
        elif char == "$":
            self._variable()
        else:
            self._special(char)

    def _special(self, char: str) -> None:
        """Take a character that means something in some places only."""
        if char in _WILD:
            self.pattern = True
        elif char == "~" and self.last in {"", "=", ":"}:
            raise RefusedError("shell-syntax", "it names a home directory with ~")
        elif char not in "~#" or not self.last:
            raise RefusedError("shell-syntax", _REASONS.get(char, "it has a control character"))
        self._add(char)
        self.last, self.at = char, self.at + 1

    def _add(self, text: str, *, quoted: bool = False) -> None:
        self.started = True
        self.wild = self.wild or (quoted and not _WILD.isdisjoint(text))
        self.word.append(text)

    def _escape(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if not following:
            raise RefusedError("shell-syntax", "it ends with a backslash")
        if following != "\n":  # a line that continues is one line
            self._add(following, quoted=True)
            self.last = "\\"
        self.at += 2

    def _double(self) -> None:
        self.last, self.at = '"', self.at + 1
        self._add("", quoted=True)
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return
            if match := _QUOTED.match(self.text, self.at):
                self._add(match[0], quoted=True)
                self.at = match.end()
            elif char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                if following != "\n":
                    self._add(
                        following if following in {"$", "`", '"', "\\"} else char + following, quoted=True
                    )
                self.at += 2
            elif char == "$":
                self._add(self._value(), quoted=True)
            else:
                raise RefusedError("shell-syntax", _REASONS["`"])
        raise RefusedError("shell-syntax", "a quote in it is not closed")

    def _value(self) -> str:
        """Return the value of the variable at ``at`` and go behind it."""
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise RefusedError("shell-syntax", "it has an expansion that only the shell can work out")
        name = match[1] or match[2]
        if name not in self.env or name in _SHELLS_OWN or name in self.out.assignments:
            raise RefusedError("variable", f"the value of ${name} is not known before it runs")
        if match[1] and self.text.startswith("\\\n", match.end()):
            raise RefusedError("variable", "the name of a variable may go on in the next line")
        self.at = match.end()
        return self.env[name]

    def _variable(self) -> None:
        """Take a variable without quotes: its value is cut into words, and wildcards in it count."""
        value = self._value()
        self.last = "$"
        if self.name:
            self._add(value)  # a value that is assigned stays whole
            return
        if "\\" in value or "IFS" in self.env:
            raise RefusedError(
                "variable", "a variable without quotes in it has a value that shells read differently"
            )
        pieces = _BLANKS.split(value)
        for position, piece in enumerate(pieces):
            if position:
                self._end()
            if piece:
                self.pattern = self.pattern or not _WILD.isdisjoint(piece)
                self._add(piece)
        self.last = "$"  # a new word of the value is no new word of the text

    def _end(self) -> None:
        """Finish the word, if there is one."""
        text = "".join(self.word)
        if _CONTROL.search(text):
            raise RefusedError("shell-syntax", "it has a control character")
        if self.name:
            self.out.assignments[self.name] = text
        elif self.started:
            if self.pattern and self.wild:
                raise RefusedError("shell-syntax", "a word of it has wildcards with and without quotes")
            self.out.words.append(Word(text, self.pattern))
        self.word, self.started, self.last = [], False, ""
        self.pattern, self.wild, self.name = False, False, ""
