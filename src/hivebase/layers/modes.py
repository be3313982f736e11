"""``--chmod`` of COPY and ADD: an octal number, or the symbolic language of chmod(1) (POSIX, "chmod").

As in BuildKit the umask plays no part: a clause without ``u``, ``g``, ``o`` or ``a`` means all of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)\Z", re.ASCII)
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)", re.ASCII)
_OCTAL = re.compile(r"[0-7]+\Z", re.ASCII)
_SHIFT = {"u": 6, "g": 3, "o": 0}


def parse_chmod(text: str) -> Callable[[int, bool], int]:
    """Return the change that ``text`` stands for: a function of a mode and of whether it is a directory's.

    Raises:
        UsageError: it is neither octal up to 7777 nor symbolic.
    """
    if _OCTAL.match(text) and int(text, 8) <= 0o7777:
        number = int(text, 8)
        return lambda _mode, _is_directory: number
    clauses = [_CLAUSE.match(clause) for clause in text.split(",")]
    steps: list[tuple[str, str, str]] = []
    for clause in clauses:
        if clause is None:
            raise UsageError(
                f"not a mode: --chmod={text}",
                why="expected an octal number up to 7777, or clauses such as u=rwX,go=rX",
            )
        who = "ugo" if not clause[1] or "a" in clause[1] else clause[1]
        steps += [(who, operator, what) for operator, what in _ACTION.findall(clause[2])]

    def change(mode: int, is_directory: bool) -> int:  # noqa: FBT001 -- the documented shape
        for who, operator, what in steps:
            mode = _apply(mode, who, operator, _bits(mode, who, what, is_directory=is_directory))
        return mode

    return change


def _bits(mode: int, who: str, what: str, *, is_directory: bool) -> int:
    """Return the bits that ``what`` means for ``who``, given the mode so far."""
    if what in _SHIFT:
        rwx = mode >> _SHIFT[what] & 0o7
    else:
        execute = "x" in what or ("X" in what and (is_directory or mode & 0o111))
        rwx = ("r" in what) * 4 | ("w" in what) * 2 | bool(execute)
    bits = 0
    for one in who:
        bits |= rwx << _SHIFT[one]
    if "s" in what:
        bits |= ("u" in who) * 0o4000 | ("g" in who) * 0o2000
    if "t" in what:
        bits |= 0o1000
    return bits


def _apply(mode: int, who: str, operator: str, bits: int) -> int:
    if operator == "+":
        return mode | bits
    if operator == "-":
        return mode & ~bits
    owned = 0
    for one in who:
        owned |= 0o7 << _SHIFT[one]
    owned |= ("u" in who) * 0o4000 | ("g" in who) * 0o2000
    return mode & ~owned | bits
