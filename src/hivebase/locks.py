"""Locks between processes that a killed holder never leaves behind."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from hivebase.fs import system_fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class FileLock:
    """A lock between processes and between threads: ``flock(2)`` on a file that is made and never removed.

    The kernel lets go when the holder dies, so a killed run never leaves a stale lock. Each object is one
    holder: two objects on one path exclude each other also within one process.

    Args:
        path: the lock file; its directory exists.
        shared: many may hold it at once, excluding only those who want it alone.
        on_wait: called once if somebody else holds the lock, before waiting for it.
    """

    def __init__(
        self, path: Path, *, shared: bool = False, on_wait: Callable[[], object] | None = None
    ) -> None:
        self.path = path
        self._operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._on_wait = on_wait
        self._fd: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if that needs no waiting; tell whether it was taken.

        Raises:
            SystemFaultError: the lock file cannot be made or locked.
        """
        return self._acquire(wait=False)

    def acquire(self) -> None:
        """Take the lock, waiting as long as it takes.

        Raises:
            SystemFaultError: the lock file cannot be made or locked.
        """
        if not self._acquire(wait=False):
            if self._on_wait is not None:
                self._on_wait()
            self._acquire(wait=True)

    def release(self) -> None:
        """Let go; does nothing when the lock is not held."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            fcntl.flock(fd, fcntl.LOCK_UN)  # close alone would leave it with a child forked meanwhile
            os.close(fd)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _acquire(self, *, wait: bool) -> bool:
        if self._fd is not None:
            raise RuntimeError(f"this lock object already holds {self.path}")
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(fd, self._operation if wait else self._operation | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            except BaseException:
                os.close(fd)
                raise
        except OSError as error:
            raise system_fault(error, "cannot lock", where=self.path) from error
        self._fd = fd
        return True
