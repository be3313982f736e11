"""Which wheels share a layer, and in which order layers come: the same for every image of every hive.

Runtimes key what they have unpacked by the chain of all layers below, so what changes often comes late, and what is
large and shared comes early. Where a wheel goes depends on its name and size alone, never on the others: an image that
installs one wheel more has the same large layers in the same order.

Registries keep each layer once, so what siblings share should have a layer of its own; runtimes stack few layers, so
not everything can. With 2 MiB the deepest chain of the first hive has 40 layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.plan.wheels import LockedWheel

ALONE = 2 << 20
"""Bytes of a wheel from which it has a layer of its own."""

PATCHED = frozenset(
    {
        *("certifi", "cryptography", "filelock", "flask", "gitpython", "grpcio-health-checking", "idna"),
        *("jinja2", "markupsafe", "orjson", "pillow", "pip", "protobuf", "pyjwt", "requests", "setuptools"),
        *("starlette", "tornado", "typing-extensions", "urllib3", "virtualenv", "werkzeug", "wheel", "zipp"),
    }
)
"""Names with many security releases, or with releases several times a month, and what goes with them: they go last.

A name that is missing costs a larger push when it is patched, nothing else.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """The wheels of one layer.

    Attributes:
        label: for people: ``numpy 1.26.4``, or ``12 small wheels``; ``hivebase.inspect.order`` reads it.
        wheels: sorted by name.
    """

    label: str
    wheels: tuple[LockedWheel, ...]


def arrange(wheels: Iterable[LockedWheel]) -> tuple[Group, ...]:
    """Return the layers of an installation, lowest first."""
    alone: list[LockedWheel] = []
    small: list[LockedWheel] = []
    patched: list[LockedWheel] = []
    for wheel in wheels:
        if wheel.size >= ALONE:
            alone.append(wheel)
        else:
            (patched if wheel.name in PATCHED else small).append(wheel)
    # Powers of four: a new version that is a little larger keeps its place.
    alone.sort(key=lambda wheel: (wheel.name in PATCHED, -(wheel.size.bit_length() // 2), wheel.name))
    groups = [Group(f"{wheel.name} {wheel.version}", (wheel,)) for wheel in alone]
    for members, often in ((small, False), (patched, True)):
        if members:
            members.sort(key=lambda wheel: wheel.name)
            groups.append(Group(_label(members, often=often), tuple(members)))
    return tuple(groups)


def together(wheels: Iterable[LockedWheel]) -> tuple[Group, ...]:
    """Return one layer for all of them."""
    members = sorted(wheels, key=lambda wheel: wheel.name)
    label = ", ".join(f"{wheel.name} {wheel.version}" for wheel in members)
    return (Group(label, tuple(members)),)


def _label(members: list[LockedWheel], *, often: bool) -> str:
    kind = ", often patched" if often else ""
    if len(members) == 1:
        return f"1 small wheel{kind}: {members[0].name} {members[0].version}"
    return f"{len(members)} small wheels{kind}"
