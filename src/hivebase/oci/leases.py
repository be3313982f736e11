"""Leases: how a running build keeps the blobs it uses, named or not, from being collected.

A lease is a file in ``.hivebase/leases`` that its holder keeps locked, with one digest per line: everything
the holder has written, found or read while the lease ran. The kernel drops the lock when the holder dies, so
a dead lease is seen as one. No clock takes part.

The lock ``collect`` orders the two sides: a collector holds it alone from looking at the leases to the last
removal, a user of blobs holds it, shared, while adding to its lease. So whatever a holder finds after adding
it will stay.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import threading
from typing import TYPE_CHECKING

from hivebase import fs
from hivebase.digest import Digest
from hivebase.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_HEX = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def create_locked(directory: Path) -> tuple[int, Path]:
    """Make a new file that stays locked for as long as the returned descriptor is open.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        path = directory / secrets.token_hex(16)
        fd = os.open(path, _CREATE, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        if os.fstat(fd).st_nlink:
            return fd, path
        os.close(fd)  # remove_dead() found it between the two calls and took it for a dead one


def remove_dead(directory: Path) -> list[Path]:
    """Remove the files of :func:`create_locked` whose makers are gone; return those that live.

    Raises:
        OSError: one cannot be removed.
    """
    living = []
    for path in sorted(directory.iterdir()):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            living.append(path)
        finally:
            os.close(fd)
    return living


class Leases:
    """The leases of one store.

    Args:
        directory: where the lease files are.
        lock: the path of the lock ``collect``.
    """

    def __init__(self, directory: Path, lock: Path) -> None:
        self._directory = directory
        self._lock = lock
        self._guard = threading.Lock()
        self._holders = 0
        self._fd = -1
        self._path: Path | None = None
        self._pinned: set[str] = set()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep everything this process uses from collection until the block ends; blocks may nest.

        Raises:
            SystemFaultError: the lease cannot be written.
        """
        with self._guard:
            if not self._holders:
                try:
                    self._fd, self._path = create_locked(self._directory)
                except OSError as error:
                    raise fs.system_fault(error, "cannot take a lease", where=self._directory) from error
            self._holders += 1
        try:
            yield
        finally:
            with self._guard:
                self._holders -= 1
                if not self._holders and self._path is not None:
                    with contextlib.suppress(OSError):
                        self._path.unlink()
                    os.close(self._fd)
                    self._pinned.clear()

    def pin(self, digests: Iterable[str]) -> None:
        """Add ``digests`` to the lease, if one is held: whatever of them exists now will stay.

        Raises:
            UsageError: one is not a digest.
            SystemFaultError: the lease cannot be written.
        """
        if not self._holders:
            return
        with self._guard:
            new = set(digests) - self._pinned
            if not new or not self._holders:
                return
            with FileLock(self._lock, shared=True):
                # The line break comes first: a line cut short by a full disk must not spoil the next one.
                lines = "".join(f"\n{Digest.parse(digest).hex}" for digest in sorted(new))
                try:
                    fs.write_all(self._fd, lines.encode())
                except OSError as error:
                    raise fs.system_fault(error, "cannot write the lease", where=self._directory) from error
            self._pinned |= new

    def pinned(self) -> set[str]:
        """Return what all living leases of all processes hold; for a collector, under the lock ``collect``.

        Raises:
            SystemFaultError: a lease cannot be read.
        """
        lines: list[str] = []
        try:
            for path in remove_dead(self._directory):
                # A lease may end between being listed and being read. What it held and named has its name by then:
                # naming waits for the collector's lock.
                with contextlib.suppress(FileNotFoundError):
                    lines += path.read_text("ascii").splitlines()
        except OSError as error:
            raise fs.system_fault(error, "cannot read the leases", where=self._directory) from error
        return {f"sha256:{line}" for line in lines if _HEX.match(line)}
