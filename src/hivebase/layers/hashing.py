"""Digests of context files, remembered between runs.

Hashing a large context costs seconds, looking at its inodes milliseconds. A file whose identity
(:data:`Stamp`) is the same as when it was hashed is taken as unchanged, as git and rsync do, with git's
precaution against the *racy* case: a file changed again within the same tick of the clock keeps its times, so
a digest is written down only when the file's times were at least :data:`RACY_NS` old while it was hashed. A
clock that goes backwards makes times look young, so it costs a hash and never a wrong answer.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from hivebase.digest import Digest
from hivebase.fs import atomic_write_unsynced
from hivebase.locks import FileLock
from hivebase.seal import seal, unseal

if TYPE_CHECKING:
    from pathlib import Path

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size in bytes, modification time and change time in nanoseconds."""

RACY_NS = 2_000_000_000
"""Two seconds: the coarsest clock among file systems in use (FAT)."""

MAX_REMEMBERED = 1_000_000
"""Files per context whose digests are kept; a cache beyond that is cut down to the files of this run."""

_MAX_BYTES = 512 << 20
_MAGIC = b"hivebase hashes 2\n"


class _Remembered(msgspec.Struct, array_like=True):
    files: dict[bytes, tuple[int, int, int, int, int, bytes]]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the identity of a file as the kernel tells it."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class HashCache:
    """The digests of one context's files. Safe for use from several threads.

    Args:
        file: where they are kept between runs, or None to keep nothing. An unreadable, damaged or foreign
            file is an empty cache.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._old = _load(file) if file else {}
        self._new: dict[bytes, tuple[int, int, int, int, int, bytes]] = {}

    @classmethod
    def open(cls, state: Path, context: Path) -> HashCache:
        """Return the cache of the context directory ``context``, kept in the private directory ``state``."""
        name = Digest.of(os.fsencode(context.resolve())).hex[:32]
        return cls(state / "cache" / "hashes" / name)

    def get(self, path: str, stamp: Stamp) -> Digest | None:
        """Return the digest of the file at ``path`` if it was hashed while it had this ``stamp``."""
        key = path.encode("utf-8", "surrogateescape")
        found = self._new.get(key) or self._old.get(key)
        if found is None or found[:5] != stamp:
            return None
        return Digest("sha256:" + found[5].hex())

    def put(self, path: str, stamp: Stamp, digest: Digest, hashed_at: int) -> None:
        """Remember ``digest``, unless the file's times are too close to ``hashed_at`` (ns) to be trusted."""
        if hashed_at - max(stamp[3], stamp[4]) < RACY_NS:
            return
        with self._lock:
            self._new[path.encode("utf-8", "surrogateescape")] = (*stamp, bytes.fromhex(digest.hex))

    def save(self) -> None:
        """Write what is new beside what others have written meanwhile: images often share a context.

        Raises:
            SystemFaultError: the file cannot be written.
        """
        with self._lock:
            if self._file is None or not self._new:
                return
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self._file.with_suffix(".lock")):
                merged = {**_load(self._file), **self._new}
                if len(merged) > MAX_REMEMBERED:
                    merged = self._new
                data = seal(_MAGIC, msgspec.msgpack.encode(_Remembered(merged)))
                atomic_write_unsynced(self._file.parent, self._file.name, data)
            self._old, self._new = merged, {}


def now_ns() -> int:
    """Return the wall clock in nanoseconds: the clock that file times come from."""
    return time.time_ns()


def _load(file: Path) -> dict[bytes, tuple[int, int, int, int, int, bytes]]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            return {}
        content = unseal(_MAGIC, file.read_bytes())
        remembered = msgspec.msgpack.decode(content, type=_Remembered) if content is not None else None
    except (OSError, msgspec.MsgspecError):
        return {}
    if remembered is None or any(len(entry[5]) != 32 for entry in remembered.files.values()):
        return {}
    return remembered.files
