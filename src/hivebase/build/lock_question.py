"""The question that several inputs ask together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.build.uv import Question
from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hivebase.build.lock_inputs import ImageInput, Line
    from hivebase.plan.pythons import Python


@dataclass(frozen=True, slots=True)
class Agreement:
    """What counts for all inputs.

    Attributes:
        preferences: versions by name, taken where they satisfy.
        constraints: lines.
        exclude_newer: releases after that do not count, as uv takes it.
        refresh: packages of which uv asks the index again; ``*`` for all.
    """

    preferences: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    exclude_newer: str = ""
    refresh: tuple[str, ...] = ()


def question_of(
    inputs: Sequence[ImageInput],
    python: Python,
    agreement: Agreement,
    lines: Iterable[Line] | None = None,
) -> Question:
    """Return the question of ``inputs``, for one interpreter.

    Args:
        inputs: at least one.
        python: of their images.
        agreement: what else counts.
        lines: instead of all lines of the inputs.

    Raises:
        UsageError: inputs name different indexes as their only one.
    """
    asked = [line for item in inputs for line in item.lines] if lines is None else lines
    indexes = {item.sources.index_url for item in inputs} - {""}
    if len(indexes) > 1:
        raise UsageError(
            "the images take packages from different indexes",
            where=", ".join(item.path for item in inputs if item.sources.index_url),
            why="they are resolved together, and each --index-url replaces the other",
            hint="use --extra-index-url, or configure the index for this machine",
        )
    environ = {"UV_DEFAULT_INDEX": indexes.pop()} if indexes else {}
    if extra := _every(item.sources.extra_index_urls for item in inputs):
        environ |= {"UV_EXTRA_INDEX_URL": " ".join(extra), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    if links := _every(item.sources.find_links for item in inputs):
        environ["UV_FIND_LINKS"] = ",".join(links)
    return Question(
        list(dict.fromkeys(line.text for line in asked)),
        python,
        list(
            dict.fromkeys(
                [*agreement.constraints, *(line.text for item in inputs for line in item.constraints)]
            )
        ),
        agreement.preferences,
        pre=any(item.sources.pre for item in inputs),
        no_index=all(item.sources.no_index for item in inputs),
        exclude_newer=agreement.exclude_newer,
        refresh=agreement.refresh,
        environ=environ,
    )


def _every(groups: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(item for group in groups for item in group))
