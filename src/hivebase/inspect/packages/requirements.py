"""Which Python distributions of an image need which others: ``Requires-Dist``, as far as it holds in the image."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from hivebase.inspect.packages.texts import LONGEST
from hivebase.plan.pythons import Python
from hivebase.plan.resolve_pins import environment, normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 4 * LONGEST
_MACHINES = {"386": "i686", "amd64": "x86_64", "arm": "armv7l", "arm64": "aarch64", "loong64": "loongarch64"}


def needs(
    found: Sequence[tuple[str, str, str, tuple[str, ...], str]], architecture: str
) -> dict[str, tuple[str, ...]]:
    """Return the ids of what each distribution needs and the image has, by id.

    What an extra adds is left out, since nobody writes down which extras were asked for.

    Args:
        found: id, name, library, values of Requires-Dist, and full version of the interpreter, of each.
        architecture: of the image, in Go's words.
    """
    there: dict[tuple[str, str], str] = {}
    for id_, name, library, _, _ in found:
        # What the same interpreter sees before anything else of that name.
        for place in (library, ""):
            there.setdefault((normalise(name), place), id_)
    machine = _MACHINES.get(architecture, architecture)
    answer = {}
    for id_, _, library, requires, python in found:
        wanted = (_wanted(text, python, machine) for text in requires)
        met = {there.get((name, library)) or there.get((name, "")) for name in wanted if name}
        answer[id_] = tuple(sorted(one for one in met if one and one != id_))
    return answer


@lru_cache(maxsize=1 << 16)
def _wanted(text: str, python: str, machine: str) -> str:
    """Return the normalised name that a requirement asks for, or '' where it does not hold or makes no sense."""
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName  # noqa: PLC0415 -- slow to load
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 -- the same

    if len(text) > _LONGEST:
        return ""
    try:
        requirement = Requirement(text)
        if requirement.marker is not None:
            variables = environment(Python(python, "", (0, 0), machine, ""))
            if not requirement.marker.evaluate({**variables, "extra": ""}):
                return ""
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
        return ""
    return normalise(requirement.name)
