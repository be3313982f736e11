"""Scratch directories of running builds, and sweeping up those of killed ones.

Each directory holds a lock file that its owner keeps locked (flock dies with the process), so a directory whose
lock is free belongs to nobody and can go.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.fs import FileLock, remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.oci.store import Store

_LOCK = "owner.lock"
_PREFIX = "build-"


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
        lock = FileLock(directory / _LOCK)
        lock.acquire()
    try:
        yield directory
    finally:
        lock.release()
        remove_tree(directory)


def sweep(store: Store) -> int:
    """Remove what killed builds left behind; return how many directories that were."""
    home = store.state / "work"
    removed = 0
    # The lock keeps a directory that another process made a moment ago, and has not locked yet, from us.
    with store.lock("scratch"):
        for directory in sorted(home.glob(f"{_PREFIX}*")):
            lock = FileLock(directory / _LOCK)
            if lock.try_acquire():
                lock.release()
                remove_tree(directory)
                removed += 1
    return removed
