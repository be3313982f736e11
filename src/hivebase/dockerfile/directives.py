"""Parser directives: ``# syntax=``, ``# escape=`` and ``# check=`` at the very top of a file.

They end at the first line that is anything else, a blank line included. Behind a ``#!`` line only
``syntax`` and ``check`` are found, as in BuildKit. Source: the Dockerfile reference, "Parser directives".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.dockerfile.source import SPACES, quoted

if TYPE_CHECKING:
    from hivebase.dockerfile.source import Source

_DIRECTIVE = re.compile(r"#\s*+([a-zA-Z][a-zA-Z0-9]*+)\s*+=\s*+(.+)")
_KNOWN = frozenset({"syntax", "escape", "check"})
_OFFICIAL = re.compile(r"(docker\.io/)?docker/dockerfile(-upstream)?([:@].*)?")


@dataclass(frozen=True, slots=True)
class Directives:
    """What was found; ``warnings`` are (line, text)."""

    escape: str
    pairs: tuple[tuple[str, str], ...]
    warnings: tuple[tuple[int, str], ...]


def read_directives(source: Source) -> Directives:
    """Read the directives at the top of ``source``.

    Raises:
        DockerfileError: a directive is given twice, or ``escape`` is neither a backslash nor a backtick.
    """
    found: dict[str, str] = {}
    warnings: list[tuple[int, str]] = []
    has_shebang = bool(source.lines) and source.lines[0].startswith("#!")
    for number, line in enumerate(source.lines[has_shebang:], start=1 + has_shebang):
        match = _DIRECTIVE.fullmatch(line.strip(SPACES))
        key = match[1].lower() if match else ""
        if not match or key not in _KNOWN:
            break
        column = line.index("#") + 1
        if key in found:
            raise source.error(
                f"the parser directive {key} is given twice", number, column, hint="keep one of them"
            )
        found[key] = match[2]
        if key == "escape" and not has_shebang and match[2] not in {"\\", "`"}:
            raise source.error(
                f"the escape character cannot be {quoted(match[2])}", number, line.index("=") + 2,
                why="only a backslash and a backtick are allowed", hint="write # escape=` or remove the line",
            )  # fmt: skip
        if key == "syntax" and not _OFFICIAL.fullmatch(match[2].split(" ")[0]):
            warnings.append(
                (number, f"# syntax={match[2]} is ignored: foreign front ends are never executed")
            )
    escape = "\\" if has_shebang else found.get("escape", "\\")
    return Directives(escape, tuple(found.items()), tuple(warnings))
