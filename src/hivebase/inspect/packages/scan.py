"""One look at all names of a tree: its regular files, and where metadata of Python distributions is."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.inspect.packages.reading import Place

if TYPE_CHECKING:
    from hivebase.layers.indexed import IndexedTree

_LIBRARIES = ("site-packages", "dist-packages")


@dataclass(slots=True)
class Scan:
    """What was found.

    Attributes:
        files: regular files by path, in the order of a walk.
        metadata: what is called ``*.dist-info`` anywhere, and ``*.egg-info`` where interpreters look for it. In a
            source tree, an egg-info says only that a build was begun there.
        links: those of them that are symbolic links.
    """

    files: dict[str, Place] = field(default_factory=dict)
    metadata: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)


def scan(tree: IndexedTree) -> Scan:
    """Look at ``tree``."""
    found = Scan()
    for path, layer, row in tree.walk():
        if row.kind == "file":
            found.files[path] = Place(layer, row.offset, row.size)
        elif row.kind == "hardlink":
            entry = tree.lstat(path)
            if entry is not None and entry.kind == "file":
                found.files[path] = Place(layer, -1, entry.size)
        if path.endswith("-info") and _is_metadata(path):
            found.metadata.append(path)
            if row.kind == "symlink":
                found.links.add(path)
    return found


def _is_metadata(path: str) -> bool:
    if path.endswith(".dist-info"):
        return True
    return path.endswith(".egg-info") and posixpath.basename(posixpath.dirname(path)) in _LIBRARIES
