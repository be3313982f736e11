"""From a registry into the store: the blobs in parallel, each checked while it streams, the manifest last."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, InterruptedByUserError, NotFoundError
from hivebase.progress import Event
from hivebase.registry.download import download_blob
from hivebase.registry.parallel import run_all
from hivebase.transport import Download, Origin, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hivebase.oci.model import Descriptor, Manifest, Platform
    from hivebase.oci.store import Store
    from hivebase.progress import Listener
    from hivebase.registry.repository import Repository
    from hivebase.registry.resolve import Document
    from hivebase.transport import Response

_WORKERS = 4


class Pull:
    """One image on its way from a repository into a store."""

    def __init__(
        self,
        repository: Repository,
        documents: Sequence[Document],
        store: Store,
        listener: Listener,
        subject: str,
    ) -> None:
        """Prepare.

        Args:
            repository: where the image is.
            documents: its indexes, outermost first, and its manifest.
            store: where it goes.
            listener: told of each blob.
            subject: the image's name in events and messages.
        """
        self._repository = repository
        self._documents = documents
        self._store = store
        self._listener = listener
        self._subject = subject
        self._stop = threading.Event()

    def run(self, platform: Platform) -> int:
        """Fetch what the store does not have; return how many bytes that was.

        The config comes first, because it says whether this is the right platform; manifest and
        indexes are stored last, so that the store never has a manifest without its blobs.

        Raises:
            CorruptContentError: a blob is not what its digest or size say.
            NotFoundError: the image is for another platform, or a blob is missing.
            SystemFaultError: see `Repository.open`; the store cannot be written.
        """
        from hivebase.oci import documents  # noqa: PLC0415 -- only where a registry is asked

        limits, what = self._repository.transport.limits, f"the manifest of {self._subject}"
        manifest = documents.parse_manifest(self._documents[-1].data, what=what)
        if len(manifest.layers) > limits.layers:
            raise CorruptContentError(f"{what} has more than {limits.layers} layers")
        if manifest.config.size > limits.manifest:
            raise CorruptContentError(f"{what} names a config of {manifest.config.size} bytes")
        received = self._fetch_all([manifest.config])
        self._check_config(manifest, platform)
        received += self._fetch_all(manifest.layers)
        for document in reversed(self._documents):
            self._store.put(document.data)
        return received

    def _check_config(self, manifest: Manifest, platform: Platform) -> None:
        from hivebase.oci import documents, platforms  # noqa: PLC0415 -- only where a registry is asked

        what = f"the config of {self._subject}"
        config = documents.parse_config(self._store.read(manifest.config.digest), what=what)
        if len(config.rootfs.diff_ids) != len(manifest.layers):
            raise CorruptContentError(
                f"{what} does not fit its manifest",
                why=f"it lists {len(config.rootfs.diff_ids)} layers, the manifest {len(manifest.layers)}",
            )
        if not platforms.matches(platform, config.platform):
            raise NotFoundError(
                f"{self._subject} has no image for {platform}",
                why=f"its only image is for {config.platform}",
                hint=f"choose another base, or --platform {config.platform}",
            )

    def _fetch_all(self, descriptors: Sequence[Descriptor]) -> int:
        wanted = {d.digest: d for d in descriptors if self._store.size(d.digest) != d.size}
        calls = [partial(self.fetch_blob, descriptor) for descriptor in wanted.values()]
        run_all(calls, _WORKERS, "pull", self._stop)
        return sum(descriptor.size for descriptor in wanted.values())

    def fetch_blob(self, descriptor: Descriptor) -> None:
        """Bring one blob into the store.

        Raises:
            CorruptContentError: it is not what its descriptor says.
            NotFoundError: it is missing.
            SystemFaultError: see `Repository.open`; the store cannot be written.
        """
        digest = Digest.parse(descriptor.digest)
        clock = self._repository.transport.clock
        began = clock.monotonic()
        try:
            self._store_from(self._from_registry, digest, descriptor)
        except NotFoundError:
            if not descriptor.urls:
                raise
            self._store_from(self._from_elsewhere, digest, descriptor)
        seconds = clock.monotonic() - began
        text = f"{digest.short} {descriptor.size / 1e6:.1f} MB"
        self._listener(Event(self._subject, "log", text, "pull", seconds))

    def _store_from(
        self,
        source: Callable[[Digest, Descriptor, Callable[[bytes], object]], object],
        digest: Digest,
        descriptor: Descriptor,
    ) -> None:
        with self._store.ingest() as ingest:

            def sink(chunk: bytes) -> None:
                if self._stop.is_set():
                    raise InterruptedByUserError("interrupted while pulling")
                ingest.write(chunk)

            source(digest, descriptor, sink)
            ingest.commit(digest, descriptor.size)

    def _from_registry(self, digest: Digest, descriptor: Descriptor, sink: Callable[[bytes], object]) -> None:
        download_blob(self._repository, descriptor, sink, f"the blob {digest} of {self._subject}")

    def _from_elsewhere(
        self, digest: Digest, descriptor: Descriptor, sink: Callable[[bytes], object]
    ) -> None:
        """Fetch a layer that its publisher keeps elsewhere (image-spec, ``urls``), as a stranger."""
        transport, origin = self._repository.transport, self._repository.origin
        url = descriptor.urls[0]
        guarded = transport.check(url, origin, "for a layer")

        def opener(headers: Mapping[str, str]) -> Response:
            return transport.open(Request("GET", url, headers, public_only=guarded))

        what = f"the blob {digest} of {self._subject}"
        Download(transport, opener, sink, what=what, digest=digest, size=descriptor.size).run(Origin.of(url))
