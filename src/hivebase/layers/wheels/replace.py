"""Taking installed distributions away, as an installer does before it puts another version in their place."""

from __future__ import annotations

import csv
import io
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.layers.tree import resolve
from hivebase.layers.wheels import bytecode
from hivebase.layers.wheels.probe import NotComposableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hivebase.layers.tree import Tree
    from hivebase.layers.wheels.installed import Distribution
    from hivebase.layers.wheels.jobs import Place
    from hivebase.layers.wheels.scheme import Scheme

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

    def remaining(self, places: Iterable[Place]) -> tuple[Place, ...]:
        """Return those of ``places`` that are still there."""
        above = tuple(f"{path}/" for path in self.paths)
        return tuple(place for place in places if not f"{place.path}/".startswith(above))


def removal(tree: Tree, distributions: Iterable[Distribution], scheme: Scheme) -> Removal:
    """Return what the installer of ``scheme`` deletes from ``tree`` to uninstall ``distributions``.

    Raises:
        NotComposableError: a distribution does not say what it owns.
    """
    remains = _Remains(tree)
    for distribution in distributions:
        listed = list(_listed(tree, distribution))
        if scheme.profile == "pip":
            _as_pip(remains, listed, scheme.python.minor)
        else:
            _as_uv(remains, listed, resolve(tree, posixpath.dirname(distribution.metadata)))
    gone = remains.gone
    size = sum(entry.size for path in gone if (entry := tree.lstat(path)) is not None and entry.kind != "dir")
    return Removal(tuple(sorted(path for path in gone if not _below(path, gone))), size)


class _Remains:
    """A tree of which parts were deleted.

    Attributes:
        gone: paths that were; what is below a directory is listed too.
    """

    def __init__(self, tree: Tree) -> None:
        self.gone: set[str] = set()
        self._tree = tree

    def __contains__(self, path: str) -> bool:
        return path not in self.gone and self._tree.lstat(path) is not None

    def is_directory(self, path: str) -> bool:
        return path not in self.gone and _is_directory(self._tree, path)

    def children(self, directory: str) -> list[str]:
        names = self._tree.listdir(directory) if self.is_directory(directory) else ()
        return [path for name in names if (path := posixpath.join(directory, name)) not in self.gone]

    def below(self, directory: str) -> Iterator[str]:
        """Yield all that is below ``directory``."""
        for path in self.children(directory):
            yield path
            yield from self.below(path)


def _as_pip(remains: _Remains, listed: Iterable[str], minor: str) -> None:
    """Delete files and the bytecode of modules, and then each directory that has nothing but such files in it.

    Empty directories do not count (``compress_for_rename`` in pip's ``req_uninstall.py``), and a directory goes only
    if it is itself that of a file.
    """
    files = set()
    for path in listed:
        files.add(path)
        if path.endswith(".py"):
            files.update((bytecode.place(path, minor), f"{path}c", f"{path}o"))
    files = {path for path in files if path in remains}
    for directory in sorted({posixpath.dirname(path) for path in files}, key=len):
        inside = list(remains.below(directory)) if directory else []
        if directory and all(path in files or remains.is_directory(path) for path in inside):
            remains.gone.update(inside, (directory,))
    remains.gone |= files


def _as_uv(remains: _Remains, listed: Iterable[str], library: str) -> None:
    """Delete what is listed, all bytecode beside it, and the directories below ``library`` that are empty then."""
    files = [path for path in listed if path in remains]
    remains.gone.update(files)
    for directory in sorted({posixpath.dirname(path) for path in files}, reverse=True):
        here = directory
        while here.startswith(f"{library}/"):
            cache = f"{here}/__pycache__"
            if remains.is_directory(cache):
                remains.gone.update([*remains.below(cache), cache])
            if remains.children(here):
                break
            remains.gone.add(here)
            here = posixpath.dirname(here)


def _below(path: str, gone: set[str]) -> bool:
    """Tell whether a directory above ``path`` is in ``gone``."""
    return posixpath.dirname(path) in gone


def _is_directory(tree: Tree, path: str) -> bool:
    entry = tree.lstat(path)
    return entry is not None and entry.kind == "dir"


def owned(tree: Tree, distribution: Distribution) -> Iterator[str]:
    """Yield the real paths of all files of a distribution that are in ``tree``, with the bytecode of its modules.

    Raises:
        NotComposableError: it has no RECORD.
    """
    for path in _listed(tree, distribution):
        yield path
        directory, name = posixpath.split(path)
        cache = f"{directory}/__pycache__"
        if name.endswith(".py") and _is_directory(tree, cache):
            module = name.removesuffix("py")
            for other in tree.listdir(cache):
                if other.startswith(module) and other.endswith(".pyc"):
                    yield f"{cache}/{other}"


def _listed(tree: Tree, distribution: Distribution) -> Iterator[str]:
    """Yield the real paths of the files in RECORD that are in ``tree``."""
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
        directory, name = posixpath.split(posixpath.normpath(posixpath.join(library, row[0])))
        real = f"{resolve(tree, directory)}/{name}"
        if tree.lstat(real) is not None:
            yield real
