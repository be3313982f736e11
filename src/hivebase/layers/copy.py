"""COPY and ADD: a step, a source and the image so far become the entries of one layer.

The rules are BuildKit's, measured and not guessed (tests/layers/test_copy.py keeps the measurements):

- A destination that ends in ``/`` is a directory; without the slash it is one if it exists as one, else it is
  the new name of a single file. Links in the destination are followed inside the image.
- A directory gives its contents. What it meets is merged: a directory takes over the mode and owner of the
  copied one, except the destination itself, which keeps its own; a file replaces a file or a link; a file
  never replaces a directory, nor a directory anything else.
- Directories made on the way have mode 0755 and the owner of ``--chown``, else root.
- From the context everything belongs to root; from a stage or an image, owner, mode and extended attributes
  are kept, and so are hard links between files of one copied directory. ``--chown`` and ``--chmod`` change what
  is copied; no link has a mode.
- Other than in BuildKit, files that are named one by one never replace each other: ``COPY a b /x`` is an error
  unless ``/x`` is a directory.
- ``--link`` makes a layer that does not look at the image: links of the destination are not followed and all
  its directories are new. Together with ``--chmod`` it is ignored, as in BuildKit.
"""

from __future__ import annotations

import posixpath
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from hivebase.errors import BuildError, UsageError
from hivebase.layers.accounts import owner_ids
from hivebase.layers.destination import LATEST, ROOT, Destination, Item
from hivebase.layers.modes import parse_chmod
from hivebase.layers.remote import parse_git
from hivebase.layers.tree import StackedTree
from hivebase.layers.unpack import read_archive, unpack
from hivebase.plan.checks import is_remote
from hivebase.plan.select import select
from hivebase.tar import Entry
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path
    from typing import BinaryIO, Self

    from hivebase.layers.layer import LayerWriter
    from hivebase.layers.remote import Remote
    from hivebase.layers.sources import Source
    from hivebase.layers.tree import Tree
    from hivebase.plan.select import Selected
    from hivebase.plan.steps import CopyStep


def copy_layer(
    step: CopyStep,
    source: Source,
    base: Tree,
    writer: LayerWriter,
    *,
    remote: Remote | None = None,
    work: Path | None = None,
) -> None:
    """Write what ``step`` copies to ``writer``; nothing is written if nothing is selected.

    Args:
        step: what to copy.
        source: the files that ``step.source`` names.
        base: the image so far.
        writer: of the layer; the caller finishes it.
        remote: answers for URLs and git repositories in an ADD; None where none are allowed.
        work: where archives are unfolded to, or None for the system's temporary directory.

    Raises:
        UsageError: a source does not exist, changed meanwhile, or may not be copied.
        BuildError: the destination does not allow it, a name cannot be stored, or the image lacks an account.
        CorruptContentError: an archive of an ADD is damaged.
    """
    with _Copier(step, base, remote, work) as copier:
        for far, names in groupby(step.sources, key=lambda name: step.add and is_remote(name)):
            if far:
                for name in names:
                    copier.take_remote(name)
            else:
                copier.take(source, tuple(names))
        for inline in step.inline:
            entry = Entry("", "file", 0o644, size=len(inline.content), mtime=LATEST)
            copier.put_file(inline.name, copier.changed(Item(entry, inline.content)))
        copier.destination.write(writer)


