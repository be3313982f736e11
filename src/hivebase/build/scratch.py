"""Scratch directories of running builds, and sweeping up those of killed ones.

Beside each directory lies a lock file that its owner keeps locked until the directory is gone (flock dies with the
process), so a directory whose lock is free belongs to nobody and can go.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.fs import remove_tree
from hivebase.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.oci.store import Store

_PREFIX = "build-"
_LOCK = ".lock"


@contextlib.contextmanager
def scratch(store: Store) -> Iterator[Path]:
    """Yield an empty directory on the store's file system; it is gone afterwards.

    The store's file system, because an overlay's upper and work directories must share one, and because a
    finished upper directory becomes a snapshot by renaming it.
    """
    home = store.state / "work"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with store.lock("scratch"):
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))
        lock = FileLock(_lock_of(directory))
        lock.acquire()
    try:
        yield directory
    finally:
        _remove(directory, lock)


def sweep(store: Store) -> int:
    """Remove what killed builds left behind; return how many directories that were."""
    home = store.state / "work"
    removed = 0
    # The lock keeps a directory that another process made a moment ago, and has not locked yet, from us.
    with store.lock("scratch"):
        for path in sorted(home.glob(f"{_PREFIX}*")):
            if path.suffix == _LOCK and path.with_suffix("").exists():
                continue  # its directory says whose it is
            directory = path.with_suffix("")
            lock = FileLock(_lock_of(directory))
            if lock.try_acquire():
                removed += directory.exists()
                _remove(directory, lock)
    return removed


def _lock_of(directory: Path) -> Path:
    return directory.with_suffix(_LOCK)


def _remove(directory: Path, lock: FileLock) -> None:
    """Remove the directory while nobody else can want to, and its lock with it."""
    try:
        remove_tree(directory)
        _lock_of(directory).unlink(missing_ok=True)
    finally:
        lock.release()
