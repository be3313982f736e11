"""Taking installed distributions away, as an installer does before it puts another version in their place."""

from __future__ import annotations

import csv
import io
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.layers.tree import resolve
from hivebase.layers.wheels.probe import NotComposableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.layers.tree import Tree
    from hivebase.layers.wheels.installed import Distribution

_MAX_RECORD = 64 << 20


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes.

    Attributes:
        paths: real paths to be deleted, relative to the root, sorted; a directory goes with all that is in it.
        size: bytes of the files, which stay in the layers below.
    """

    paths: tuple[str, ...]
    size: int


def removal(tree: Tree, distributions: Iterable[Distribution]) -> Removal:
    """Return what uninstalling ``distributions`` deletes from ``tree``.

    The files that RECORD lists, the bytecode of modules among them, and the directories that are empty then.

    Raises:
        NotComposableError: a distribution does not say what it owns.
    """
    files: set[str] = set()
    for distribution in distributions:
        files.update(owned(tree, distribution))
    size = sum(entry.size for path in files if (entry := tree.lstat(path)) is not None)
    emptied: dict[str, bool] = {}
    tops: set[str] = set()
    for path in files:
        top, parent = path, posixpath.dirname(path)
        while parent and _goes(tree, parent, files, emptied):
            top, parent = parent, posixpath.dirname(parent)
        tops.add(top)
    return Removal(tuple(sorted(tops)), size)


def _goes(tree: Tree, directory: str, files: set[str], known: dict[str, bool]) -> bool:
    """Tell whether nothing of ``directory`` is left without ``files``."""
    if directory not in known:
        known[directory] = all(
            path in files or (_is_directory(tree, path) and _goes(tree, path, files, known))
            for path in (posixpath.join(directory, name) for name in tree.listdir(directory))
        )
    return known[directory]


def _is_directory(tree: Tree, path: str) -> bool:
    entry = tree.lstat(path)
    return entry is not None and entry.kind == "dir"


def owned(tree: Tree, distribution: Distribution) -> Iterable[str]:
    """Yield the real paths of all files of a distribution that are in ``tree``.

    Raises:
        NotComposableError: it has no RECORD.
    """
    library = posixpath.dirname(distribution.metadata)
    record = resolve(tree, f"{distribution.metadata}/RECORD")
    entry = tree.lstat(record)
    if entry is None or entry.kind != "file" or entry.size > _MAX_RECORD:
        raise NotComposableError(
            f"{distribution.name} {distribution.version} has no RECORD, so its files are not known"
        )
    with tree.open(record) as stream:
        text = stream.read(_MAX_RECORD).decode("utf-8", "surrogateescape")
    for row in csv.reader(io.StringIO(text, newline="")):
        if not row:
            continue
        path = posixpath.normpath(posixpath.join(library, row[0]))
        directory, name = posixpath.split(path)
        place = resolve(tree, directory)
        real = f"{place}/{name}"
        if tree.lstat(real) is not None:
            yield real
        if name.endswith(".py"):
            yield from _bytecode(tree, f"{place}/__pycache__", name.removesuffix(".py"))


def _bytecode(tree: Tree, cache: str, module: str) -> Iterable[str]:
    if _is_directory(tree, cache):
        for name in tree.listdir(cache):
            if name.startswith(f"{module}.") and name.endswith(".pyc"):
                yield f"{cache}/{name}"
