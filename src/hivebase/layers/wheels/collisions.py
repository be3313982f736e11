"""Two wheels that own one file (fault A-15)."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from hivebase.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.layers.wheels.jobs import WheelFacts


_PATHS = re.compile(rb"^[^,\r\n]+", re.MULTILINE)


def refuse_collisions(wheels: Sequence[WheelFacts]) -> None:
    """Make sure that no two wheels bring different files under one name; equal files are fine.

    Raises:
        BuildError: two do; both are named.
    """
    # Nearly always there is nothing: lines that are alike are files that are alike.
    lines = set[bytes]().union(*(facts.record.splitlines() for facts in wheels))
    paths = _PATHS.findall(b"\n".join(lines))
    if len(paths) == len(lines) == len(set(paths)):
        return
    owners: dict[bytes, tuple[WheelFacts, bytes]] = {}
    for facts in wheels:
        # All rows are relative to site-packages of one interpreter. A quoted path is compared as it is quoted.
        for line in facts.record.splitlines():
            path, _, rest = line.partition(b",")
            before = owners.setdefault(path, (facts, rest))
            if before[0] is not facts and before[1] != rest:
                raise _collision(before[0], facts, line)


def _collision(one: WheelFacts, other: WheelFacts, line: bytes) -> BuildError:
    path = next(csv.reader([line.decode("utf-8", "replace")]))[0]
    return BuildError(
        f"{one.name} {one.version} and {other.name} {other.version} both install {path}",
        why="the two files differ, so what the image has would depend on the order of installation",
        hint="install only one of the two, or build with --no-compose to let the installer decide",
    )
