"""Wheel files on this machine: each is downloaded once, verified, and from then on found by a look at its inode.

The directory belongs to the user and not to a store: wheels are the same for every hive. A file is named by
its hash, so that no index can put one in the place of another. Beside it lies its *stamp* (inode number, size,
modification and change time, as in ``hivebase.oci.blobs``), written after the file was hashed; as long as all
four stay, it is not hashed again.

::

    with WheelFiles(wheel_directory(os.environ), transport, locate) as files:
        files.prefetch(wheels)             # returns at once
        path = files.get(wheels[0])        # waits for this one
"""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from hivebase.digest import Digest
from hivebase.errors import (
    CorruptContentError,
    HivebaseError,
    InterruptedByUserError,
    NotFoundError,
    SystemFaultError,
)
from hivebase.fs import stamp, sync, system_fault
from hivebase.layers.wheels.batch import SUBJECT, Progress
from hivebase.layers.wheels.obtain import not_found, obtain
from hivebase.locks import FileLock
from hivebase.progress import Event, Listener, silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.plan.wheels import LockedWheel
    from hivebase.transport import Transport

WORKERS = 8
"""Downloads at once: enough for the latency of small wheels, few enough for any index."""


class Locate(Protocol):
    """Knows where wheels can be had from."""

    def __call__(self, wheels: Sequence[LockedWheel], /, *, again: bool = False) -> Mapping[str, str]:
        """Return a URL or a local path by sha256, as far as known.

        Args:
            wheels: what is wanted.
            again: what was said before has turned out to be wrong; ask anew.
        """


