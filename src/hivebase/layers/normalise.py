"""Making what a step left in an overlay's upper directory depend on its inputs alone, in place.

Afterwards the directory holds exactly what the layer made of it will unpack to:

- What is the same as below is removed: files copied up but not changed, directories copied up for a child
that
  is gone again, deletions of what never was. BuildKit's differ leaves out the same (``util/overlay``),
  comparing owner, mode, capabilities, time and content; directories without their time.
- Sockets, stubs of mounts and volatile files (:mod:`hivebase.layers.volatile`) are removed.
- No time is later than the epoch: neither a modification time, nor the time of the source that a ``.pyc`` was
  compiled from (PEP 552; where it matched its source it matches again), nor the day of the last password
  change in ``/etc/shadow``.
- Attributes of overlayfs are removed, and so is its mark *opaque* where nothing is hidden by it: kernels
set it on
  every new directory.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import struct
from typing import TYPE_CHECKING, BinaryIO

from hivebase.errors import BuildError, SystemFaultError
from hivebase.fs import Directory, remove_tree, system_fault
from hivebase.layers.layer import WHITEOUT
from hivebase.layers.tree import OPAQUE_XATTR, entry_of
from hivebase.layers.volatile import is_volatile
from hivebase.layers.walk import walk

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from hivebase.layers.tree import Tree
    from hivebase.layers.walk import Visit
    from hivebase.tar import Entry

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
_DAY = 86_400
_SECOND = 1_000_000_000
_PYC = re.compile(r"(?:(.*/)?__pycache__/)?([^/]+?)(?:\.[^/.]+-[0-9]+(?:\.opt-[0-9a-z]+)?)?\.pyc\Z")
_SHADOW = {"etc/shadow", "etc/shadow-"}
_REDIRECTS = ("trusted.overlay.redirect", "trusted.overlay.metacopy")


def normalise(upper: Path, lower: Tree, epoch: int, *, ignore: Collection[str] = ()) -> None:
    """Normalise ``upper``, the changes over ``lower``. Doing it again changes nothing.

    Args:
        upper: an overlay's upper directory; nothing writes to it any more.
        lower: the tree that it was mounted over.
        epoch: seconds since 1970; nothing is dated later.
        ignore: paths that are not the step's: they and what is in them are removed.

    Raises:
        BuildError: a file has a name that would delete others when stored in a layer (fault A-6).
        SystemFaultError: the directory cannot be read or changed, or was mounted with options that keep a
        part
            of the changes elsewhere.
    """
    try:
        with Directory.open(upper) as root:
            normaliser = _Normaliser(root, lower, epoch, frozenset(ignore))
            for visit in walk(root):
                normaliser.leave(visit) if visit.leaving else normaliser.visit(visit)
            _strip(f"/proc/self/fd/{root.fd}", keep_opaque=False)
            os.utime(root.fd, ns=(0, 0))
    except OSError as error:
        raise system_fault(error, "cannot read what the step changed", where=upper) from error


class _Normaliser:
    def __init__(self, root: Directory, lower: Tree, epoch: int, ignore: frozenset[str]) -> None:
        self._root = root
        self._lower = lower
        self._epoch = epoch
        self._ignore = ignore
        self._opaque = ""  # the directory, with a slash, below which nothing of the lower tree is seen
        self._times: dict[str, int] = {}  # of sources already visited, as they were

    def visit(self, visit: Visit) -> None:
        """Deal with a file or, on arrival, a directory."""
        mode = visit.status.st_mode
        if visit.path in self._ignore:
            remove_tree(f"/proc/self/fd/{visit.parent}/{visit.name}")
        elif stat.S_ISCHR(mode) and visit.status.st_rdev == 0:
            if self._below(visit.path) is None:
                os.unlink(visit.name, dir_fd=visit.parent)
        elif stat.S_ISSOCK(mode) or (stat.S_ISREG(mode) and is_volatile(visit.path)):
            os.unlink(visit.name, dir_fd=visit.parent)
        elif visit.name.startswith(WHITEOUT):
            raise BuildError(
                f"the step made a file named {visit.path!r}, which cannot be stored in a layer",
                why="in an image layer, names that start with .wh. delete the files below them",
                hint="rename or remove it in the same step",
            )
        else:
            self._keep(visit, stat.S_ISDIR(mode))

    def leave(self, visit: Visit) -> None:
        """Deal with a directory when everything in it is done."""
        fd = os.open(visit.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=visit.parent)
        try:
            opaque = _strip(f"/proc/self/fd/{fd}", keep_opaque=True)
            if self._opaque == visit.path + "/":
                self._opaque = ""
            below = self._below(visit.path)
            if not opaque and _is_empty(fd) and below and _same(below, entry_of(visit.path, fd)):
                os.rmdir(visit.name, dir_fd=visit.parent)
                return
            # What was removed in it has changed its time, which was something else on arrival.
            self._set_time(f"/proc/self/fd/{fd}", visit.status)
        finally:
            os.close(fd)

    def _below(self, path: str) -> Entry | None:
        return None if self._opaque and path.startswith(self._opaque) else self._lower.lstat(path)

    def _keep(self, visit: Visit, is_directory: bool) -> None:  # noqa: FBT001 -- private
        fd = os.open(visit.name, _LOOK, dir_fd=visit.parent)
        here = f"/proc/self/fd/{fd}"
        try:
            below = self._below(visit.path)
            hides = is_directory and below is not None and below.kind == "dir"
            if is_directory:
                keep = hides and not self._opaque and bool(self._lower.listdir(visit.path))
                if _strip(here, keep_opaque=keep):
                    self._opaque = visit.path + "/"
                return
            _strip(here, keep_opaque=False)
            entry = entry_of(visit.path, fd)
            if entry and below and visit.status.st_nlink == 1 and self._unchanged(entry, below, visit):
                os.unlink(visit.name, dir_fd=visit.parent)
                return
            if visit.path.endswith(".py"):
                self._times[visit.path] = entry.mtime if entry else 0
            elif visit.path.endswith(".pyc") and stat.S_ISREG(visit.status.st_mode):
                self._date_bytecode(visit)
            elif visit.path in _SHADOW and stat.S_ISREG(visit.status.st_mode):
                _date_passwords(visit, self._epoch // _DAY)
            self._set_time(here, visit.status)
        finally:
            os.close(fd)

    def _set_time(self, here: str, status: os.stat_result) -> None:
        """Set the time that the inode had when the walk met it, whole seconds and at most the epoch."""
        mtime = min(status.st_mtime_ns // _SECOND, self._epoch) * _SECOND
        os.utime(here, ns=(mtime, mtime))

    def _unchanged(self, entry: Entry, below: Entry, visit: Visit) -> bool:
        if not _same(entry, below) or (entry.size, entry.link) != (below.size, below.link):
            return False
        if below.mtime not in {entry.mtime, min(entry.mtime, self._epoch)}:
            return False
        if entry.kind != "file":
            return (entry.major, entry.minor) == (below.major, below.minor)
        fd = os.open(visit.name, _READ, dir_fd=visit.parent)
        with os.fdopen(fd, "rb") as ours, self._lower.open(visit.path) as theirs:
            return _equal(ours, theirs)

    def _date_bytecode(self, visit: Visit) -> None:
        """Give a ``.pyc`` that was valid for its source the time that its source will have."""
        match = _PYC.match(visit.path)
        if match is None:
            return
        directory = match[1] or "" if "__pycache__/" in visit.path else visit.path.rpartition("/")[0] + "/"
        source = f"{directory}{match[2]}.py".lstrip("/")
        time = self._source_time(source)
        if time is None or min(time, self._epoch) == time:
            return
        fd = os.open(visit.name, _WRITE, dir_fd=visit.parent)
        try:
            header = os.pread(fd, 12, 0)
            # Flags 0: checked by time. A hash based one does not know times.
            if len(header) == 12 and header[4:8] == bytes(4) and header[8:] == _word(time):
                os.pwrite(fd, _word(self._epoch), 8)
        finally:
            os.close(fd)

    def _source_time(self, path: str) -> int | None:
        """Return the time that a source had when the step ended; None if the step did not write it."""
        if path in self._times:
            return self._times[path]
        try:
            fd = self._root.open_beneath(path, _LOOK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return os.fstat(fd).st_mtime_ns // _SECOND
        finally:
            os.close(fd)


def _is_empty(directory: int) -> bool:
    with os.scandir(directory) as entries:
        return next(entries, None) is None


def _word(time: int) -> bytes:
    return struct.pack("<I", time & 0xFFFFFFFF)


def _same(one: Entry, other: Entry | None) -> bool:
    """Whether two entries agree in what a differ compares of directories."""
    return other is not None and (one.kind, one.mode, one.uid, one.gid, one.xattrs) == (
        other.kind,
        other.mode,
        other.uid,
        other.gid,
        other.xattrs,
    )


def _equal(one: BinaryIO, other: BinaryIO) -> bool:
    while True:
        data = one.read(_CHUNK)
        if data != other.read(_CHUNK):
            return False
        if not data:
            return True


def _strip(here: str, *, keep_opaque: bool) -> bool:
    """Remove overlayfs' attributes from the inode ``here``; return whether it is (still) opaque."""
    try:
        names = os.listxattr(here)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return False
        raise
    opaque = False
    for name in names:
        if name in _REDIRECTS:
            raise SystemFaultError(
                "the changes of the step are incomplete",
                why=f"the kernel mounted an overlay that uses {name}",
                hint="load the overlay module with redirect_dir=N and metacopy=N",
            )
        if name == OPAQUE_XATTR and keep_opaque:
            opaque = os.getxattr(here, name) == b"y"
        elif name.startswith("trusted.overlay."):
            os.removexattr(here, name)
    return opaque


def _date_passwords(visit: Visit, day: int) -> None:
    """Clamp the third field of ``/etc/shadow``, the day of the last change: useradd writes today's."""
    fd = os.open(visit.name, _WRITE, dir_fd=visit.parent)
    with os.fdopen(fd, "r+b") as file:
        old = file.read()
        lines = [line.split(b":") for line in old.split(b"\n")]
        for fields in lines:
            if len(fields) == 9 and fields[2].isdigit() and int(fields[2]) > day:
                fields[2] = b"%d" % day
        new = b"\n".join(b":".join(fields) for fields in lines)
        if new != old:
            file.seek(0)
            file.write(new)
            file.truncate()
