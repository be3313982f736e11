"""Which distributions an image has: the names of the directories with their metadata."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.layers.tree import resolve

if TYPE_CHECKING:
    from hivebase.layers.tree import Tree
    from hivebase.layers.wheels.probe import Environment

_METADATA = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+?)-(?P<version>[0-9][^-]*)(?:-py[0-9.]+)?\.(?:dist|egg)-info\Z"
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution.

    Attributes:
        name: normalised.
        version: as the directory says.
        metadata: absolute path of its metadata directory or file.
        removable: the installer would remove it to put another version in its place.
    """

    name: str
    version: str
    metadata: str
    removable: bool


def installed(tree: Tree, environment: Environment) -> list[Distribution]:
    """Return the distributions that an interpreter sees; of two of one name, the one that is found first."""
    found: dict[str, Distribution] = {}
    for library in environment.libraries:
        place = resolve(tree, library)
        entry = tree.lstat(place)
        if entry is None or entry.kind != "dir":
            continue
        for name in tree.listdir(place):
            match = _METADATA.match(name)
            if match is not None:
                key = re.sub(r"[-_.]+", "-", match["name"]).lower()
                removable = library in environment.removable
                found.setdefault(key, Distribution(key, match["version"], f"{library}/{name}", removable))
    return list(found.values())
