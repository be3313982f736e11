"""What can be read of a file that is no Dockerfile: a template, a test case, another builder's dialect.

Only for those who look at what such a file stands on. Nothing may be built from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.dockerfile.ast import Arg, Command, Copy, Dockerfile, From, Mount, Run, Stage
from hivebase.dockerfile.directives import read_directives
from hivebase.dockerfile.lines import LineReader
from hivebase.dockerfile.parser import read_line
from hivebase.dockerfile.source import Source
from hivebase.dockerfile.statement import Statement
from hivebase.dockerfile.words import plain_words
from hivebase.errors import DockerfileError

if TYPE_CHECKING:
    from hivebase.dockerfile.ast import Instruction


def salvage(text: str, path: str) -> Dockerfile | None:
    """Read what can be read of a text that ``parse`` refuses, or None when no stage begins anywhere.

    Wrong instructions are left out, but for the images that they name. So is what stands before the first
    FROM, but for ARG.
    """
    try:
        source = Source.of(text, path)
        directives = read_directives(source)
    except DockerfileError:
        return None
    reader = LineReader(source, directives.escape)
    meta: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    while line := reader.logical_line():
        instruction: Instruction | None
        try:
            _, instruction = read_line(source, line, reader, directives.escape)
        except DockerfileError:
            instruction = _names(Statement.of(source, line, directives.escape))
        if isinstance(instruction, From):
            stages.append((instruction, []))
        elif stages and instruction is not None:
            stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            meta.append(instruction)
    if not stages:
        return None
    numbered = tuple(Stage(i, begin, tuple(rest)) for i, (begin, rest) in enumerate(stages))
    return Dockerfile(path, text, directives.escape, directives.pairs, tuple(meta), numbered)


def _names(statement: Statement) -> Instruction | None:
    """Return the images that a wrong instruction names, as an instruction that says nothing else."""
    here = (statement.span, statement.text)
    if statement.keyword == "FROM":
        words = [word for _, word in plain_words(statement.rest)]
        alias = words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""
        return From(*here, words[0], alias, "") if words else None
    if statement.keyword in {"COPY", "ADD"}:
        named = next((flag.value for flag in statement.flags if flag.name == "from" and flag.value), "")
        return Copy(*here, (), "", named)
    if statement.keyword == "RUN":
        options = [
            option.partition("=")
            for flag in statement.flags
            if flag.name == "mount" and flag.value
            for option in flag.value.split(",")
        ]
        named_by = [value for name, _, value in options if name.strip().lower() == "from" and value]
        mounts = tuple(Mount("bind", (("from", value),)) for value in named_by)
        return Run(*here, Command("shell", ("",)), mounts)
    return None
