"""The Debian packages of an image, and the layer that brought each: what ``status`` said as layer came upon layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.errors import BuildError, CorruptContentError
from hivebase.inspect.packages import debian
from hivebase.inspect.packages.reading import Place, Wanted
from hivebase.layers.tree import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hivebase.inspect.packages.debian import Key, Stanza
    from hivebase.inspect.packages.owners import Owners
    from hivebase.layers.indexed import IndexedTree

_MOST_STANZA = 1 << 20


@dataclass(slots=True)
class Dpkg:
    """Where dpkg's files are in an image.

    Attributes:
        status: each state of ``status``, lowest layer first.
        single: files with one package each, in images without dpkg.
        lists: files that say which files belong to a package.
        diversions: path of the list of diversions, or empty.
    """

    status: list[Wanted] = field(default_factory=list)
    single: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    diversions: str = ""

    @classmethod
    def find(cls, tree: IndexedTree, files: Mapping[str, Place], layers: int) -> Dpkg:
        """Look for them.

        Raises:
            CorruptContentError: the list of packages is larger than any is.
        """
        try:
            names = ("status", "status.d", "info", "diversions")
            status, single, info, diversions = (resolve(tree, f"{debian.DIRECTORY}/{name}") for name in names)
        except BuildError:  # a circle of links
            return cls()
        found = cls()
        if status in files:
            if files[status].size > debian.MOST_STATUS:
                raise CorruptContentError(
                    "the list of Debian packages is not read",
                    where=status,
                    why=f"it has {files[status].size} bytes; at most {debian.MOST_STATUS} are read",
                )
            found.status = list(_states(tree, status, files[status], layers))
        for path in files:
            if path.startswith(f"{single}/"):
                (found.lists if path.endswith(".md5sums") else found.single).append(path)
            elif path.startswith(f"{info}/") and path.endswith(".list"):
                found.lists.append(path)
        if diversions in files:
            found.diversions = diversions
        return found

    def limits(self) -> dict[str, int]:
        """Return what else is to be read, and how much of each."""
        limits = dict.fromkeys(self.single, _MOST_STANZA) | dict.fromkeys(self.lists, debian.MOST_LIST)
        return limits | ({self.diversions: debian.MOST_LIST} if self.diversions else {})

    def packages(
        self,
        states: list[bytes],
        contents: Mapping[str, bytes],
        files: Mapping[str, Place],
        remarks: list[str],
    ) -> Iterator[tuple[Stanza, int]]:
        """Yield the installed packages, each with the layer that brought it.

        Args:
            states: what ``status`` says, as the attribute has them.
            contents: of the other files.
            files: of the tree.
            remarks: take what is wrong.
        """
        if states:
            parsed = [
                {(*stanza.key, stanza.version) for stanza in debian.stanzas(data, "", [])}
                for data in states[:-1]
            ]
            for stanza in debian.stanzas(states[-1], self.status[-1].path, remarks):
                at = len(parsed)
                while at and (*stanza.key, stanza.version) in parsed[at - 1]:
                    at -= 1
                yield stanza, self.status[at].place.layer
        for path in sorted(self.single):
            for stanza in debian.stanzas(contents[path], path, remarks):
                yield stanza, files[path].layer

    def claim(self, ids: Mapping[Key, str], contents: Mapping[str, bytes], owners: Owners) -> None:
        """Give the packages their files.

        Args:
            ids: of the packages; with '' for the architecture, of the first of that name.
            contents: of the files that were read.
            owners: takes the claims.
        """
        diverted = debian.diversions(contents[self.diversions]) if self.diversions else {}
        for path in sorted(self.lists):
            file = path.rpartition("/")[2]
            if file.endswith(".list"):
                key = debian.package_of(file)
                paths: Iterable[str] = debian.listed(contents[path], key[0], diverted)
            else:
                key = (file.removesuffix(".md5sums"), "")
                paths = debian.summed(contents[path])
            if key in ids:
                owners.claim(ids[key], paths)


def _states(tree: IndexedTree, path: str, last: Place, layers: int) -> Iterator[Wanted]:
    before = None
    for layer in range(layers):
        lower = tree.below(layer + 1)
        inode = lower.inode(path)
        if inode is None or inode in {before, (last.layer, last.offset)}:
            continue
        before = inode
        entry = lower.lstat(path)
        if entry is not None and entry.size <= debian.MOST_STATUS:
            yield Wanted(lower, path, Place(inode[0], inode[1], entry.size), debian.MOST_STATUS)
    yield Wanted(tree, path, last, debian.MOST_STATUS)
