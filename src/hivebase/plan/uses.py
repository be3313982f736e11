"""Which references one Dockerfile writes, all its stages counted, and where. Pure.

What cannot be read costs its own line alone: people ask for the graph of trees that hold test cases and templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.dockerfile.ast import Arg, Copy, Env, Onbuild, Run
from hivebase.dockerfile.expand import references
from hivebase.dockerfile.parser import parse_trigger
from hivebase.errors import UsageError
from hivebase.plan.scope import Expander, Scope, meta_variables
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hivebase.dockerfile.ast import Dockerfile, Instruction, Stage

Via = Literal["from", "copy", "mount"]

SCRATCH = "scratch"
"""The name that stands for no base at all."""


class Use(msgspec.Struct, frozen=True):
    """A reference as one Dockerfile writes it.

    ``parsed`` is None for scratch and for what is no reference. ``unset`` names the variables without a value
    that keep ``text`` from being complete; ``parsed`` is then what can still be read from it.
    """

    text: str
    via: Via
    line: int
    parsed: Reference | None
    unset: tuple[str, ...] = ()

    @property
    def because(self) -> str:
        """A clause that names the missing variables, or nothing."""
        verb = "have" if len(self.unset) > 1 else "has"
        return f", because {' and '.join(self.unset)} {verb} no value" if self.unset else ""


class Uses(msgspec.Struct, frozen=True):
    """The references of one Dockerfile, and the lines that could not be read."""

    found: list[Use] = []
    problems: list[UsageError] = []


def read_uses(document: Dockerfile, args: Mapping[str, str], platform: str) -> Uses:
    """Read the references of ``document`` under build args ``args``; stages of its own are none."""
    uses = Uses()
    meta = meta_variables(document, args, platform, failed=uses.problems.append)
    reader = _Reader(document, meta, uses)
    earlier: set[str] = set()
    for stage in document.stages:
        with reader:
            base = reader.expander(stage.from_.image, meta.get, stage.from_)
            if base.lower() not in earlier:
                uses.found.append(_use(base, stage.from_.image, meta.get, "from", stage.from_))
        if stage.from_.alias:
            earlier.add(stage.from_.alias)
        reader.stage(stage, Scope(meta, args))
    return uses


class _Reader:
    """Reads the stages of one Dockerfile; as a context, notes a mistake and goes on behind it."""

    def __init__(self, document: Dockerfile, meta: Mapping[str, str], uses: Uses) -> None:
        self.expander = Expander(document)
        self._meta = meta
        self._path = document.path
        self._uses = uses
        self._aliases = {stage.from_.alias for stage in document.stages if stage.from_.alias}

    def __enter__(self) -> None:
        """Begin a line that may fail."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Keep a mistake of the Dockerfile; others are not ours."""
        if isinstance(error, UsageError):
            self._uses.problems.append(error)
            return True
        return False

    def stage(self, stage: Stage, scope: Scope) -> None:
        """Read what the instructions of ``stage`` copy and mount."""
        for instruction in stage.instructions:
            with self:
                if isinstance(instruction, Arg | Env):
                    scope.read(instruction, self.expander)
                else:
                    self._sources(instruction, scope)

    def _sources(self, instruction: Instruction, scope: Scope) -> None:
        inner = instruction
        if isinstance(instruction, Onbuild):
            inner = parse_trigger(instruction.trigger, self._path)

        def lookup(name: str) -> str | None:
            # BuildKit refuses variables here. Other builders expand them, and need no second ARG for it.
            value = scope.get(name)
            return self._meta.get(name) if value is None else value

        for text, via in _sources(inner):
            name = self.expander(text, lookup, instruction)
            if not (name.isdecimal() or name.lower() in self._aliases):
                self._uses.found.append(_use(name, text, lookup, via, instruction))


def _sources(instruction: Instruction) -> Iterator[tuple[str, Via]]:
    if isinstance(instruction, Copy) and instruction.from_:
        yield instruction.from_, "copy"
    elif isinstance(instruction, Run):
        for mount in instruction.mounts:
            if source := mount.get("from"):
                yield source, "mount"


def _use(text: str, written: str, lookup: Callable[[str], str | None], via: Via, at: Instruction) -> Use:
    line = at.span.line
    if text == SCRATCH:
        return Use(text, via, line, None)
    try:
        return Use(text, via, line, Reference.parse(text))
    except UsageError:
        unset = tuple(name for name in references(written) if not lookup(name))
    # FROM ${REGISTRY}/base:${TAG} without a REGISTRY still says which image is meant.
    rest = text.strip("/").rstrip(":@")
    try:
        return Use(rest, via, line, Reference.parse(rest) if unset else None, unset)
    except UsageError:
        return Use(text, via, line, None, unset)
