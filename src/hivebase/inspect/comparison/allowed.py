"""What may differ between two builds of one image, each with its reason."""

from __future__ import annotations

import marshal
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hivebase.inspect.comparison.difference import Difference

_HEADER = 16
"""Bytes before the code of a .pyc (PEP 552): magic number, flags, time and size of the source."""

_ONE_SIDE = frozenset({"only ours", "only theirs"})
_CONTENT = frozenset({"content"})


class Allowed(msgspec.Struct, frozen=True):
    """A difference that is no fault.

    Attributes:
        name: of the class, for people and for ``--json``.
        why: it does not matter.
        path: a pattern for the whole path.
        aspects: of the differences that are meant.
        check: must hold as well.
    """

    name: str
    why: str
    path: str
    aspects: frozenset[str]
    check: Callable[[Difference], bool] = lambda _: True

    def covers(self, difference: Difference) -> bool:
        """Tell whether this is the one."""
        return (
            difference.aspect in self.aspects
            and re.fullmatch(self.path, difference.path, re.DOTALL) is not None
            and self.check(difference)
        )


def _same_code(difference: Difference) -> bool:
    """Tell whether two .pyc were made from sources of one size and hold equal code."""
    contents = difference.read() if difference.read else None
    if contents is None:
        return False
    one, two = contents
    # Bytes 8 to 11 are the time of the source, which is the time of the installation.
    if one[:8] + one[12:_HEADER] != two[:8] + two[12:_HEADER]:
        return False
    if one[_HEADER:] == two[_HEADER:]:
        return True
    try:
        return bool(marshal.loads(one[_HEADER:]) == marshal.loads(two[_HEADER:]))  # noqa: S302 -- compared, never run
    except (EOFError, ValueError, TypeError):
        return False


def _empty(difference: Difference) -> bool:
    return re.search(r"^dir |\b0 bytes", difference.ours or difference.theirs) is not None


ALLOWED = (
    Allowed(
        "times in bytecode",
        "a .pyc names the time of its source, which is the time of the installation; what else the compiling process "
        "holds decides where marshal writes a reference. The code is equal",
        r".*/__pycache__/[^/]+\.pyc",
        _CONTENT,
        _same_code,
    ),
    Allowed(
        "logs and caches of package managers",
        "they tell when something was installed, and in which order",
        r"var/log/(?:apt/.*|dpkg\.log|alternatives\.log|bootstrap\.log|faillog|lastlog)|var/cache/ldconfig/aux-cache"
        r"|var/cache/apt/.*|var/cache/debconf/.*|var/lib/apt/lists(?:/.*)?|var/lib/dpkg/(?:status-old|lock.*)",
        _CONTENT | _ONE_SIDE,
    ),
    Allowed(
        "caches of installers",
        "without --no-cache-dir pip and uv keep what they downloaded; nothing is downloaded where wheels are composed",
        r"root/\.cache(?:/.*)?|tmp/uv-[0-9a-f]+\.lock|.*/\.lock",
        _ONE_SIDE,
    ),
    Allowed(
        "bytecode of what ran",
        "a pip that is run writes bytecode of itself and of what it imports; nothing is run where wheels are composed",
        r"usr/(?:local/)?lib/python3[^/]*/(?:.*/)?__pycache__(?:/[^/]+\.pyc)?",
        _ONE_SIDE,
    ),
    Allowed(
        "places of mounts",
        "a builder makes empty files and directories to mount something over them during a step",
        r"dev|proc|sys|run|dev/.*|etc/(?:hosts|hostname|resolv\.conf)|etc|run/(?:lock|secrets.*|\.containerenv)",
        _ONE_SIDE,
        _empty,
    ),
    Allowed(
        "names of stand-ins",
        "hivebase labels an image that holds a stand-in; no other builder does",
        r"labels\.io\.hivebase\.stand-ins",
        frozenset({"configuration"}),
    ),
    Allowed(
        "labels of builders",
        "buildah writes its version into each image",
        r"labels\.io\.buildah\.version",
        frozenset({"configuration"}),
    ),
    Allowed(
        "an order of variables",
        "each variable is there, with its value",
        r"env order",
        frozenset({"configuration"}),
    ),
)
"""What holds for every image."""


def of_plan(mounts: Collection[str], workdirs: Collection[str]) -> tuple[Allowed, ...]:
    """Return what may differ because of what an image is made of.

    Args:
        mounts: absolute paths at which steps had something mounted.
        workdirs: absolute paths of ``WORKDIR``.
    """
    return (
        Allowed(
            "places of mounts",
            "a builder makes empty files and directories to mount something over them during a step",
            _paths(mounts),
            _ONE_SIDE,
            _empty,
        ),
        Allowed(
            "working directories",
            "buildah makes the directory of a WORKDIR only where a RUN follows",
            _paths(workdirs),
            frozenset({"only ours"}),
            _empty,
        ),
    )


def _paths(absolute: Collection[str]) -> str:
    """Return a pattern of these paths and all directories above them."""
    found: set[str] = set()
    for path in absolute:
        parts = [part for part in path.split("/") if part]
        found.update("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return "|".join(map(re.escape, sorted(found))) or r"(?!)"


def verdict_of(difference: Difference, further: Sequence[Allowed] = ()) -> Allowed | None:
    """Return what allows ``difference``, of :data:`ALLOWED` and ``further``; None when nothing does."""
    return next((item for item in (*ALLOWED, *further) if item.covers(difference)), None)
