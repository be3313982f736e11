"""The shared cache: results of builds in a repository, one artifact for each key.

Nothing here ends a build. What is in the repository and is not an entry for the key that was asked for is told and
counts as not there; a registry that does not answer, or does not let us, is told once and asked no more.
"""

from __future__ import annotations

import io
import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from hivebase import transport
from hivebase.digest import Digest
from hivebase.errors import (
    CorruptContentError,
    HivebaseError,
    InterruptedByUserError,
    NotFoundError,
    PolicyError,
)
from hivebase.oci.model import MANIFEST
from hivebase.progress import Event, Listener, silent
from hivebase.registry import cache_entry
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.background import Background, awaited, started
from hivebase.registry.cache_entry import Entry, tag_of
from hivebase.registry.download import download_blob
from hivebase.registry.endpoint import reaching
from hivebase.registry.once import Once
from hivebase.registry.resolve import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Store
    from hivebase.registry.repository import Repository
    from hivebase.transport import Secret

SUBJECT = "shared cache"
"""Of its events."""

READERS = 8
"""Entries that are asked for at once."""

FETCHERS = 4
"""Blobs that are fetched at once."""

WRITERS = 3
"""Entries that are written at once."""

WAITING = 64
"""Entries that may wait to be written; whoever makes more waits for the registry."""

LIMITS = msgspec.structs.replace(transport.LIMITS, tries=3, idle=15.0, confirm=120.0)
"""Of its connections: a cache that is slow is of no use, and a build can do without."""

_LONG = 32 << 20
"""Bytes of one entry from which fetching it is shown as something that runs."""

_NOTES = 5
"""Entries whose refusal is told; the others are counted."""


class _Job(msgspec.Struct, frozen=True):
    entry: Entry
    replace: bool


class Counts(msgspec.Struct):
    """What went to and fro: entries, and bytes of blobs."""

    read: int = 0
    fetched: int = 0
    written: int = 0
    sent: int = 0


