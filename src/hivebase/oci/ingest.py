"""One blob on its way into the store: invisible until it is whole, checked and durable.

The order is containerd's (``plugins/content/local/writer.go``): sync the file, check size, check digest, see
whether the blob exists already, rename, sync the directory. A power cut or a kill at any point leaves either
no blob or all of it, and at most a temporary file that the next run removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Self

from hivebase import fs
from hivebase.digest import CHUNK, Digest
from hivebase.errors import CorruptContentError, NotFoundError
from hivebase.oci.leases import create_locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hivebase.oci.blobs import Blobs

_MODE = 0o444  # a blob never changes; the store's directory keeps other users out


class Ingest:
    """A blob being written. Use as a context manager: leaving it without a commit removes all traces.

    Args:
        blobs: where it will go.
        directory: where the temporary file is made, on the same file system.
        pin: told of the digest before the blob becomes visible.
    """

    def __init__(self, blobs: Blobs, directory: Path, pin: Callable[[list[str]], None]) -> None:
        self._blobs = blobs
        self._directory = directory
        self._pin = pin
        self._state = hashlib.sha256()
        self._size = 0
        self._pending = bytearray()
        self._fd = -1

    def __enter__(self) -> Self:
        try:
            self._fd, self._path = create_locked(self._directory)
        except OSError as error:
            raise fs.system_fault(error, "cannot write to the store", where=self._directory) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._pending = bytearray()  # clear() fails while a traceback still looks at it
        with contextlib.suppress(OSError):  # gone since the commit; else the next run tries again
            self._path.unlink()
        os.close(self._fd)
        self._fd = -1

    def write(self, data: bytes | memoryview) -> int:
        """Append ``data``; return its length.

        Raises:
            SystemFaultError: the disk is full or fails.
        """
        self._state.update(data)
        self._size += len(data)
        if len(self._pending) + len(data) < CHUNK:
            self._pending += data
        else:
            self._flush()
            self._write(data)
        return len(data)

    def commit(self, expected: Digest | None = None, size: int | None = None) -> tuple[Digest, int]:
        """Make what was written a blob; if the store has it already, that one stays.

        Args:
            expected: what the digest must be, if that is known.
            size: what the size must be in bytes, if that is known.

        Returns:
            The digest and the size.

        Raises:
            CorruptContentError: digest or size are not as expected; nothing is stored.
            SystemFaultError: the blob cannot be made durable; nothing is stored.
        """
        self._flush()
        try:
            os.fchmod(self._fd, _MODE)
            fs.sync(self._fd)
        except OSError as error:
            raise fs.system_fault(error, "cannot make the blob durable", where=self._directory) from error
        if size is not None and size != self._size:
            raise CorruptContentError(f"received {self._size} bytes of the blob {expected}, expected {size}")
        digest = Digest.from_hash(self._state)
        if expected is not None and digest != expected:
            raise CorruptContentError(f"received {digest}, expected {expected}")
        self._pin([digest])
        while not self._place(digest):
            # A damaged one was put aside, so ours has a place now; so it has if a collector was faster.
            with contextlib.suppress(CorruptContentError, NotFoundError):
                self._blobs.verify(digest)
                break
        # Also if another process put it there: its rename may not be durable yet.
        fs.fsync_directory(self._blobs.directory)
        return digest, self._size

    def _place(self, digest: Digest) -> bool:
        try:
            with self._blobs.lock():
                if not self._blobs.clear_place(digest):
                    return False
                self._path.rename(self._blobs.path(digest))
                self._blobs.trust(digest, self._fd)
        except OSError as error:
            raise fs.system_fault(error, "cannot store the blob", where=self._blobs.directory) from error
        return True

    def _flush(self) -> None:
        self._write(self._pending)
        self._pending = bytearray()

    def _write(self, data: bytes | memoryview | bytearray) -> None:
        try:
            fs.write_all(self._fd, memoryview(data))
        except OSError as error:
            raise fs.system_fault(error, "cannot write to the store", where=self._directory) from error