class _Copier:
    """One COPY or ADD under way. Temporary files live as long as it is open."""

    def __init__(self, step: CopyStep, base: Tree, remote: Remote | None, work: Path | None) -> None:
        independent = step.link and not step.chmod
        self.destination = Destination(None if independent else base)
        self._step = step
        self._remote = remote
        self._work = work
        self._open = ExitStack()
        accounts = StackedTree(()) if independent else base
        self._owner = owner_ids(accounts, step.chown) if step.chown else None
        self._chmod: Callable[[int, bool], int] | None = parse_chmod(step.chmod) if step.chmod else None
        self._root: str | None = None
        self._named: str | None = None
        self._inodes: dict[Hashable, Item] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def take(self, source: Source, patterns: tuple[str, ...]) -> None:
        """Copy what ``patterns`` select in ``source``."""
        step = self._step
        unpacks = step.add and step.unpack is not False
        for item in select(source, patterns, parents=step.parents, exclude=step.exclude):
            self._prepare()
            if not item.top:
                self._put_below(source, item)
            elif not (unpacks and self._unpack(partial(source.open, item.source))):
                self.put_file(item.destination, self._item(source, item.source))

    def take_remote(self, name: str) -> None:
        """Copy a download or a checkout."""
        if self._remote is None:
            raise UsageError(f"cannot fetch {name!r}", why="this build has no access to the network")
        step = self._step
        repository = parse_git(name)
        if repository is not None:
            checkout = self._remote.checkout(
                repository, keep_git_dir=step.keep_git_dir, checksum=step.checksum
            )
            self.take(self._open.enter_context(checkout), (".",))
            return
        download = self._remote.download(name, step.checksum)
        if step.unpack and self._unpack(download.open):
            return
        entry = Entry("", "file", 0o600, size=download.size, mtime=download.mtime)
        self.put_file(download.name, self.changed(Item(entry, download.open)))

    def put_file(self, name: str, item: Item) -> None:
        """Put a single file at the destination, or as ``name`` into it if that is a directory."""
        self._prepare()
        target = self.destination.resolve(self._step.destination)
        if self.destination.is_directory(target):
            target = posixpath.join(target, name)
        elif target == self._named and len(self._step.sources) + len(self._step.inline) > 1:
            raise BuildError(
                f"several files cannot be copied to {self._step.destination}",
                why="it is not a directory, so each would replace the one before",
                hint=f"write {self._step.destination}/",
            )
        self._named = target
        # A destination that is a link to nothing is made where the link points to.
        self.destination.make_directories(posixpath.dirname(target), self._owner or ROOT)
        self.destination.put(target, item)

    def changed(self, item: Item) -> Item:
        """Return ``item`` with ``--chown`` and ``--chmod`` applied."""
        entry = item.entry
        if self._owner is not None:
            entry = replace(entry, uid=self._owner[0], gid=self._owner[1])
        if self._chmod is not None and entry.kind != "symlink":
            entry = replace(entry, mode=self._chmod(entry.mode, entry.kind == "dir"))
        return Item(entry, item.content)

    def _item(self, source: Source, path: str) -> Item:
        return self.changed(Item(source.entry(path), partial(source.open, path)))

    def _prepare(self) -> None:
        """Make the directory that the destination is, or is in."""
        written = self._step.destination
        if posixpath.basename(written) not in ("", "."):
            written = posixpath.dirname(written)
        self.destination.make_directories(self.destination.resolve(written), self._owner or ROOT)

    def _directory(self) -> str:
        """Return the destination as an existing directory."""
        if self._root is None:
            self._root = self.destination.resolve(self._step.destination)
            self.destination.make_directories(self._root, self._owner or ROOT)
        return self._root

    def _put_below(self, source: Source, selected: Selected) -> None:
        """Put a file found in a directory at its place below the destination."""
        root = self._directory()
        if not selected.destination:
            self._inodes.clear()  # every directory is copied by itself
            return
        target = posixpath.join(root, selected.destination)
        self._put_parents(source, posixpath.dirname(selected.source), posixpath.dirname(target))
        inode = source.inode(selected.source)
        item = self._inodes.get(inode) or self._item(source, selected.source)
        if inode is not None:
            self._inodes[inode] = item
        existing = self.destination.lstat(target) if self._step.parents and item.entry.kind == "dir" else None
        if existing is not None:
            # A directory that --parents only passes through lends its mode and not its owner.
            item = Item(replace(item.entry, uid=existing.uid, gid=existing.gid))
        self.destination.put(target, item)

    def _put_parents(self, source: Source, path: str, target: str) -> None:
        """Put the directories above a file whose own directory ``--exclude`` left out."""
        if self.destination.is_directory(target):
            return
        self._put_parents(source, posixpath.dirname(path), posixpath.dirname(target))
        self.destination.put(target, self._item(source, path))

    def _unpack(self, opener: Callable[[], BinaryIO]) -> bool:
        """Unpack an archive into the destination; return False if it is none."""
        archive = read_archive(opener, self._work)
        if archive is None:
            return False
        self._open.enter_context(archive)
        unpack(archive, self.destination, self._directory(), self._owner)
        return True