def wheel_directory(environ: Mapping[str, str]) -> Path:
    """Return where wheels of this user are kept."""
    return cache_directory(environ) / "wheels"


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Return ``$HIVEBASE_CACHE``, else hivebase's part of the user's cache directory."""
    if own := environ.get("HIVEBASE_CACHE"):
        return Path(own).absolute()
    xdg = Path(environ.get("XDG_CACHE_HOME") or "")
    # The XDG specification: a relative path is invalid and is ignored.
    base = xdg if xdg.is_absolute() else Path(environ.get("HOME") or "/root") / ".cache"
    return base / "hivebase"


class WheelFiles:
    """See the module. Safe for use from several threads and processes.

    Args:
        directory: made when the first wheel comes, for its owner alone.
        transport: downloads.
        locate: where wheels can be had from; asked once for each batch, and only about what is not here.
        listener: told of progress.
    """

    def __init__(
        self, directory: Path, transport: Transport, locate: Locate, *, listener: Listener = silent
    ) -> None:
        self.directory = directory
        self._transport = transport
        self._locate = locate
        self._listener = listener
        self._lock = threading.Lock()
        self._coming: dict[str, Future[Path]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    def get(self, wheel: LockedWheel) -> Path:
        """Return the file of ``wheel``, verified; wait for it, or fetch it, if it is not here.

        Raises:
            NotFoundError: no index has it.
            CorruptContentError: what an index sends is not this wheel.
            UnreachableError: no index can be asked.
            SystemFaultError: it cannot be fetched or kept.
        """
        with self._lock:
            coming = self._coming.get(wheel.sha256)
        # What failed once in this session is not asked for again by everybody who wants it.
        if coming is None or (coming.done() and not coming.cancelled() and coming.exception() is None):
            if (held := self.held(wheel)) is not None:
                return held
            self.prefetch([wheel])
            with self._lock:
                coming = self._coming[wheel.sha256]
        try:
            return coming.result()
        except CancelledError:
            raise _stopped() from None

    def prefetch(self, wheels: Sequence[LockedWheel]) -> None:
        """Begin to download those of ``wheels`` that are not here, in this order; return at once."""
        missing = [wheel for wheel in {item.sha256: item for item in wheels}.values() if not self.held(wheel)]
        batch: list[tuple[LockedWheel, Future[Path]]] = []
        with self._lock:
            for wheel in missing:
                known = self._coming.get(wheel.sha256)
                if known is None or known.done():
                    future: Future[Path] = Future()
                    self._coming[wheel.sha256] = future
                    batch.append((wheel, future))
            if not batch:
                return
            if self._closed:
                raise _stopped()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(WORKERS, "wheel")
            self._pool.submit(self._fetch_all, self._pool, batch)

    def held(self, wheel: LockedWheel) -> Path | None:
        """Return the file of ``wheel`` if it is here and whole; ask nobody.

        Raises:
            SystemFaultError: it cannot be read.
        """
        path = self._path(wheel)
        try:
            facts = path.lstat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise system_fault(error, "cannot look at the wheel", where=path) from error
        whole = _read_stamp(path) == stamp(facts) or self._verified(path, wheel)
        return path if whole else None

    def close(self) -> None:
        """Begin no more downloads, and break off those under way."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
            waiting = list(self._coming.values())
        for future in waiting:
            future.cancel()
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _path(self, wheel: LockedWheel) -> Path:
        return self.directory / f"{wheel.digest.hex}.whl"

    def _verified(self, path: Path, wheel: LockedWheel) -> bool:
        """Hash the file, and remember its stamp if it is right."""
        try:
            with path.open("rb") as stream:
                before = stamp(os.fstat(stream.fileno()))
                if Digest.of_stream(stream)[0] != wheel.digest:
                    return False
                if before != stamp(os.fstat(stream.fileno())):
                    return False
        except FileNotFoundError:
            return False
        except OSError as error:
            raise system_fault(error, "cannot read the wheel", where=path) from error
        _write_stamp(path, before)
        return True

    def _fetch_all(self, pool: ThreadPoolExecutor, batch: list[tuple[LockedWheel, Future[Path]]]) -> None:
        """Ask where the wheels of a batch are, and start their downloads."""
        progress = Progress(self._listener, [wheel for wheel, _ in batch])
        try:
            addresses = self._locate([wheel for wheel, _ in batch])
        except BaseException as error:  # noqa: BLE001 -- whoever waits for a wheel is told
            for _, future in batch:
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)
            progress.end()
            return
        for wheel, future in batch:
            try:
                pool.submit(self._fetch_one, wheel, addresses.get(wheel.sha256, ""), future, progress)
            except RuntimeError:  # the pool has been shut down meanwhile
                future.cancel()

    def _fetch_one(self, wheel: LockedWheel, address: str, future: Future[Path], progress: Progress) -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(self._fetch(wheel, address))
            except BaseException as error:  # noqa: BLE001 -- as above
                future.set_exception(_stopped() if self._closed else error)
        progress.one(wheel)

    def _fetch(self, wheel: LockedWheel, address: str) -> Path:
        path = self._path(wheel)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise system_fault(error, "cannot keep wheels", where=self.directory) from error
        # One process fetches; the others wait here, and then find it.
        with FileLock(path.with_suffix(".lock"), on_wait=lambda: self._tell_of_waiting(wheel)):
            if self.held(wheel) is not None:
                return path
            self._download(wheel, address, path)
        return path

    def _download(self, wheel: LockedWheel, address: str, path: Path) -> None:
        partial = path.with_suffix(".part")
        try:
            try:
                self._obtain(wheel, address, partial)
            except (NotFoundError, CorruptContentError, SystemFaultError):
                fresh = self._elsewhere(wheel)
                if fresh in {"", address}:
                    raise
                self._obtain(wheel, fresh, partial)
            # The directory is not synced: a name that is lost costs a download, and never a wrong file.
            partial.rename(path)
            _write_stamp(path, stamp(path.lstat()))
        except BaseException as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            if isinstance(error, OSError):
                raise system_fault(error, f"cannot keep {wheel.file}", where=self.directory) from error
            raise

    def _elsewhere(self, wheel: LockedWheel) -> str:
        """Ask again: what was known may be an index that moved, or an address that was good for an hour."""
        try:
            return self._locate([wheel], again=True).get(wheel.sha256, "")
        except HivebaseError:
            return ""  # the first error says more

    def _obtain(self, wheel: LockedWheel, address: str, partial: Path) -> None:
        if not address:
            raise not_found(wheel)
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()  # of a killed run
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as stream:

            def sink(data: bytes) -> None:
                if self._closed:
                    raise _stopped()
                stream.write(data)

            obtain(wheel, address, sink, self._transport)
            stream.flush()
            sync(fd)  # before the stamp, which would bless whatever a power cut leaves

    def _tell_of_waiting(self, wheel: LockedWheel) -> None:
        self._listener(Event(SUBJECT, "log", f"{wheel.file}: another process downloads it; waiting"))


def _stopped() -> InterruptedByUserError:
    return InterruptedByUserError("no more wheels are downloaded")


def _read_stamp(path: Path) -> str:
    try:
        return path.with_suffix(".stamp").read_text("ascii")
    except (OSError, ValueError):
        return ""


def _write_stamp(path: Path, text: str) -> None:
    # Neither atomic nor synced: a stamp that is not exactly right only costs hashing the wheel once more.
    with contextlib.suppress(OSError):
        path.with_suffix(".stamp").write_text(text, "ascii")
