"""Which wheels an interpreter takes, and which of several it takes first.

The same order of tags as ``packaging.tags`` gives on that machine (a test compares the two), but for a machine
that is described and not the one that this runs on; and without its import, which costs more than planning.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.plan.pythons import Python

_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""Names that platforms had before PEP 600, by the minor version of their glibc 2."""

_ABI3_SINCE = 2
"""The first minor version of Python 3 that had a stable ABI."""


def rank(file_name: str, python: Python) -> int | None:
    """Return how well the wheel fits: 0 is best. None means that ``python`` does not take it, or no wheel's name.

    Of wheels with equal rank the one with the higher :func:`build_number` is taken.
    """
    parts = _parts(file_name)
    if parts is None:
        return None
    order = _order(python.minor, python.libc, python.libc_version, python.machine)
    found = [
        order[tag]
        for interpreter in parts[-3].split(".")
        for abi in parts[-2].split(".")
        for platform in parts[-1].split(".")
        if (tag := f"{interpreter}-{abi}-{platform}") in order
    ]
    return min(found, default=None)


def build_number(file_name: str) -> tuple[int, str]:
    """Return the build number of a wheel's name, ``(0, "")`` when it has none."""
    parts = _parts(file_name)
    if parts is None or len(parts) < 6:
        return 0, ""
    digits = len(parts[2]) - len(parts[2].lstrip("0123456789"))
    return int(parts[2][:digits] or "0"), parts[2][digits:]


def _parts(file_name: str) -> list[str] | None:
    """Split ``name-version[-build]-python-abi-platform.whl``."""
    if not file_name.endswith(".whl"):
        return None
    parts = file_name[: -len(".whl")].lower().split("-")
    return parts if len(parts) in {5, 6} else None


@functools.lru_cache(maxsize=64)
def _order(minor: str, libc: str, libc_version: tuple[int, int], machine: str) -> dict[str, int]:
    platforms = tuple(_platforms(libc, libc_version, machine))
    order: dict[str, int] = {}
    for tag in _tags(int(minor.partition(".")[2]), platforms):
        order.setdefault(tag, len(order))
    return order


def _tags(minor: int, platforms: tuple[str, ...]) -> Iterator[str]:
    own = f"cp3{minor}"
    for abi in (own, "abi3", "none"):
        yield from (f"{own}-{abi}-{platform}" for platform in platforms)
    for older in range(minor - 1, _ABI3_SINCE - 1, -1):
        yield from (f"cp3{older}-abi3-{platform}" for platform in platforms)
    generic = [f"py3{minor}", "py3", *(f"py3{older}" for older in range(minor - 1, -1, -1))]
    for interpreter in generic:
        yield from (f"{interpreter}-none-{platform}" for platform in platforms)
    yield from (f"{interpreter}-none-any" for interpreter in (own, *generic))


def _platforms(libc: str, libc_version: tuple[int, int], machine: str) -> Iterator[str]:
    major, newest = libc_version
    if libc == "musl":
        yield from (f"musllinux_{major}_{minor}_{machine}" for minor in range(newest, -1, -1))
    elif major == 2:
        # Nobody has built for an older glibc than the first of the manylinux policies; others began later.
        oldest = 5 if machine in {"x86_64", "i686"} else 17
        for minor in range(newest, oldest - 1, -1):
            yield f"manylinux_2_{minor}_{machine}"
            if minor in _ALIASES:
                yield f"{_ALIASES[minor]}_{machine}"
    yield f"linux_{machine}"
