"""A file system tree as a value: unpacked layers seen as one, without mounting anything.

Paths are relative, ``/``-separated and literal: no component may be a symbolic link except the last. Resolve
a path of the image with :func:`resolve` first. '' is the root.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hivebase.errors import BuildError
from hivebase.fs import MAX_LINKS, Directory
from hivebase.tar import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hivebase.tar import Kind

OPAQUE_XATTR = "trusted.overlay.opaque"
"""Set to ``y`` on a directory of a layer, it hides what lower layers have in it (kernel, overlayfs.rst)."""

# Labels of a security module and access lists belong to the machine; BuildKit keeps capabilities alone.
KEPT_XATTRS = ("security.capability", "user.")
"""Prefixes of the extended attributes that belong in an image."""

_LOOK = os.O_PATH | os.O_NOFOLLOW
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Without O_NONBLOCK, opening a fifo that the image put there would wait forever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}


class Lookup(Protocol):
    """What :func:`resolve` asks."""

    def lstat(self, path: str) -> Entry | None:
        """Describe what is at ``path``; None if there is nothing, or only a socket. Hard links are files."""


class Tree(Lookup, Protocol):
    """What can be asked of a tree of files."""

    def listdir(self, path: str) -> list[str]:
        """Return the sorted names in a directory.

        Raises:
            OSError: ``path`` is not a directory of the tree.
        """

    def readlink(self, path: str) -> str:
        """Return the target of a symbolic link.

        Raises:
            OSError: ``path`` is not a symbolic link of the tree.
        """

    def open(self, path: str) -> BinaryIO:
        """Open a regular file for reading; never blocks.

        Raises:
            OSError: ``path`` is not a regular file of the tree.
        """


class _Merged:
    """A directory of a stack: which layers take part (highest first), and what each name in it is made of."""

    __slots__ = ("children", "layers", "names")

    def __init__(self, layers: tuple[int, ...]) -> None:
        self.layers = layers
        self.names: dict[str, tuple[bool, tuple[int, ...]]] | None = None  # is it a directory, and from where
        self.children: dict[str, _Merged] = {}


class StackedTree:
    """The union of unpacked layers as overlayfs shows it: whiteouts are character devices 0:0.

    Names are read once per directory and remembered: the directories must not change meanwhile.

    Args:
        directories: of the layers, lowest first.
    """

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = tuple(directories)
        self._root = _Merged(tuple(reversed(range(len(self._directories)))))

    def lstat(self, path: str) -> Entry | None:
        """See :meth:`Lookup.lstat`."""
        layer = self._layer_of(path)
        if layer is None:
            return None
        fd = self._open(layer, path, _LOOK)
        try:
            return entry_of(path, fd)
        finally:
            os.close(fd)

    def listdir(self, path: str) -> list[str]:
        """See :meth:`Tree.listdir`."""
        merged = self._directory(path)
        if merged is None:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return sorted(self._names(path, merged))

    def readlink(self, path: str) -> str:
        """See :meth:`Tree.readlink`."""
        fd = self._open(self._existing(path), path, _LOOK)
        try:
            return os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)

    def open(self, path: str) -> BinaryIO:
        """See :meth:`Tree.open`."""
        fd = self._open(self._existing(path), path, _READ)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", path)
        return os.fdopen(fd, "rb")

    def _existing(self, path: str) -> int:
        layer = self._layer_of(path)
        if layer is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return layer

    def _open(self, layer: int, path: str, flags: int) -> int:
        with Directory.open(self._directories[layer]) as directory:
            return directory.open_beneath(path, flags)

    def _layer_of(self, path: str) -> int | None:
        """Return the highest layer that holds ``path``, or None."""
        if not path:
            return self._root.layers[0] if self._root.layers else None
        parent, _, name = path.rpartition("/")
        merged = self._directory(parent)
        found = self._names(parent, merged).get(name) if merged else None
        return found[1][0] if found else None

    def _directory(self, path: str) -> _Merged | None:
        merged, walked = self._root, ""
        for name in path.split("/") if path else ():
            child = merged.children.get(name)
            if child is None:
                is_directory, layers = self._names(walked, merged).get(name, (False, ()))
                if not is_directory:
                    return None
                child = merged.children[name] = _Merged(layers)
            merged, walked = child, f"{walked}/{name}" if walked else name
        return merged

    def _names(self, path: str, merged: _Merged) -> dict[str, tuple[bool, tuple[int, ...]]]:
        if merged.names is None:
            found: dict[str, tuple[bool, tuple[int, ...]]] = {}
            hidden: set[str] = set()  # names that no lower layer can add to
            for layer in merged.layers:
                fd = self._open(layer, path, _LIST)
                try:
                    self._merge(layer, fd, found, hidden)
                    if is_opaque(fd):
                        break
                finally:
                    os.close(fd)
            merged.names = found
        return merged.names

    @staticmethod
    def _merge(layer: int, fd: int, found: dict[str, tuple[bool, tuple[int, ...]]], hidden: set[str]) -> None:
        with os.scandir(fd) as entries:
            for entry in entries:
                name = entry.name
                if name in hidden:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    found[name] = (True, (*found.get(name, (True, ()))[1], layer))
                else:
                    hidden.add(name)
                    if name not in found and not is_whiteout(entry):
                        found[name] = (False, (layer,))


def is_whiteout(entry: os.DirEntry[str]) -> bool:
    """Whether a directory entry marks a deletion: a character device 0:0."""
    if entry.is_file(follow_symlinks=False) or entry.is_symlink():
        return False
    status = entry.stat(follow_symlinks=False)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(fd: int) -> bool:
    """Whether the open directory ``fd`` hides what lower layers have in it."""
    try:
        return os.getxattr(fd, OPAQUE_XATTR) == b"y"
    except OSError as error:
        # Without root, trusted.* attributes do not exist; nor can layers be unpacked that would need them.
        if error.errno in {errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM}:
            return False
        raise


def entry_of(path: str, fd: int) -> Entry | None:
    """Describe the inode behind ``fd`` (``O_PATH`` will do) as ``path``; None for a socket.

    Of the extended attributes, those that belong in an image.
    """
    status = os.fstat(fd)
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    device = kind in {"char", "block"}
    return Entry(
        name=path,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size if kind == "file" else 0,
        mtime=status.st_mtime_ns // 1_000_000_000,
        link=os.readlink("", dir_fd=fd) if kind == "symlink" else "",
        major=os.major(status.st_rdev) if device else 0,
        minor=os.minor(status.st_rdev) if device else 0,
        xattrs=xattrs_of(fd),
    )


def xattrs_of(fd: int) -> tuple[tuple[str, bytes], ...]:
    """Return the extended attributes behind ``fd`` (``O_PATH`` will do) that belong in an image, sorted."""
    here = f"/proc/self/fd/{fd}"  # the only way to name an O_PATH descriptor, and it cannot be redirected
    try:
        names = os.listxattr(here)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return ()
        raise
    return tuple((name, os.getxattr(here, name)) for name in sorted(names) if name.startswith(KEPT_XATTRS))


def resolve(tree: Lookup, path: str, *, follow_last: bool = True) -> str:
    """Return where ``path`` leads in an image: symbolic links followed as in a chroot, ``..`` taken away.

    Components that do not exist are kept as they are, so that the answer also says where to create something.

    Args:
        tree: the image.
        path: absolute or relative to the root.
        follow_last: whether a link at the very end is followed too.

    Raises:
        BuildError: there are more links on the way than the kernel would follow.
    """
    pending = [part for part in reversed(path.split("/")) if part not in {"", "."}]
    done: list[str] = []
    links = 0
    while pending:
        part = pending.pop()
        if part == "..":
            del done[-1:]
            continue
        here = "/".join([*done, part])
        entry = tree.lstat(here) if pending or follow_last else None
        if entry is None or entry.kind != "symlink":
            done.append(part)
            continue
        links += 1
        if links > MAX_LINKS:
            raise BuildError(
                f"cannot follow {path!r} in the image",
                why=f"more than {MAX_LINKS} symbolic links lead on; they probably form a circle",
            )
        if entry.link.startswith("/"):
            done.clear()
        pending += [part for part in reversed(entry.link.split("/")) if part not in {"", "."}]
    return "/".join(done)
