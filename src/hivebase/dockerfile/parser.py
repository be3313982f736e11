"""A Dockerfile as stages of instructions. Text in, values out; the first mistake is the one reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.dockerfile.ast import Arg, Dockerfile, From, Heredoc, Instruction, Stage
from hivebase.dockerfile.directives import read_directives
from hivebase.dockerfile.heredocs import markers
from hivebase.dockerfile.instructions import read_instruction
from hivebase.dockerfile.lines import LineReader
from hivebase.dockerfile.source import Source, quoted
from hivebase.dockerfile.statement import Statement
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.dockerfile.source import LogicalLine

_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


def parse(text: str, path: str) -> Dockerfile:
    """Parse a Dockerfile; ``path`` is what messages call it.

    Raises:
        DockerfileError: the first mistake, with its line and column.
    """
    source = Source.of(text, path)
    directives = read_directives(source)
    reader = LineReader(source, directives.escape)
    builder = _Stages(source)
    for statement, instruction in _instructions(source, reader, directives.escape):
        builder.add(statement, instruction)
    return Dockerfile(
        path=path,
        text=text,
        escape=directives.escape,
        directives=directives.pairs,
        meta_args=tuple(builder.meta_args),
        stages=builder.finish(),
        warnings=tuple(sorted([*directives.warnings, *reader.warnings, *builder.warnings])),
    )


def parse_trigger(text: str, path: str) -> Instruction:
    """Parse the text of one ONBUILD trigger; ``path`` names the image it comes from.

    A trigger is a text of its own: the ``# escape=`` of the file that it was written in is forgotten.

    Raises:
        DockerfileError: it is not exactly one instruction, or one that a trigger cannot be.
    """
    source = Source.of(text, path)
    escape = read_directives(source).escape
    found = list(_instructions(source, LineReader(source, escape), escape))
    if len(found) != 1:
        raise source.error(
            f"an ONBUILD trigger is one instruction, not {len(found)}", found[1][1].span.line if found else 0
        )
    statement, instruction = found[0]
    if statement.keyword in {"FROM", "MAINTAINER", "ONBUILD"}:
        raise statement.fail(f"{statement.keyword} is not allowed as an ONBUILD trigger")
    return instruction


def _instructions(source: Source, reader: LineReader, escape: str) -> Iterator[tuple[Statement, Instruction]]:
    while line := reader.logical_line():
        yield read_line(source, line, reader, escape)


def read_line(
    source: Source, line: LogicalLine, reader: LineReader, escape: str
) -> tuple[Statement, Instruction]:
    """Read one instruction, and from ``reader`` the heredocs that it opens.

    Raises:
        DockerfileError: it is none, or its heredocs do not end.
    """
    statement = Statement.of(source, line, escape)
    statement = replace(statement, heredocs=_heredocs(statement, reader))
    return statement, read_instruction(statement)


def _heredocs(statement: Statement, reader: LineReader) -> tuple[Heredoc, ...]:
    """Read the bodies of the heredocs that ``statement`` opens."""
    inner = statement
    if statement.keyword == "ONBUILD" and statement.rest:
        inner = Statement.of(statement.source, statement.line, statement.escape, statement.rest_start)
    if inner.keyword not in _WITH_HEREDOCS or inner.json() is not None:
        return ()
    found: list[Heredoc] = []
    line: LogicalLine = statement.line
    cursor = 0
    for marker in markers(line.text):
        cursor = max(line.text.find(marker.written, cursor), cursor)
        body = reader.heredoc_body(marker.name, chomp=marker.chomp)
        if body is None:
            raise statement.fail(
                f"the heredoc {quoted(marker.name)} is never closed", cursor,
                why=f"no line below is {quoted(marker.name)} and nothing else",
                hint="end the body with that word at the start of a line of its own",
            )  # fmt: skip
        found.append(Heredoc(marker.name, body, marker.expand, marker.chomp))
        cursor += len(marker.written)
    return tuple(found)


class _Stages:
    """Groups instructions into stages."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.meta_args: list[Arg] = []
        self.warnings: list[tuple[int, str]] = []
        self._stages: list[tuple[From, list[Instruction]]] = []
        self._names: dict[str, int] = {}

    def add(self, statement: Statement, instruction: Instruction) -> None:
        if isinstance(instruction, From):
            self._begin(instruction)
        elif self._stages:
            self._stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            self.meta_args.append(instruction)
        else:
            raise statement.fail(
                f"{statement.keyword} before the first FROM",
                why="only ARG may stand there",
                hint="begin with FROM, or move this instruction below it",
            )

    def _begin(self, instruction: From) -> None:
        line = instruction.span.line
        alias = instruction.alias
        if alias in self._names:
            self.warnings.append(
                (line, f"the stage {alias} was already defined in line {self._names[alias]}")
            )
        if alias in {"scratch", "context"}:
            self.warnings.append((line, f"{alias} is a reserved word; give the stage another name"))
        if alias:
            self._names[alias] = line
        self._stages.append((instruction, []))

    def finish(self) -> tuple[Stage, ...]:
        if not self._stages:
            what = "there is no FROM" if self.meta_args else "the file has no instructions"
            raise self._source.error(what, 0, hint="begin with FROM and the image to start from")
        return tuple(Stage(i, begin, tuple(rest)) for i, (begin, rest) in enumerate(self._stages))
