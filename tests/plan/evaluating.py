"""Evaluate Dockerfiles given as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.plan.memory import MemoryListing, base

from hivebase.dockerfile.parser import parse
from hivebase.plan.evaluate import EvaluateInputs, Evaluation, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.plan.sources import BaseFact
    from hivebase.plan.steps import StagePlan

DEBIAN = "docker.io/library/debian:12"


def run(
    text: str,
    *,
    files: Mapping[str, Any] | None = None,
    bases: Mapping[str, BaseFact] | None = None,
    images: Mapping[str, BaseFact] | None = None,
    **options: Any,
) -> Evaluation:
    """Evaluate ``text`` over the base debian:12 and a context of ``files``."""
    known = images or {}
    inputs = EvaluateInputs(
        bases={DEBIAN: base(), **(bases or {})},
        images=known,
        context=MemoryListing(files or {}),
        find=lambda reference: reference.name if reference.name in known else None,
        **options,
    )
    return evaluate(parse(text, "Dockerfile"), inputs)


def stage(text: str, **options: Any) -> StagePlan:
    """Return the last stage."""
    return run(text, **options).stages[-1]


def history(text: str, **options: Any) -> list[str]:
    """Return the ``created_by`` of the last stage's steps."""
    return [step.created_by for step in stage(text, **options).steps]
