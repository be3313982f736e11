"""Unpacking one layer into a directory of its own, in overlayfs' format, whatever the layer says.

The result is what containerd's overlay snapshotter makes of the same archive (``pkg/archive``, ``applyNaive``
with ``OverlayConvertWhiteout``): later entries replace earlier ones, symbolic links on the way are followed
inside the layer, devices and owners are applied as they are, ``trusted.*`` attributes are not. Two things
differ, because the image-spec says so: a whiteout hides lower layers only, never an entry of its own layer;
and a hard link to a file in a lower layer is made, as a copy.

Every name is resolved by the kernel against an open directory, and every change is made through a descriptor
or relative to one: no name, no link and no other process that swaps directories meanwhile leads out.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from hivebase.errors import CorruptContentError, HivebaseError
from hivebase.fs import Directory, remove_tree, system_fault, write_all
from hivebase.layers.layer import OPAQUE, WHITEOUT
from hivebase.layers.tree import OPAQUE_XATTR, StackedTree, entry_of, resolve
from hivebase.tar import Entry, Limits, Reader, clean

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.layers.tree import Tree

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20
_LAST_TIME = (1 << 63) // 1_000_000_000 - 1
# What an archive can provoke; everything else is the machine's fault.
_ARCHIVE_FAULTS = {
    errno.E2BIG,
    errno.EEXIST,
    errno.EINVAL,
    errno.EISDIR,
    errno.ELOOP,
    errno.EMLINK,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EXDEV,
}


@dataclass(frozen=True, slots=True)
class Applied:
    """What was unpacked.

    Attributes:
        entries: number of entries of the archive.
        self_contained: the result depends on the layer alone. It depends on the layers below when the archive
            leaves out a directory that it puts something into (the lower one's owner and mode are taken), or
            links to a file that it does not hold.
    """

    entries: int
    self_contained: bool


def apply(
    stream: BinaryIO,
    target: Path,
    *,
    lower: Tree | None = None,
    limits: Limits | None = None,
    where: str = "",
) -> Applied:
    """Unpack the uncompressed layer ``stream`` into ``target``, reading it to its very end.

    Args:
        stream: the tar archive.
        target: an empty directory.
        lower: the merged layers below.
        limits: what the archive may hold.
        where: what the layer is called in errors.

    Raises:
        CorruptContentError: the archive is damaged, beyond the limits, or cannot be unpacked as it is.
        SystemFaultError: the machine refused: no root, no space, a file system without what overlay needs.
    """
    with Directory.open(target) as root:
        applier = _Applier(root, lower if lower is not None else StackedTree([]))
        try:
            count, name = 0, ""
            for entry, body in Reader(stream, limits, where=where):
                count, name = count + 1, entry.name
                applier.add(entry, body)
            applier.finish()
        except OSError as error:
            raise _told(error, name, where) from error
        finally:
            applier.close()
    return Applied(count, applier.self_contained)


def _told(error: OSError, name: str, where: str) -> HivebaseError:
    if error.errno in _ARCHIVE_FAULTS:
        return CorruptContentError(
            f"the layer cannot be unpacked at {name[:200]!r}", where=where, why=error.strerror or str(error)
        )
    hint = "unpacking layers needs root" if os.geteuid() else ""
    return system_fault(error, f"cannot unpack {name[:200]!r}", where=where, hint=hint)


class _Applier:
    def __init__(self, root: Directory, lower: Tree) -> None:
        self._root = root
        self._lower = lower
        self._dirs: dict[str, int] = {}  # explicit directories and their times, which come last
        self._implied: set[str] = set()
        self._borrowed = False  # a file was copied from a lower layer
        self._cached: tuple[str, int] | None = (
            None  # the directory of the entry before, usually this one's too
        )

    @property
    def self_contained(self) -> bool:
        return not self._implied and not self._borrowed

    def add(self, entry: Entry, body: BinaryIO) -> None:
        """Apply one entry."""
        path = clean(entry.name)
        if not path:
            return  # the root itself: its owner and mode belong to whoever mounts it
        directory, _, name = path.rpartition("/")
        parent = self._parent(directory)
        if name == OPAQUE:
            os.setxattr(parent, OPAQUE_XATTR, b"y")
        elif name.startswith(WHITEOUT):
            self._whiteout(parent, name.removeprefix(WHITEOUT), entry)
        else:
            replaced = self._make_room(parent, name, entry)
            self._create(parent, name, entry, body)
            if entry.kind == "dir":
                self._dirs.pop(path, None)
                self._dirs[path] = entry.mtime
                self._implied.discard(path)
            if replaced:
                self._forget()  # what was replaced may have been part of the parent's own name

    def finish(self) -> None:
        """Set the times of directories, which every entry in them has changed."""
        for path, mtime in [*((path, 0) for path in sorted(self._implied)), *self._dirs.items()]:
            try:
                fd = self._root.open_in_root(path, _DIRECTORY)
            except OSError as error:
                if error.errno in _ARCHIVE_FAULTS:
                    continue  # replaced by a later entry
                raise
            os.utime(fd, ns=_times(mtime))
            os.close(fd)
        os.utime(self._root.fd, ns=_times(0))

    def close(self) -> None:
        self._forget()

    def _forget(self) -> None:
        if self._cached:
            os.close(self._cached[1])
            self._cached = None

    def _parent(self, directory: str) -> int:
        """Return a descriptor, owned by the cache, of ``directory``; make it if it is missing."""
        if self._cached and self._cached[0] == directory:
            return self._cached[1]
        self._forget()
        try:
            fd = self._root.open_in_root(directory, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            fd = self._make_directories(resolve(_Live(self._root), directory))
        self._cached = (directory, fd)
        return fd

    def _make_directories(self, path: str) -> int:
        """Make ``path``, which holds no links, with the metadata of the lower layers' directories."""
        parts = path.split("/")
        fd = os.dup(self._root.fd)
        for depth, part in enumerate(parts, start=1):
            try:
                os.mkdir(part, 0o755, dir_fd=fd)
            except FileExistsError:
                made = False
            else:
                made = True
            above, fd = fd, -1
            try:
                fd = os.open(part, _DIRECTORY, dir_fd=above)
            finally:
                os.close(above)
            if made:
                here = "/".join(parts[:depth])
                self._implied.add(here)
                entry = self._lower.lstat(here)
                if entry is None or entry.kind != "dir":
                    entry = Entry(here, "dir", 0o755)
                else:
                    self._dirs[here] = entry.mtime
                _set_metadata(fd, entry)
        return fd

    def _whiteout(self, parent: int, name: str, entry: Entry) -> None:
        if name in {"", ".", ".."}:
            raise CorruptContentError(
                f"the layer cannot be unpacked at {entry.name[:200]!r}",
                why="a whiteout must name what it deletes; this one would delete the directory itself",
            )
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)
        except FileExistsError:
            # The layer holds the name itself: only what lies below in other layers is deleted.
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                _make_opaque(parent, name)

    def _make_room(self, parent: int, name: str, entry: Entry) -> bool:
        """Remove what is in the way of ``entry`` and say so; a directory stays to be merged with another."""
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=parent)
            if entry.kind == "dir" and stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                # Deleted and made again in one layer: nothing of the old directory may show through.
                os.mkdir(name, 0o700, dir_fd=parent)
                _make_opaque(parent, name)
        elif entry.kind == "dir":
            return False
        else:
            remove_tree(f"/proc/self/fd/{parent}/{name}")
        return True

    def _create(self, parent: int, name: str, entry: Entry, body: BinaryIO) -> None:
        if entry.kind == "file":
            fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
            try:
                while chunk := body.read(_CHUNK):
                    write_all(fd, chunk)
                _set_metadata(fd, entry)
            finally:
                os.close(fd)
            return
        if entry.kind == "dir":
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=parent)
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
            try:
                _set_metadata(fd, entry)
            finally:
                os.close(fd)
            return
        if entry.kind == "symlink":
            os.symlink(entry.link, name, dir_fd=parent)
        elif entry.kind == "hardlink":
            self._link(parent, name, entry)
        elif entry.kind == "fifo":
            os.mkfifo(name, 0o600, dir_fd=parent)
        else:
            kind = stat.S_IFCHR if entry.kind == "char" else stat.S_IFBLK
            os.mknod(name, kind | 0o600, os.makedev(entry.major, entry.minor), dir_fd=parent)
        fd = os.open(name, _LOOK, dir_fd=parent)
        try:
            _set_metadata(f"/proc/self/fd/{fd}", entry)
        finally:
            os.close(fd)

    def _link(self, parent: int, name: str, entry: Entry) -> None:
        """Make a hard link to what the target's name is, even to a symbolic link itself."""
        target = clean(entry.link)
        try:
            above, last = self._root.parent_in_root(target)
            try:
                if stat.S_ISDIR(os.stat(last, dir_fd=above, follow_symlinks=False).st_mode):
                    raise IsADirectoryError(errno.EISDIR, f"it is a hard link to the directory {target!r}")
                os.link(last, name, src_dir_fd=above, dst_dir_fd=parent, follow_symlinks=False)
            finally:
                os.close(above)
        except FileNotFoundError:
            self._borrow(parent, name, target)

    def _borrow(self, parent: int, name: str, target: str) -> None:
        """Copy the file at ``target`` from the lower layers."""
        directory, _, last = target.rpartition("/")
        found = f"{resolve(self._lower, directory)}/{last}".lstrip("/")
        entry = self._lower.lstat(found)
        if entry is None or entry.kind not in {"file", "symlink"}:
            raise FileNotFoundError(errno.ENOENT, f"it is a hard link to {target!r}, which does not exist")
        self._borrowed = True
        if entry.kind == "symlink":
            os.symlink(entry.link, name, dir_fd=parent)
            return
        fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
        with os.fdopen(fd, "wb") as copy, self._lower.open(found) as source:
            shutil.copyfileobj(source, copy, _CHUNK)
            copy.flush()
            for key, value in entry.xattrs:
                _set_xattr(fd, key, value)


