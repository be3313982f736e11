"""Blobs on disk: found by digest, verified before they are trusted, put aside when they are damaged.

Reading is cheap to trust because of *stamps*. Once a blob has been hashed (or written, which hashes it), its
inode number, size, modification and change time are noted in ``.hivebase/verified``. As long as all four
stay, :meth:`Blobs.verify` does not hash again, so that a build with nothing to do does not read gigabytes.
The price: a disk that returns other bytes without any write is not noticed by :meth:`Blobs.verify`. It is
noticed by everything that really reads: :meth:`Blobs.read` and :meth:`Blobs.open` hash whatever passes
through them, and the store's check hashes everything. No write gets past the stamps, since the change time
cannot be set.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
import stat
from typing import TYPE_CHECKING, BinaryIO

from hivebase import fs
from hivebase.digest import CHUNK, Digest
from hivebase.errors import CorruptContentError, NotFoundError
from hivebase.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a planted fifo must not block


class Blobs:
    """The blobs of one store.

    Args:
        directory: ``blobs/sha256``.
        stamps: where stamps of verified blobs are kept.
        quarantine: where corrupt blobs are moved.
        lock: path of the lock that orders changes of ``directory`` between processes.
    """

    def __init__(self, directory: Path, stamps: Path, quarantine: Path, lock: Path) -> None:
        self.directory = directory
        self._stamps = stamps
        self._quarantine = quarantine
        self._lock = lock
        self._verified: dict[str, str] = {}

    def path(self, digest: str) -> Path:
        """Return where the blob is or would be; ``digest`` is checked, so the name is safe."""
        return self.directory / Digest.parse(digest).hex

    def lock(self) -> FileLock:
        """Return the lock for changes of the directory: look and rename as one act."""
        return FileLock(self._lock)

    def size(self, digest: str) -> int | None:
        """Return the blob's size in bytes, or None if there is none (or something that is no file)."""
        try:
            facts = self.path(digest).lstat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise fs.system_fault(error, "cannot look at the blob", where=self.path(digest)) from error
        return facts.st_size if stat.S_ISREG(facts.st_mode) else None

    def digests(self) -> Iterator[Digest]:
        """Yield what is there, by name alone, in no order."""
        for entry in os.scandir(self.directory):
            with contextlib.suppress(Exception):
                yield Digest.parse(f"sha256:{entry.name}")

    def read(self, digest: str, *, limit: int) -> bytes:
        """Return the whole blob, verified.

        Raises:
            NotFoundError: there is none.
            CorruptContentError: it is not what its digest says (it is then put aside), or it is longer than
                ``limit`` bytes.
            SystemFaultError: it cannot be read.
        """
        fd = self._open(digest)
        try:
            if os.fstat(fd).st_size > limit:
                raise CorruptContentError(
                    f"the blob {digest} is too long", why=f"at most {limit} bytes are expected of its kind"
                )
            with os.fdopen(fd, "rb", closefd=False) as stream:
                data = stream.read(limit + 1)
            if Digest.of(data) != digest:
                raise self.reject(digest, fd, f"its {len(data)} bytes have another digest: {Digest.of(data)}")
            self._stamp(digest, fd)
        except OSError as error:
            raise fs.system_fault(error, "cannot read the blob", where=self.path(digest)) from error
        finally:
            os.close(fd)
        return data

    def open(self, digest: str) -> BinaryIO:
        """Open the blob for reading from start to end; the end is reached only if the digest was right.

        The stream raises :class:`CorruptContentError` instead of its end. Who must not act on wrong bytes
        calls :meth:`verify` first.

        Raises:
            NotFoundError: there is none.
            CorruptContentError: it is no regular file.
        """
        return io.BufferedReader(_Reader(self, digest, self._open(digest)), CHUNK)

    def open_verified(self, digest: str) -> BinaryIO:
        """Open the blob for reading anywhere in it, verified as by :meth:`verify`.

        Raises:
            NotFoundError: there is none.
            CorruptContentError: it is something else; it is put aside.
            SystemFaultError: it cannot be read.
        """
        fd = self._open(digest)
        try:
            self._verify(digest, fd)
        except BaseException:
            os.close(fd)
            raise
        return os.fdopen(fd, "rb")

    def verify(self, digest: str) -> None:
        """Make sure that the blob is what its digest says, hashing it unless its stamp is still right.

        Raises:
            NotFoundError: there is none.
            CorruptContentError: it is something else; it is put aside.
            SystemFaultError: it cannot be read.
        """
        fd = self._open(digest)
        try:
            self._verify(digest, fd)
        finally:
            os.close(fd)

    def rehash(self, digest: str) -> None:
        """Do as :meth:`verify`, always hashing."""
        fd = self._open(digest)
        try:
            self._rehash(digest, fd)
        finally:
            os.close(fd)

    def trust(self, digest: str, fd: int) -> None:
        """Note that the file open as ``fd`` has been hashed as ``digest`` and is in its place."""
        self._stamp(digest, fd)

    def reject(self, digest: str, fd: int, why: str) -> CorruptContentError:
        """Put the blob aside, if its file is still the one open as ``fd``; return the error to raise."""
        with self.lock(), contextlib.suppress(FileNotFoundError):
            here, seen = self.path(digest).lstat(), os.fstat(fd)
            if (here.st_dev, here.st_ino) == (seen.st_dev, seen.st_ino):
                self._put_aside(digest)
        return _corrupt(digest, why)

    def clear_place(self, digest: str) -> bool:
        """Under :meth:`lock`: tell whether the blob's place is free, putting aside what is no file."""
        try:
            if stat.S_ISREG(self.path(digest).lstat().st_mode):
                return False
        except FileNotFoundError:
            return True
        self._put_aside(digest)
        return True

    def forget(self, digest: str) -> None:
        """Remove the blob and its stamp.

        Raises:
            SystemFaultError: it cannot be removed.
        """
        try:
            self.path(digest).unlink(missing_ok=True)
            self._stamp_path(digest).unlink(missing_ok=True)
        except OSError as error:
            raise fs.system_fault(error, "cannot remove the blob", where=self.path(digest)) from error
        self._verified.pop(digest, None)

    def _open(self, digest: str) -> int:
        path = self.path(digest)
        try:
            facts = path.lstat()
            if not stat.S_ISREG(facts.st_mode):
                with self.lock():
                    self.clear_place(digest)
                raise _corrupt(digest, "a link, directory or other special file is in its place")
            return os.open(path, _FLAGS)
        except FileNotFoundError as error:
            raise NotFoundError(
                f"the blob {digest} is not in the store", where=str(self.directory)
            ) from error
        except OSError as error:
            raise fs.system_fault(error, "cannot open the blob", where=path) from error

    def _verify(self, digest: str, fd: int) -> None:
        stamp = fs.stamp(os.fstat(fd))
        if stamp in {self._verified.get(digest), self._read_stamp(digest)}:
            self._verified[digest] = stamp
            return
        self._rehash(digest, fd)
        os.lseek(fd, 0, os.SEEK_SET)

    def _rehash(self, digest: str, fd: int) -> None:
        state = hashlib.sha256()
        before = fs.stamp(os.fstat(fd))
        try:
            while chunk := os.read(fd, CHUNK):
                state.update(chunk)
        except OSError as error:
            raise fs.system_fault(error, "cannot read the blob", where=self.path(digest)) from error
        actual = Digest.from_hash(state)
        if actual != digest or before != fs.stamp(os.fstat(fd)):
            raise self.reject(digest, fd, f"its {os.fstat(fd).st_size} bytes have another digest: {actual}")
        self._stamp(digest, fd)

    def _put_aside(self, digest: str) -> None:
        name = f"{Digest(digest).hex}.{secrets.token_hex(4)}"
        self.path(digest).rename(self._quarantine / name)
        self._stamp_path(digest).unlink(missing_ok=True)
        self._verified.pop(digest, None)

    def _stamp_path(self, digest: str) -> Path:
        return self._stamps / Digest(digest).hex

    def _read_stamp(self, digest: str) -> str | None:
        try:
            return self._stamp_path(digest).read_text("ascii")
        except (OSError, ValueError):
            return None

    def _stamp(self, digest: str, fd: int) -> None:
        stamp = fs.stamp(os.fstat(fd))
        if self._verified.get(digest) == stamp:
            return
        self._verified[digest] = stamp
        # Neither atomic nor synced: a stamp that is not exactly right only costs hashing the blob once more.
        if self._read_stamp(digest) != stamp:
            with contextlib.suppress(OSError):
                self._stamp_path(digest).write_text(stamp, "ascii")


class _Reader(io.RawIOBase):
    """A blob's bytes, hashed on the way; raises at the end if they were not the blob's."""

    def __init__(self, blobs: Blobs, digest: str, fd: int) -> None:
        self._blobs = blobs
        self._digest = digest
        self._fd = fd
        self._state = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        try:
            count = os.readv(self._fd, [buffer])
        except OSError as error:
            raise fs.system_fault(
                error, "cannot read the blob", where=self._blobs.path(self._digest)
            ) from error
        if count:
            self._state.update(memoryview(buffer)[:count])
        elif memoryview(buffer).nbytes:
            actual = Digest.from_hash(self._state)
            if actual != self._digest:
                raise self._blobs.reject(
                    self._digest, self._fd, f"what was read has another digest: {actual}"
                )
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()


def _corrupt(digest: str, why: str) -> CorruptContentError:
    return CorruptContentError(
        f"the blob {digest} is damaged",
        why=why,
        hint="it has been moved to the store's quarantine; run again and it is fetched or built anew",
    )
