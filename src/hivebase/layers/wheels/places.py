"""The directories above installed files: as the image has them, or as an installer would make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hivebase.layers.tree import Tree, resolve
from hivebase.layers.wheels.jobs import Place
from hivebase.tar import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hivebase.layers.wheels.scheme import Scheme

_SETGID = 0o2000
_DEPTH = 3  # below the prefix: what wheels put into it is share/man/man1, share/jupyter, etc/…
_MANY = 4096


class Image(Tree, Protocol):
    """What is asked of an image: :class:`hivebase.layers.indexed.IndexedTree`."""

    def passages(self, path: str) -> list[Entry]:
        """Return the directories and symbolic links in a directory, sorted."""


class Places:
    """Says where a file really goes, and what the directories above it are.

    A directory that the image does not have is made as ``mkdir`` makes it under umask 022: 0755, and with the
    group of its parent where that has the setgid bit.

    Args:
        exceptions: directories and links of the image that are otherwise.
    """

    def __init__(self, exceptions: Iterable[Place]) -> None:
        self._known = {place.path: place for place in exceptions}
        self._real: dict[str, str] = {"": ""}

    def real(self, directory: str) -> str:
        """Return where the absolute ``directory`` is, links followed; relative to the root."""
        path = directory.strip("/")
        found = self._real.get(path)
        if found is None:
            parent, _, name = path.rpartition("/")
            above = self.real(parent)
            here = f"{above}/{name}" if above else name
            place = self._known.get(here)
            found = self._real[path] = place.link if place is not None and place.link else here
        return found

    def directory(self, path: str) -> Place:
        """Return the metadata of the real directory ``path``."""
        place = self._known.get(path)
        if place is None:
            above = self.directory(path.rpartition("/")[0]) if path else Place("")
            inherited = above.mode & _SETGID
            place = Place(path, 0o755 | inherited, 0, above.gid if inherited else 0)
            self._known[path] = place
        return place

    def entries(self, directory: str, seen: set[str], epoch: int) -> Iterator[Entry]:
        """Yield entries for ``directory`` and those above it that are not in ``seen`` yet, parents first."""
        if not directory or directory in seen:
            return
        yield from self.entries(directory.rpartition("/")[0], seen, epoch)
        seen.add(directory)
        place = self.directory(directory)
        yield Entry(directory, "dir", place.mode, place.uid, place.gid, mtime=epoch)

    def owner(self, directory: str) -> tuple[int, int]:
        """Return owner and group of a new file in the real ``directory``."""
        place = self.directory(directory)
        return 0, place.gid if place.mode & _SETGID else 0


def exceptions(tree: Image, scheme: Scheme) -> tuple[Place, ...]:
    """Return what of ``tree`` an installation in ``scheme`` must know: sorted, and usually next to nothing.

    Looked at are the ways to the scheme's directories, what is in site-packages, and the prefix three levels deep.
    """
    found: dict[str, Place] = {}
    libraries = {scheme.purelib, scheme.platlib}
    for root in sorted({*libraries, scheme.scripts, scheme.data, scheme.headers}):
        path = ""
        for part in root.strip("/").split("/"):
            path = _look(tree, f"{path}/{part}" if path else part, found)
    for library in sorted(libraries):
        _look_below(tree, resolve(tree, library), 1, found)
    _look_below(tree, resolve(tree, scheme.data), _DEPTH, found, {resolve(tree, path) for path in libraries})
    usual, kept = Places(()), []
    for path in sorted(found):  # parents first, so that what a parent hands down is known
        place = found[path]
        if place.link or usual.directory(path) != place:
            kept.append(place)
            usual = Places(kept)
    return tuple(kept)


def _look(tree: Image, path: str, found: dict[str, Place]) -> str:
    """Note what is at ``path``, whose parent is real; return where it leads."""
    entry = tree.lstat(path)
    if entry is None:
        return path
    if entry.kind == "symlink":
        target = resolve(tree, path)
        found[path] = Place(path, link=target)
        for depth in range(1, target.count("/") + 2):
            part = "/".join(target.split("/")[:depth])
            above = tree.lstat(part)
            if above is not None and above.kind == "dir":
                found[part] = Place(part, above.mode, above.uid, above.gid)
        return target
    if entry.kind == "dir":
        found[path] = Place(path, entry.mode, entry.uid, entry.gid)
    return path


def _look_below(
    tree: Image, directory: str, depth: int, found: dict[str, Place], without: Iterable[str] = ()
) -> None:
    entry = tree.lstat(directory)
    if entry is None or entry.kind != "dir" or directory in without:
        return
    for below in tree.passages(directory)[:_MANY]:
        if below.kind == "symlink":
            target = tree.lstat(resolve(tree, below.name))
            if target is None or target.kind != "dir":
                continue
            _look(tree, below.name, found)
            continue
        found[below.name] = Place(below.name, below.mode, below.uid, below.gid)
        if depth > 1:
            _look_below(tree, below.name, depth - 1, found, without)
