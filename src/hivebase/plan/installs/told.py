"""What becomes of each installation, in a line: composed or run, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hivebase.plan.steps import ComposeStep, RunStep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.plan.steps import ImagePlan

_LONGEST = 72


@dataclass(frozen=True, slots=True)
class Told:
    """One installation.

    Attributes:
        line: of the Dockerfile.
        what: the command.
        how: what is done about it.
        why: in plain words.
    """

    line: int
    what: str
    how: Literal["compose", "run"]
    why: str


def installations(plan: ImagePlan) -> Iterator[Told]:
    """Yield all installations of an image, in the order of its Dockerfile."""
    for stage in plan.stages:
        for step in stage.steps:
            if isinstance(step, ComposeStep):
                yield Told(step.line, _short(step.install.text), "compose", _sources(step))
            elif isinstance(step, RunStep) and step.why:
                yield Told(step.line, _short(step.text.partition(" ")[2]), "run", step.why)


def _sources(step: ComposeStep) -> str:
    if step.resolution is not None:
        return f"{len(step.resolution.wheels)} wheels"
    if step.request is None or step.request.no_index:
        return "wheels and projects in the image"
    return "to be resolved when it is built"


def _short(text: str) -> str:
    line = " ".join(text.replace("\\\n", " ").split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