class RegistryCache:
    """Implements :class:`hivebase.build.shared_cache.SharedCache`. Safe between threads.

    End it with :meth:`finish` or :meth:`abandon`.
    """

    def __init__(
        self,
        reading: Repository,
        store: Store,
        *,
        writing: Repository | None = None,
        secret: Secret | None = None,
        cancel: threading.Event | None = None,
        listener: Listener = silent,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            reading: where entries are.
            store: where blobs come from and go to; who uses it holds a lease.
            writing: the same repository, made for pushing; None writes nothing.
            secret: seals what is written; what is read without its seal is no entry.
            cancel: set by others to end everything.
            listener: told of what is refused, and of the progress.
        """
        self.counts = Counts()
        self._reading: Repository | None = reading
        self._writing = writing
        self._store = store
        self._secret = secret
        self._cancel = cancel or threading.Event()
        self._listener = listener
        self._where = f"{reading.registry}/{reading.name}"
        self._found: Once[dict[str, Any] | None] = Once()
        self._fetched: Once[None] = Once()
        self._uploaded: Once[None] = Once()
        self._refused: set[str] = set()
        self._lock = threading.Lock()
        # Two crews: who reads an entry waits for its blobs.
        self._readers: Background[Callable[[], None]] = Background(_call, workers=READERS, waiting=0)
        self._fetchers: Background[Callable[[], None]] = Background(_call, workers=FETCHERS, waiting=0)
        self._writers: Background[_Job] = Background(self._write, workers=WRITERS, waiting=WAITING)

    # Reading

    def get(self, namespace: str, key: Digest) -> dict[str, Any] | None:
        """Return the record for ``key``, its blobs now in the store; None if there is none.

        Asked once for each key, however often it is wanted.

        Raises:
            InterruptedByUserError: the build was cancelled meanwhile.
        """

        def ask() -> dict[str, Any] | None:
            return awaited(started(self._readers, lambda: self._get(namespace, key)), self._check_cancelled)

        found = self._found.do((namespace, key), ask)
        return None if tag_of(namespace, key) in self._refused else found

    def refuse(self, namespace: str, key: Digest, why: str) -> None:
        """Take back what :meth:`get` returned: it is not what it says, and may be written anew."""
        tag = tag_of(namespace, key)
        with self._lock:
            self._refused.add(tag)
            count = len(self._refused)
        if count <= _NOTES:
            self._note(f"the entry {tag[:-52]} of {self._where} is not used: {why}")

    def _get(self, namespace: str, key: Digest) -> dict[str, Any] | None:
        repository = self._reading
        if repository is None:
            return None
        try:
            with reaching(self._where):
                entry = self._read(repository, namespace, key)
        except InterruptedByUserError:
            raise
        except (CorruptContentError, NotFoundError) as error:
            self.refuse(namespace, key, error.what)
            return None
        except Exception as error:  # noqa: BLE001 -- whatever it is, a build can do without the cache
            self._give_up(error, "read")
            return None
        if entry is None:
            return None
        with self._lock:
            self.counts.read += 1
        return entry.value

    def _read(self, repository: Repository, namespace: str, key: Digest) -> Entry | None:
        from hivebase.oci import documents  # noqa: PLC0415 -- only where a registry is asked

        tag = tag_of(namespace, key)
        try:
            document = fetch(repository, tag)
        except NotFoundError:
            return None
        manifest = documents.parse_manifest(document.data, what="it")
        config = io.BytesIO()
        described = cache_entry.config_of(manifest)
        download_blob(repository, described, config.write, _called(described))
        most = repository.transport.limits.layers
        entry = cache_entry.read(manifest, config.getvalue(), namespace, key, self._secret, most=most)
        self._fetch_all(repository, entry)
        return entry

    def _fetch_all(self, repository: Repository, entry: Entry) -> None:
        wanted = [blob for blob in entry.blobs if self._store.size(blob.digest) != blob.size]
        total = sum(blob.size for blob in wanted)
        disk = os.statvfs(self._store.root)
        if total > disk.f_bavail * disk.f_frsize:
            raise CorruptContentError(f"its {total} bytes do not fit on the disk of the store")
        if not wanted:
            return
        began = repository.transport.clock.monotonic()
        step = f"fetching {total / 1e6:.0f} MB of {entry.tag[:-52]}"
        if total >= _LONG:
            self._listener(Event(SUBJECT, "started", step))
        coming = [started(self._fetchers, partial(self._fetch_once, repository, blob)) for blob in wanted]
        try:
            for future in coming:
                awaited(future, self._check_cancelled)
        finally:
            if total >= _LONG:
                seconds = repository.transport.clock.monotonic() - began
                self._listener(Event(SUBJECT, "done", step, seconds=seconds))

    def _fetch_once(self, repository: Repository, blob: Descriptor) -> None:
        self._fetched.do((blob.digest, blob.size), lambda: self._fetch(repository, blob))

    def _fetch(self, repository: Repository, blob: Descriptor) -> None:
        with self._store.ingest() as ingest:

            def sink(chunk: bytes) -> None:
                self._check_cancelled()
                ingest.write(chunk)

            download_blob(repository, blob, sink, _called(blob))
            ingest.commit(Digest.parse(blob.digest), blob.size)
        with self._lock:
            self.counts.fetched += blob.size

    # Writing

    def put(
        self,
        namespace: str,
        key: Digest,
        value: dict[str, Any],
        blobs: Sequence[Descriptor],
        *,
        replace: bool = False,
    ) -> None:
        """Begin to write the record for ``key``, unless there is one by then.

        Args:
            namespace: what kind of result: lower-case letters and hyphens.
            key: what it depends on.
            value: anything that is JSON.
            blobs: of the store, that belong to it.
            replace: write it in the place of another one.
        """
        if self._writing is not None:
            tag = tag_of(namespace, key)
            with self._lock:
                replace = replace or tag in self._refused
            self._writers.put(_Job(Entry(namespace, key, value, tuple(blobs)), replace))

    def finish(self) -> None:
        """Wait until everything is written, and say what went to and fro."""
        left = self._writers.left
        if left and self._writing is not None:
            step = f"writing {left} results to {self._where}"
            clock = self._writing.transport.clock
            began = clock.monotonic()
            self._listener(Event(SUBJECT, "started", step))
            try:
                self._writers.finish()
            finally:
                self._listener(Event(SUBJECT, "done", step, seconds=clock.monotonic() - began))
        counts = self.counts
        if counts.read or counts.written or self._refused:
            refused = f", {len(self._refused)} not used" if self._refused else ""
            self._note(
                f"{counts.read} results read ({counts.fetched / 1e6:.1f} MB fetched){refused}, "
                f"{counts.written} written ({counts.sent / 1e6:.1f} MB sent)"
            )

    def abandon(self) -> None:
        """End it without waiting for anything."""
        self._cancel.set()
        for crew in (self._readers, self._fetchers, self._writers):
            crew.abandon()

    def _write(self, job: _Job) -> None:
        repository = self._writing
        if repository is None or self._cancel.is_set():
            return
        try:
            with reaching(self._where):
                self._send(repository, job)
        except (InterruptedByUserError, PolicyError):
            pass  # the latter: tags of this registry do not move, and another machine was faster
        except (CorruptContentError, NotFoundError) as error:
            self._note(f"{job.entry.tag[:-52]} is not written to {self._where}: {error.what}")
        except Exception as error:  # noqa: BLE001 -- on a thread of its own, where nobody else would be told
            self._give_up(error, "written to")

    def _send(self, repository: Repository, job: _Job) -> None:
        from hivebase.registry.manifests import digest_of, put_manifest  # noqa: PLC0415 -- only where one writes

        entry = job.entry
        if not job.replace and digest_of(repository, entry.tag) is not None:
            return
        written = cache_entry.write(entry, self._secret)
        if len(written.config) > cache_entry.MAX_CONFIG:
            raise CorruptContentError(f"its record has more than {cache_entry.MAX_CONFIG} bytes")
        for blob in entry.blobs:
            self._upload_once(repository, blob, partial(self._store.open_verified, blob.digest))
        for descriptor, data in written.small:
            self._upload_once(repository, descriptor, partial(io.BytesIO, data))
        put_manifest(repository, entry.tag, written.manifest, MANIFEST)
        with self._lock:
            self.counts.written += 1

    def _upload_once(self, repository: Repository, blob: Descriptor, opener: Callable[[], BinaryIO]) -> None:
        from hivebase.registry.upload import upload_blob  # noqa: PLC0415 -- only where one writes

        def upload() -> None:
            outcome = upload_blob(repository, blob, opener, sent=lambda _: self._check_cancelled())
            if outcome == "sent":
                with self._lock:
                    self.counts.sent += blob.size

        self._uploaded.do(blob.digest, upload)

    # When it goes wrong

    def _give_up(self, error: BaseException, verb: str) -> None:
        """Say once that the registry is of no use, and ask it no more: for anything, or only for what it refuses."""
        with self._lock:
            before = self._reading, self._writing
            if not isinstance(error, AuthenticationError):
                self._reading = self._writing = None
            elif verb == "read":
                self._reading = None
            else:
                self._writing = None
            changed = before != (self._reading, self._writing)
        if changed:
            what = error.what if isinstance(error, HivebaseError) else f"{type(error).__name__}: {error}"
            why = getattr(error, "why", "")
            self._note(f"{self._where} is not {verb} in this build: {what}{why and f' ({why})'}")

    def _check_cancelled(self) -> None:
        if self._cancel.is_set():
            raise InterruptedByUserError("interrupted while the shared cache was used")

    def _note(self, text: str) -> None:
        self._listener(Event(SUBJECT, "note", text))


def _call(work: Callable[[], None]) -> None:
    work()


def _called(blob: Descriptor) -> str:
    return f"its blob {Digest.parse(blob.digest).short}"
