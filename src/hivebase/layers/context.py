"""The build context: a directory on disk as the Dockerfile may see it.

One lazy walk with ``scandir``, honouring the ignore file. Everything that could differ between two checkouts
of one commit is left out: owners, times, and all permission bits but the owner's execute bit (files are 0644
or 0755, directories 0755; docs/decisions/0003-context-modes.md). Names are only ever opened beneath the
context's directory descriptor with links refused, so that no swap of a directory for a link leads out of it.

What cannot become part of an image is decided by rule: a socket is skipped with a note; a device, a fifo or a
file with setuid or setgid bits may lie around, and is an error by name once a COPY asks for its content.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from typing import TYPE_CHECKING, Self, cast

import msgspec

from hivebase.digest import CHUNK, Digest
from hivebase.errors import HivebaseError, UsageError
from hivebase.fs import Directory, is_machine_fault, system_fault
from hivebase.layers.destination import LATEST
from hivebase.layers.hashing import HashCache, Stamp, now_ns, stamp_of
from hivebase.layers.ignorefile import read_ignore_file
from hivebase.plan.files import FileFact
from hivebase.tar import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from hivebase.dockerfile.ignore import IgnoreFile

MAX_DEPTH = 256
"""Directories inside each other before the context is taken for broken (a bind mount into itself)."""

_DIRECTORY = FileFact("dir", 0o755)
# O_NONBLOCK: opening a fifo that took a file's place must fail the check below, not wait for a writer.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


class _Node(msgspec.Struct):
    """One name of the walk. ``refused`` says why its content cannot be had, or is empty."""

    fact: FileFact
    stamp: Stamp | None = None
    refused: str = ""
    digest: Digest | None = None


class Context:
    """The files of a build context, for planning (``plan.files.FileListing``) and for copying.

    A context is read once: each directory is listed when first asked for and then remembered, so one object
    gives one consistent answer, and a file that changes afterwards is an error (fault D-3). Close it after
    use.

    Attributes:
        notes: remarks for the user, in the order found.
    """

    def __init__(
        self, directory: Directory, ignore: IgnoreFile | None = None, hashes: HashCache | None = None
    ) -> None:
        self._directory = directory
        self._ignore = ignore
        self._hashes = hashes or HashCache()
        self._listings: dict[str, dict[str, _Node]] = {}
        self._notes: dict[str, None] = {}

    @classmethod
    def at(cls, root: Path, *, dockerfile: Path | None = None, hashes: HashCache | None = None) -> Self:
        """Open the directory ``root`` with the ignore file that belongs to ``dockerfile``.

        Raises:
            UsageError: there is no such directory, or its ignore file is unfit.
            DockerfileError: the ignore file is malformed.
        """
        try:
            directory = Directory.open(root)
        except OSError as error:
            raise UsageError(
                "cannot open the build context", where=str(root), why=error.strerror or str(error)
            ) from error
        try:
            return cls(directory, read_ignore_file(directory, root, dockerfile), hashes)
        except BaseException:
            directory.close()
            raise

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the remarks so far."""
        return tuple(self._notes)

    def get(self, path: str, /) -> FileFact | None:
        """Return what is at ``path``, links not followed; None if there is nothing or it is ignored.

        Raises:
            UsageError: a directory on the way cannot be read.
        """
        if not path:
            return _DIRECTORY
        node = self._node(path)
        return node.fact if node else None

    def children(self, path: str, /) -> Sequence[str]:
        """Return the sorted names in the directory ``path``.

        Raises:
            UsageError: the directory cannot be read.
        """
        return list(self._listing(path))

    def digest(self, path: str, /) -> Digest:
        """Return the digest of the content of the regular file ``path``.

        Raises:
            UsageError: it is no file that may be copied, cannot be read, or changed since it was listed.
        """
        node = self._file(path)
        if node.digest is None and node.stamp is not None:
            node.digest = self._hashes.get(path, node.stamp)
            if node.digest is None:
                started = now_ns()
                with self.open(path) as stream:
                    while stream.read(CHUNK):
                        pass
                assert node.digest is not None  # noqa: S101 -- the stream sets it at its end
                self._hashes.put(path, node.stamp, node.digest, started)
        return cast("Digest", node.digest)

    def open(self, path: str, /) -> BinaryIO:
        """Open the regular file ``path`` for reading from its start to its end.

        Reading the last byte checks that identity, size, times and (if it was asked for before) the digest
        are those of the listing.

        Raises:
            UsageError: as of :meth:`digest`; the stream itself raises it when the file changes meanwhile.
        """
        node = self._file(path)
        try:
            fd = self._directory.open_beneath(path, _READ)
        except OSError as error:
            raise _unreadable(path, error) from error
        return cast("BinaryIO", _CheckedFile(fd, path, node))

    def read(self, path: str, /) -> bytes:
        """Return the content of the regular file ``path``.

        Raises:
            UsageError: as of :meth:`digest`.
        """
        with self.open(path) as stream:
            return stream.read()

    def inode(self, path: str, /) -> None:
        """Return None: hard links of a working tree are like its modes, git knows none of them."""

    def entry(self, path: str, /) -> Entry:
        """Return ``path`` as an archive would list it: owned by root, without a time.

        Raises:
            UsageError: nothing is there.
        """
        fact = self.get(path)
        if fact is None:
            raise UsageError(f"{path!r} is not in the build context")
        return Entry(path, fact.kind, fact.mode, size=fact.size, mtime=LATEST, link=fact.link)

    def save(self) -> None:
        """Keep the digests found for the next run.

        Raises:
            SystemFaultError: they cannot be written.
        """
        self._hashes.save()

    def close(self) -> None:
        """Close the directory. Nothing can be listed or read afterwards."""
        self._directory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _node(self, path: str) -> _Node | None:
        parent, _, name = path.rpartition("/")
        # A directory is listed only after it was found, so most look-ups need not climb to the root again.
        if parent and parent not in self._listings:
            above = self._node(parent)
            if above is None or above.fact.kind != "dir":
                return None
        return self._listing(parent).get(name)

    def _file(self, path: str) -> _Node:
        node = self._node(path)
        if node is None or node.fact.kind != "file":
            raise UsageError(f"{path!r} is not a file of the build context")
        if node.refused:
            raise UsageError(
                f"{path!r} is {node.refused} and cannot be copied",
                hint="leave it out with .dockerignore, or make it in a RUN step",
            )
        return node

    def _listing(self, path: str) -> dict[str, _Node]:
        known = self._listings.get(path)
        if known is None:
            known = self._listings[path] = self._scan(path)
        return known

    def _scan(self, path: str) -> dict[str, _Node]:
        if path.count("/") >= MAX_DEPTH:
            raise UsageError(
                f"{path[:100]!r}... is more than {MAX_DEPTH} directories deep",
                why="a build context is not that deep unless something is mounted into itself",
            )
        prefix = f"{path}/" if path else ""
        found: dict[str, _Node] = {}
        try:
            fd = self._directory.open_beneath(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                with os.scandir(fd) as names:
                    for item in names:
                        node = self._look(item, prefix + item.name, fd)
                        if node is not None:
                            found[item.name] = node
            finally:
                os.close(fd)
        except OSError as error:
            raise _unreadable(path or ".", error) from error
        return dict(sorted(found.items()))

    def _look(self, item: os.DirEntry[str], path: str, parent: int) -> _Node | None:
        is_directory = item.is_dir(follow_symlinks=False)
        if self._ignore is not None and self._ignore.ignored(path, is_directory):
            # An ignored directory exists as far as an exception ("!dir/keep") needs it.
            if is_directory and self._ignore.may_descend(path) and self._listing(path):
                return _Node(_DIRECTORY)
            return None
        if is_directory:
            return _Node(_DIRECTORY)
        if item.is_symlink():
            return _Node(FileFact("symlink", 0o777, 0, os.readlink(item.name, dir_fd=parent)))
        status = item.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
            special = status.st_mode & (stat.S_ISUID | stat.S_ISGID)
            refused = "a file with setuid or setgid bits" if special else ""
            return _Node(FileFact("file", mode, status.st_size), stamp_of(status), refused)
        if stat.S_ISSOCK(status.st_mode):
            self._notes[f"{path}: a socket, left out of the build context"] = None
            return None
        return _Node(
            FileFact("file", 0o644), None, _SPECIAL.get(stat.S_IFMT(status.st_mode), "a special file")
        )


_SPECIAL = {stat.S_IFIFO: "a fifo", stat.S_IFCHR: "a character device", stat.S_IFBLK: "a block device"}


class _CheckedFile(io.RawIOBase):
    """A file of the context that raises when it is not, or does not stay, what the listing said."""

    def __init__(self, fd: int, path: str, node: _Node) -> None:
        self._fd = fd
        self._path = path
        self._node = node
        self._hash = hashlib.sha256()
        self._left = node.fact.size
        self._check_identity()
        if not self._left:
            self._finish()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        if not self._left or not size:
            return b""
        try:
            data = os.read(self._fd, min(size, self._left))
        except OSError as error:
            raise _unreadable(self._path, error) from error
        if not data:
            raise _changed(self._path)
        self._hash.update(data)
        self._left -= len(data)
        if not self._left:
            self._finish()
        return data

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(CHUNK), b""))

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()

    def _check_identity(self) -> None:
        if stamp_of(os.fstat(self._fd)) != self._node.stamp:
            os.close(self._fd)
            super().close()
            raise _changed(self._path)

    def _finish(self) -> None:
        self._check_identity()
        digest = Digest.from_hash(self._hash)
        if self._node.digest not in (None, digest):
            raise _changed(self._path)
        self._node.digest = digest


def _changed(path: str) -> UsageError:
    return UsageError(
        f"{path!r} changed while it was being read",
        why="an image must hold the bytes that its cache key was computed from",
        hint="build again when nothing writes to the build context",
    )


def _unreadable(path: str, error: OSError) -> HivebaseError:
    if error.errno in (errno.ELOOP, errno.ENOENT, errno.ENOTDIR, errno.ENXIO):
        return _changed(path)
    if is_machine_fault(error):
        return system_fault(error, f"cannot read {path!r} of the build context")
    return UsageError(
        f"cannot read {path!r} of the build context",
        why=error.strerror or str(error),
        hint="make it readable, or leave it out with .dockerignore",
    )
