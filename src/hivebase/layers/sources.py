"""Where COPY and ADD take files from: what a source can do, and a stage's or image's tree as one.

The build context is :class:`hivebase.layers.context.Context`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from hivebase.digest import Digest
from hivebase.errors import BuildError
from hivebase.plan.files import FileFact, FileListing

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from hivebase.layers.tree import Tree
    from hivebase.tar import Entry


class Source(FileListing, Protocol):
    """A listing whose files can also be read."""

    def entry(self, path: str, /) -> Entry:
        """Return the metadata of ``path`` that a copy starts from (owner, mode, attributes).

        Raises:
            HivebaseError: nothing is there.
        """

    def inode(self, path: str, /) -> Hashable:
        """Return what is equal for all names (hard links) of the file ``path``; None if it counts as alone."""

    def open(self, path: str, /) -> BinaryIO:
        """Open the regular file ``path``.

        Raises:
            HivebaseError: it cannot be read, or is not what the listing said.
        """


def fact_of(entry: Entry) -> FileFact:
    """Return what planning says of ``entry``; whatever is neither directory nor link counts as a file."""
    if entry.kind == "dir" or entry.kind == "symlink":  # noqa: PLR1714 -- mypy narrows only this form
        return FileFact(entry.kind, entry.mode, entry.size, entry.link)
    return FileFact("file", entry.mode, entry.size)


class TreeSource:
    """The tree of a stage or an image: ``COPY --from`` and bind mounts. It keeps owners, modes, attributes.

    Args:
        tree: the files.
        name: of the stage or image, for messages.
        inode: tells the hard links of ``tree``: see :meth:`Source.inode`.
    """

    def __init__(self, tree: Tree, name: str = "", inode: Callable[[str], Hashable] | None = None) -> None:
        self._tree = tree
        self._name = name
        self._inode = inode
        # Choosing files asks for each of them several times, and a stack of layers answers slowly.
        self._seen: dict[str, Entry | None] = {}

    def get(self, path: str, /) -> FileFact | None:
        """Return what is at ``path`` itself, or None; the root of a tree without files is there, too."""
        if not path:
            return FileFact("dir", 0o755)
        entry = self._lstat(path)
        return fact_of(entry) if entry is not None else None

    def children(self, path: str, /) -> Sequence[str]:
        """Return the sorted names in a directory."""
        return self._tree.listdir(path)

    def digest(self, path: str, /) -> Digest:
        """Return the digest of the content of the regular file ``path``."""
        with self.open(path) as stream:
            return Digest.of_stream(stream)[0]

    def read(self, path: str, /) -> bytes:
        """Return the content of the regular file ``path``."""
        with self.open(path) as stream:
            return stream.read()

    def entry(self, path: str, /) -> Entry:
        """Return the metadata of ``path``.

        Raises:
            BuildError: nothing is there.
        """
        entry = self._lstat(path)
        if entry is None:
            raise self._missing(path)
        return entry

    def inode(self, path: str, /) -> Hashable:
        """See :meth:`Source.inode`."""
        return self._inode(path) if self._inode is not None else None

    def open(self, path: str, /) -> BinaryIO:
        """Open the regular file ``path``.

        Raises:
            BuildError: it is not a regular file.
        """
        try:
            return self._tree.open(path)
        except OSError as error:
            raise self._missing(path, error.strerror or "") from error

    def _lstat(self, path: str) -> Entry | None:
        if path not in self._seen:
            self._seen[path] = self._tree.lstat(path)
        return self._seen[path]

    def _missing(self, path: str, why: str = "") -> BuildError:
        place = f" in {self._name}" if self._name else ""
        return BuildError(f"cannot read /{path}{place}", why=why or "there is no such file")
