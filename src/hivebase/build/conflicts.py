"""Why images cannot agree: the fewest lines that contradict each other, and how each leads to the contradiction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from hivebase.build.lock_question import question_of
from hivebase.build.uv import ConflictError
from hivebase.plan.resolve_pins import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hivebase.build.lock_inputs import ImageInput, Line
    from hivebase.build.lock_question import Agreement
    from hivebase.build.uv import Uv
    from hivebase.plan.pythons import Python

T = TypeVar("T")

_SPACED = re.compile(r"\s+")
_NAME = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_DEPENDS = re.compile(
    rf"({_NAME})(?:\[[^\]]*\])?(?:[<>=!~][^\s]*)? depends? on ({_NAME})(?:\[[^\]]*\])?([<>=!~][^\s]*)?"
)
_ROOT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*([^;@]*)")


def explain(
    uv: Uv, inputs: Sequence[ImageInput], python: Python, agreement: Agreement, error: ConflictError
) -> ConflictError:
    """Return an error that names the images and lines between which the conflict is.

    Args:
        uv: tries smaller questions, from what it has kept of the first one.
        inputs: that were resolved together.
        python: for which.
        agreement: what else counted.
        error: what uv said of all of them.
    """
    last = error

    def fails(some: Sequence[ImageInput], lines: Sequence[Line] | None = None) -> bool:
        nonlocal last
        try:
            uv.compile_again(question_of(some, python, agreement, lines))
        except ConflictError as found:
            last = found
            return True
        return False

    core = _smallest(inputs, fails)
    lines = _smallest([line for item in core for line in item.lines], lambda some: fails(core, some))
    fails(core, lines)  # what uv says of these alone is what people can read
    if last.no_wheels:
        return _without_wheels(last, lines, core)
    what = "no versions satisfy all requirements"
    images = sorted({image for item in core for image in item.images})
    if len(core) > 1:
        what = f"{_and(images)} cannot agree on versions"
    elif len(inputs) > 1:
        what = f"{_and(images)} cannot be resolved, not even alone"
    told = "\n    ".join([*_chains(lines, core, last.text), *last.text.split("\n    ")])
    explained = ConflictError(told, ())
    explained.what = what
    explained.hint = last.hint or "change one of these lines"
    if agreement.constraints:
        explained.hint += f", or do without {', '.join(agreement.constraints)}"
    return explained


def _smallest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a part of ``items`` that fails and of which nothing can be left out: larger pieces are tried first."""
    kept = list(items)
    size = max(1, len(kept) // 2)
    while True:
        position = 0
        while position < len(kept) and len(kept) > 1:
            without = kept[:position] + kept[position + size :]
            if without and fails(without):
                kept = without
            else:
                position += size
        if size == 1:
            return kept
        size = max(1, size // 2)


def _without_wheels(
    error: ConflictError, lines: Sequence[Line], inputs: Sequence[ImageInput]
) -> ConflictError:
    explained = ConflictError(
        "\n    ".join([*_chains(lines, inputs, error.text, error.no_wheels[0]), error.text]), error.no_wheels
    )
    explained.what = f"{_and(list(error.no_wheels))}: no version that is asked for has a wheel"
    explained.hint = "ask for a version that has one, or build one into a directory that find-links names"
    return explained


def _chains(lines: Sequence[Line], inputs: Sequence[ImageInput], text: str, goal: str = "") -> list[str]:
    """Say for each line who wants what, and through what, as far as uv's explanation tells it."""
    edges: dict[str, list[tuple[str, str]]] = {}
    for source, target, wanted in _DEPENDS.findall(_SPACED.sub(" ", text)):
        edges.setdefault(normalise(source), []).append((normalise(target), wanted.rstrip(",.")))
    roots = [_ROOT.match(line.text) for line in lines]
    contested = goal or _contested(
        [(normalise(root[1]), root[2].strip()) for root in roots if root is not None], edges
    )
    owners = {
        line.origin: ", ".join(
            sorted({image for item in inputs if line in item.lines for image in item.images})
        )
        for line in lines
    }
    told = []
    for line, root in zip(lines, roots, strict=True):
        way = _way(normalise(root[1]), contested, edges) if root is not None else []
        through = "".join(f" -> {name}{wanted}" for name, wanted in way)
        told.append(f"{owners[line.origin]} wants {_SPACED.sub(' ', line.text)}{through}  ({line.origin})")
    return told


def _contested(roots: Sequence[tuple[str, str]], edges: dict[str, list[tuple[str, str]]]) -> str:
    """Return the package of which different versions are wanted, or nothing when that cannot be told."""
    wanted: dict[str, set[str]] = {}
    for name, versions in [*roots, *(edge for found in edges.values() for edge in found)]:
        wanted.setdefault(name, set()).add(versions)
    torn = [name for name, versions in wanted.items() if len(versions - {""}) > 1]
    return torn[0] if len(torn) == 1 else ""


def _way(start: str, goal: str, edges: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Return the dependencies that lead from one package to another, the shortest way."""
    pending: list[tuple[str, list[tuple[str, str]]]] = [(start, [])]
    seen = {start}
    while pending and goal:
        name, way = pending.pop(0)
        if name == goal:
            return way
        for target, wanted in edges.get(name, ()):
            if target not in seen:
                seen.add(target)
                pending.append((target, [*way, (target, wanted)]))
    return []


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
