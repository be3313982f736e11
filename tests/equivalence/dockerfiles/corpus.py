"""All cases by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case
from tests.equivalence.dockerfiles.cases import (
    adding,
    configuration,
    copying,
    copying_from,
    decided,
    expansions,
    heredocs,
    ignoring,
    layering,
    mounts,
    onbuild,
    places,
    refusals,
    running,
    stages,
    syntax,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_THEMES: tuple[Mapping[str, str | Case], ...] = (
    variables.CASES,
    expansions.CASES,
    syntax.CASES,
    heredocs.CASES,
    configuration.CASES,
    onbuild.CASES,
    stages.CASES,
    places.CASES,
    running.CASES,
    layering.CASES,
    mounts.CASES,
    copying.CASES,
    copying_from.CASES,
    adding.CASES,
    ignoring.CASES,
    refusals.CASES,
    decided.CASES,
)


def known_to(version: str) -> dict[str, Case]:
    """Return the cases that a Docker of this version can judge."""
    return {name: case for name, case in _all().items() if _number(case.needs) <= _number(version)}


def _all() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for theme in _THEMES:
        for name, case in theme.items():
            assert name not in cases, f"two cases are called {name}"
            cases[name] = Case(case) if isinstance(case, str) else case
    return cases


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