class _Live:
    """The directory being filled, for resolving names in it; nothing is remembered, since it changes."""

    def __init__(self, root: Directory) -> None:
        self._root = root

    def lstat(self, path: str) -> Entry | None:
        try:
            fd = self._root.open_beneath(path, _LOOK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return entry_of(path, fd)
        finally:
            os.close(fd)


def _make_opaque(parent: int, name: str) -> None:
    fd = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        os.setxattr(fd, OPAQUE_XATTR, b"y")
    finally:
        os.close(fd)


def _times(mtime: int) -> tuple[int, int]:
    """Return access and modification time in nanoseconds; beyond what containerd takes, 1970."""
    nanoseconds = mtime * 1_000_000_000 if 0 <= mtime <= _LAST_TIME else 0
    return nanoseconds, nanoseconds


def _set_metadata(inode: int | str, entry: Entry) -> None:
    """Give ``inode`` its owner, attributes, mode and times, in that order: chown takes away setuid and more.

    Args:
        inode: a descriptor, or ``/proc/self/fd/N`` for one opened with ``O_PATH``: it names exactly that one
            inode, even that of a symbolic link.
        entry: what is to be set.
    """
    os.chown(inode, entry.uid, entry.gid)
    for key, value in entry.xattrs:
        _set_xattr(inode, key, value)
    if not (isinstance(inode, str) and stat.S_ISLNK(os.stat(inode).st_mode)):  # noqa: PTH116 -- an inode
        os.chmod(inode, entry.mode)  # noqa: PTH101 -- the same
    os.utime(inode, ns=_times(entry.mtime))


def _set_xattr(inode: int | str, key: str, value: bytes) -> None:
    if key.startswith("trusted."):
        return  # an archive must not speak to overlayfs
    try:
        os.setxattr(inode, key, value)
    except OSError as error:
        # user.* exists on files and directories only; some file systems have no attributes at all.
        if error.errno != errno.EOPNOTSUPP and not (error.errno == errno.EPERM and key.startswith("user.")):
            raise
