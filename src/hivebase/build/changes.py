"""What an installation adds to an environment, and what it takes away for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.plan.resolve_pins import same_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.layers.wheels.installed import Distribution
    from hivebase.layers.wheels.probe import Environment
    from hivebase.plan.wheels import LockedWheel, Resolution

_SEEDS = frozenset({"pip", "uv"})
_OLD_SEEDS = _SEEDS | {"setuptools", "wheel"}
_NO_OLD_SEEDS = (3, 12)
"""Python from which setuptools and wheel are no part of a new environment."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done.

    Attributes:
        wanted: is to be installed.
        gone: is to be taken away.
    """

    wanted: tuple[LockedWheel, ...]
    gone: tuple[Distribution, ...] = ()


def changes(
    resolution: Resolution, present: Mapping[str, Distribution], direct: Mapping[str, bytes] | None = None
) -> Changes:
    """Return what is missing in an environment, and the other versions that stand in its way.

    Args:
        resolution: what is asked for.
        present: what is there, by name.
        direct: what comes from a path; that is installed again even in the same version, as pip does.
    """
    wanted, gone = [], []
    for wheel in resolution.wheels:
        there = present.get(wheel.name)
        again = direct is not None and wheel.name in direct
        if there is not None and not again and same_version(there.version, wheel.version):
            continue
        wanted.append(wheel)
        if there is not None and there.removable:
            gone.append(there)
    return Changes(tuple(wanted), tuple(gone))


def synchronised(
    found: Changes, resolution: Resolution, present: Mapping[str, Distribution], environment: Environment
) -> Changes:
    """Return the changes of ``uv pip sync``: what is not asked for goes, what an environment is born with stays."""
    minor = tuple(int(part) for part in environment.scheme.python.minor.split("."))
    seeds: frozenset[str] = frozenset()
    if environment.seeded:
        seeds = _SEEDS if minor >= _NO_OLD_SEEDS else _OLD_SEEDS
    asked = {wheel.name for wheel in resolution.wheels}
    extra = [item for item in present.values() if item.removable and item.name not in asked | seeds]
    return Changes(found.wanted, (*found.gone, *extra))
