"""Which wheels share a layer, and in which order layers come: the same for every image of every hive.

Runtimes key what they have unpacked by the chain of all layers below, so what changes often comes late, and what is
large and shared comes early. The order depends on each wheel alone, never on the set: an image that installs one wheel
more has the same layers in the same order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.plan.wheels import LockedWheel

ALONE = 2 << 20
"""Bytes of a wheel from which it has a layer of its own."""

SHELVES = 4
"""Groups of small wheels that change seldom."""

PATCHED = frozenset(
    [
        "certifi",
        "cryptography",
        "filelock",
        "flask",
        "gitpython",
        "grpcio-health-checking",
        "idna",
        "jinja2",
        "markupsafe",
        "orjson",
        "pillow",
        "pip",
        "protobuf",
        "pyjwt",
        "requests",
        "setuptools",
        "starlette",
        "tornado",
        "typing-extensions",
        "urllib3",
        "virtualenv",
        "werkzeug",
        "wheel",
        "zipp",
    ]
)
"""Names with many security releases, or with releases that come several times a month: they go last.

From the advisories of the Python packaging advisory database over the last years; a name that is missing costs a larger
push when it is patched, nothing else.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """The wheels of one layer.

    Attributes:
        label: for people: ``numpy 1.26.4``, or ``12 small wheels, shelf 3``.
        wheels: sorted by name.
        why: where it stands and why, for ``hivebase order --explain``.
    """

    label: str
    wheels: tuple[LockedWheel, ...]
    why: str


def arrange(wheels: Iterable[LockedWheel]) -> tuple[Group, ...]:
    """Return the layers of an installation, lowest first."""
    alone: list[LockedWheel] = []
    shelves: dict[int, list[LockedWheel]] = {}
    for wheel in wheels:
        if wheel.size >= ALONE:
            alone.append(wheel)
        else:
            shelves.setdefault(shelf_of(wheel.name), []).append(wheel)
    # Powers of four: a new version that is a little larger keeps its place.
    alone.sort(key=lambda wheel: (wheel.name in PATCHED, -(wheel.size.bit_length() // 2), wheel.name))
    groups = [Group(f"{wheel.name} {wheel.version}", (wheel,), _why_alone(wheel)) for wheel in alone]
    for shelf, members in sorted(shelves.items()):
        members.sort(key=lambda wheel: wheel.name)
        groups.append(Group(_label(members, shelf), tuple(members), _why_together(shelf)))
    return tuple(groups)


def shelf_of(name: str) -> int:
    """Return the group of a small wheel, from its name alone."""
    if name in PATCHED:
        return SHELVES
    return hashlib.sha256(name.encode()).digest()[0] % SHELVES


def _label(members: list[LockedWheel], shelf: int) -> str:
    if len(members) == 1:
        return f"{members[0].name} {members[0].version}"
    kind = "often patched" if shelf == SHELVES else f"shelf {shelf + 1}"
    return f"{len(members)} small wheels, {kind}"


def _why_alone(wheel: LockedWheel) -> str:
    size = f"{wheel.size / 1e6:.0f} MB"
    if wheel.name in PATCHED:
        return f"alone because of its size ({size}), after other large ones because it is patched often"
    return f"alone because of its size ({size}), large ones first"


def _why_together(shelf: int) -> str:
    if shelf == SHELVES:
        return "small wheels that are patched often: one small layer changes, and nothing is above it but the receipt"
    return f"small wheels whose names hash to shelf {shelf + 1} of {SHELVES}"
