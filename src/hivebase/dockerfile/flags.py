"""Flags of an instruction (``--name=value``): cutting them off, and checking them against what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.dockerfile.source import SPACES, did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.errors import DockerfileError

Kind = Literal["text", "repeated", "boolean"]


class Flag(msgspec.Struct, frozen=True):
    """One flag, quotes removed: ``value`` is None without a ``=``; ``offset`` in the logical line."""

    name: str
    value: str | None
    offset: int


def cut_flags(text: str, start: int) -> tuple[tuple[Flag, ...], int]:
    """Read the words that begin with ``--`` at ``start``; return them and where the rest begins.

    Quotes and backslashes of these words are taken away (the backslash, whatever ``# escape=`` says). A lone
    ``--`` ends the flags.
    """
    flags: list[Flag] = []
    position = start
    while True:
        position = _skip(text, position)
        if not text.startswith("--", position):
            return tuple(flags), position
        word, end = _word(text, position)
        if word == "--":
            return tuple(flags), _skip(text, end)
        name, equals, value = word[2:].partition("=")
        flags.append(Flag(name, value if equals else None, position))
        position = end


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in SPACES:
        position += 1
    return position


def _word(text: str, position: int) -> tuple[str, int]:
    """Read one word without its quotes; return it and its end."""
    out: list[str] = []
    quote = ""
    while position < len(text):
        character = text[position]
        if not quote and character in SPACES:
            break
        position += 1
        if character == "\\":
            out.append(text[position : position + 1])
            position += 1
        elif quote:
            if character == quote:
                quote = ""
            else:
                out.append(character)
        elif character in "'\"":
            quote = character
        else:
            out.append(character)
    return "".join(out), min(position, len(text))


class Values(msgspec.Struct, frozen=True):
    """Checked flags by name."""

    given: dict[str, list[Flag]] = {}

    def text(self, name: str) -> str:
        """Return the value of a text flag, "" when it was not given."""
        return self.given[name][0].value or "" if name in self.given else ""

    def boolean(self, name: str) -> bool | None:
        """Return the value of a boolean flag, None when it was not given."""
        return (self.text(name) or "true").lower() == "true" if name in self.given else None

    def repeated(self, name: str) -> tuple[Flag, ...]:
        """Return all uses of a flag."""
        return tuple(self.given.get(name, ()))

    def offset(self, name: str) -> int:
        """Return where a flag stands, for a caret; it must have been given."""
        return self.given[name][0].offset


def check_flags(
    keyword: str,
    flags: tuple[Flag, ...],
    allowed: Mapping[str, Kind],
    fail: Callable[..., DockerfileError],
) -> Values:
    """Check the flags of ``keyword``; ``fail(what, offset, *, why, hint)`` makes the error.

    Raises:
        DockerfileError: an unknown flag, one given twice, or one without a proper value.
    """
    given: dict[str, list[Flag]] = {}
    for flag in flags:
        kind = allowed.get(flag.name)
        if kind is None:
            known = ", ".join(f"--{name}" for name in allowed)
            raise fail(
                f"{keyword} has no flag {quoted('--' + flag.name)}", flag.offset,
                hint=did_you_mean(
                    "--" + flag.name, [f"--{name}" for name in allowed],
                    otherwise=f"it knows {known}" if known else f"remove it; {keyword} takes no flags",
                ),
            )  # fmt: skip
        if flag.name in given and kind != "repeated":
            raise fail(f"the flag --{flag.name} is given twice", flag.offset, hint="keep one of them")
        if kind == "boolean" and flag.value is not None and flag.value.lower() not in {"true", "false"}:
            raise fail(
                f"the flag --{flag.name} is either true or false, not {quoted(flag.value)}", flag.offset,
                hint=f"write --{flag.name}, --{flag.name}=true or --{flag.name}=false",
            )  # fmt: skip
        if kind != "boolean" and flag.value is None:
            raise fail(
                f"the flag --{flag.name} needs a value", flag.offset, hint=f"write --{flag.name}=VALUE"
            )
        given.setdefault(flag.name, []).append(flag)
    return Values(given)
