"""The store: blobs, names and records in one directory that any OCI tool reads as an image layout.

Several threads and several processes may use one store at once. Writes become visible whole and durable, and
what is read is verified. Whoever writes or finds blobs that nothing names yet holds a :meth:`Store.lease`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

from hivebase import fs
from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError
from hivebase.locks import FileLock
from hivebase.oci import documents, layout, strict_json
from hivebase.oci.blobs import Blobs
from hivebase.oci.ingest import Ingest
from hivebase.oci.leases import Leases, remove_dead
from hivebase.oci.model import CONFIG, MANIFEST, Descriptor, ImageConfig, Manifest, Platform, canonical_json
from hivebase.oci.platforms import host_platform, select
from hivebase.oci.records import Records
from hivebase.oci.refs import Refs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hivebase.oci.collect import Collected
    from hivebase.oci.model import Index

_LOCK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z", re.ASCII)
_D = TypeVar("_D")
_MAX_INDEX_DEPTH = 4  # of indexes within indexes; one is usual, two are seen


@dataclass(frozen=True, slots=True)
class Image:
    """One image of one platform, all its documents read and verified.

    Attributes:
        ref: as asked for.
        descriptor: of the manifest.
        manifest: its layers lowest first.
        config: with one DiffID per layer.
    """

    ref: str
    descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig


class Store:
    """A store; made by :meth:`open`.

    Attributes:
        root: the directory, an OCI image layout.
        state: ``root/.hivebase``: private files of this program.
        blobs: the blobs without leases; for the modules of this package.
        names: the names; for the modules of this package.
        facts: the records; for the modules of this package.
        leases: what running builds hold; for the modules of this package.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / ".hivebase"
        locks = self.state / "locks"
        self.blobs = Blobs(
            root / "blobs/sha256", self.state / "verified", self.state / "quarantine", locks / "blobs"
        )
        self.leases = Leases(self.state / "leases", locks / "collect")
        self.names = Refs(root, lambda: self.lock("refs"))
        self.facts = Records(self.state / "records", locks / "records")
        self._described: dict[str, Descriptor] = {}
        self._manifests: dict[str, Manifest] = {}
        self._configs: dict[str, ImageConfig] = {}

    @classmethod
    def open(cls, root: Path | None = None) -> Self:
        """Open the store at ``root``, making it if it is not there, and remove what killed runs left.

        Args:
            root: default ``$HIVEBASE_STORE``, else ``hivebase`` in the XDG data directory.

        Raises:
            SystemFaultError: it cannot be used; the message says why and what to do.
            CorruptContentError: what makes it a store is damaged.
        """
        store = cls(layout.prepare(root or layout.default_root()))
        try:
            remove_dead(store.state / "ingest")
            remove_dead(store.state / "leases")
        except OSError as error:
            raise fs.system_fault(error, "cannot clean the store", where=store.state) from error
        return store

    # Blobs

    def has(self, digest: str) -> bool:
        """Tell whether the blob is there (not whether it is intact)."""
        return self.size(digest) is not None

    def size(self, digest: str) -> int | None:
        """Return the size of the blob in bytes, or None if it is not there."""
        self.leases.pin([digest])
        return self.blobs.size(digest)

    def read(self, digest: str, *, limit: int = strict_json.MAX_BYTES) -> bytes:
        """Return the whole blob, verified.

        Raises:
            NotFoundError: it is not there.
            CorruptContentError: it is damaged (it is put aside), or longer than ``limit`` bytes.
            SystemFaultError: it cannot be read.
        """
        self.leases.pin([digest])
        return self.blobs.read(digest, limit=limit)

    def open_blob(self, digest: str) -> BinaryIO:
        """Open the blob; the stream raises CorruptContentError instead of ending if the digest was wrong.

        Raises:
            NotFoundError: it is not there.
            CorruptContentError: it is no regular file.
            SystemFaultError: it cannot be opened.
        """
        self.leases.pin([digest])
        return self.blobs.open(digest)

    def open_verified(self, digest: str) -> BinaryIO:
        """Open the blob for reading anywhere in it; it is hashed only if it may have changed since the last time.

        Raises:
            NotFoundError: it is not there.
            CorruptContentError: it is damaged; it is put aside.
            SystemFaultError: it cannot be read.
        """
        self.leases.pin([digest])
        return self.blobs.open_verified(digest)

    def verify(self, digest: str) -> None:
        """Make sure that the blob is intact; hashes it only if it may have changed since the last time.

        Raises:
            NotFoundError: it is not there.
            CorruptContentError: it is damaged; it is put aside.
            SystemFaultError: it cannot be read.
        """
        self.leases.pin([digest])
        self.blobs.verify(digest)

    def ingest(self) -> Ingest:
        """Return a context manager to write one blob with."""
        return Ingest(self.blobs, self.state / "ingest", self.leases.pin)

    def put(self, data: bytes) -> Digest:
        """Store ``data`` as a blob; return its digest.

        Raises:
            SystemFaultError: it cannot be written.
        """
        with self.ingest() as ingest:
            ingest.write(data)
            return ingest.commit()[0]

    # Names

    def refs(self) -> dict[str, Descriptor]:
        """Return what the names stand for, sorted by name.

        Raises:
            CorruptContentError: the list of names is damaged.
            SystemFaultError: it cannot be read.
        """
        return self.names.named()

    def resolve(self, ref: str) -> Descriptor | None:
        """Return what ``ref`` names, or None. A reference with a digest means that digest alone.

        Raises:
            CorruptContentError: the list of names is damaged.
        """
        _, _, digest = ref.partition("@")
        if digest:
            return self._describe(Digest.parse(digest)) if self.has(digest) else None
        found = self.names.resolve(ref)
        if found is not None:
            self.leases.pin([found.digest])
        return found

    def tag(self, ref: str, descriptor: Descriptor) -> None:
        """Let ``ref`` name ``descriptor``; it loses what it named before.

        Raises:
            UsageError: ``ref`` is no reference.
            NotFoundError: the store does not hold that blob.
            CorruptContentError: the list of names is damaged.
            SystemFaultError: it cannot be written.
        """
        with self.lock("collect", shared=True):  # between the look and the name no collector may run
            if self.blobs.size(descriptor.digest) is None:
                raise NotFoundError(f"{ref} cannot name {descriptor.digest}", why="it is not in the store")
            self.names.tag(ref, descriptor)

    def untag(self, ref: str) -> bool:
        """Remove the name ``ref``; tell whether there was one. The image's blobs stay until collected.

        Raises:
            CorruptContentError: the list of names is damaged.
            SystemFaultError: it cannot be written.
        """
        return self.names.untag(ref)

    # Documents

    def manifest(self, digest: str) -> Manifest:
        """Return the image manifest.

        Raises:
            NotFoundError: it is not there.
            CorruptContentError: it is damaged, or not an image manifest.
        """
        manifest = self._parsed(
            self._manifests,
            digest,
            lambda data: documents.parse_manifest(data, what=f"the manifest {digest}"),
        )
        self.leases.pin([manifest.config.digest, *(layer.digest for layer in manifest.layers)])
        return manifest

    def index(self, digest: str) -> Index:
        """Return the image index.

        Raises:
            NotFoundError: it is not there.
            CorruptContentError: it is damaged, or not an image index.
        """
        return documents.parse_index(self.read(digest), what=f"the index {digest}")

    def config(self, manifest: Manifest) -> ImageConfig:
        """Return the configuration that ``manifest`` names.

        Raises:
            NotFoundError: it is not there.
            CorruptContentError: it is damaged, or does not fit the manifest.
        """
        what = f"the configuration {manifest.config.digest}"
        config = self._parsed(
            self._configs, manifest.config.digest, lambda data: documents.parse_config(data, what=what)
        )
        if len(config.rootfs.diff_ids) != len(manifest.layers):
            raise CorruptContentError(
                f"{what} does not fit its manifest",
                why=f"it names {len(config.rootfs.diff_ids)} layers, the manifest {len(manifest.layers)}",
            )
        return config

    def image(self, ref: str, platform: Platform | None = None) -> Image:
        """Return the image that ``ref`` (a reference or a bare digest) names.

        Args:
            ref: what to look for.
            platform: which image of an index; default this machine's.

        Raises:
            NotFoundError: nothing has that name, or the index has no image for the platform.
            CorruptContentError: one of its documents is damaged.
        """
        found = self.resolve(f"@{ref}" if ref.startswith("sha256:") else ref)
        if found is None:
            raise NotFoundError(
                f"the image {ref} is not in the store",
                where=str(self.root),
                hint="hivebase images lists what is",
            )
        for _ in range(_MAX_INDEX_DEPTH):
            if self._describe(Digest.parse(found.digest)).media_type in documents.MANIFEST_TYPES:
                manifest = self.manifest(found.digest)
                return Image(ref, found, manifest, self.config(manifest))
            found = select(self.index(found.digest), platform or host_platform(), what=ref)
        raise CorruptContentError(f"{ref} is an index nested deeper than {_MAX_INDEX_DEPTH} levels")

    def put_image(
        self,
        config: ImageConfig,
        layers: Sequence[Descriptor],
        *,
        annotations: Mapping[str, str] | None = None,
    ) -> Descriptor:
        """Write configuration and manifest of an image whose layers are stored; names nothing.

        Returns:
            The descriptor of the manifest.

        Raises:
            SystemFaultError: they cannot be written.
        """
        if len(layers) != len(config.rootfs.diff_ids):
            raise ValueError(f"{len(layers)} layers, but {len(config.rootfs.diff_ids)} DiffIDs")
        document = canonical_json(config)
        manifest = Manifest(
            schema_version=2,
            media_type=MANIFEST,
            config=Descriptor(CONFIG, self.put(document), len(document)),
            layers=tuple(layers),
            annotations=dict(annotations or {}),
        )
        data = canonical_json(manifest)
        return Descriptor(MANIFEST, self.put(data), len(data))

    # Records, locks, leases

    def record(self, namespace: str, key: Digest) -> dict[str, object] | None:
        """Return the record, or None if there is none that is intact."""
        return self.facts.get(namespace, key)

    def put_record(self, namespace: str, key: Digest, value: dict[str, Any]) -> None:
        """Write a record, replacing an older one.

        Raises:
            SystemFaultError: it cannot be written.
        """
        self.facts.put(namespace, key, value)

    def drop_record(self, namespace: str, key: Digest) -> None:
        """Remove the record, if there is one."""
        self.facts.drop(namespace, key)

    def records(self, namespace: str) -> Iterator[tuple[Digest, dict[str, object]]]:
        """Yield all intact records of a namespace with their keys."""
        return self.facts.all(namespace)

    def lock(
        self, name: str, *, shared: bool = False, on_wait: Callable[[], object] | None = None
    ) -> FileLock:
        """Return the lock ``name`` of this store, not yet taken.

        Raises:
            ValueError: ``name`` cannot be a file's name.
        """
        if not _LOCK_NAME.match(name):
            raise ValueError(f"not a name of a lock: {name!r}")
        return FileLock(self.state / "locks" / name, shared=shared, on_wait=on_wait)

    def lease(self) -> AbstractContextManager[None]:
        """Return a context manager that keeps from collection what this process uses inside it."""
        return self.leases.hold()

    def collect(self, *, keep: Iterable[str] = (), dry_run: bool = False) -> Collected:
        """Remove the blobs that no name, no lease and nothing in ``keep`` reaches.

        Args:
            keep: digests of blobs to keep; of manifests and indexes also what they name.
            dry_run: only tell what would be removed.

        Raises:
            SystemFaultError: something cannot be read or removed.
            CorruptContentError: a document that says what to keep is damaged.
        """
        from hivebase.oci.collect import collect  # noqa: PLC0415 -- most commands collect nothing

        return collect(self, keep=keep, dry_run=dry_run)

    def check(self) -> list[str]:
        """Read and hash everything; return one sentence for each thing that is wrong.

        Raises:
            SystemFaultError: something cannot be read.
        """
        from hivebase.oci.check import check  # noqa: PLC0415 -- most commands check nothing

        return check(self)

    def _describe(self, digest: Digest) -> Descriptor:
        return self._parsed(
            self._described,
            digest,
            lambda data: Descriptor(documents.kind(data, what=f"the document {digest}"), digest, len(data)),
        )

    def _parsed(self, known: dict[str, _D], digest: str, parse: Callable[[bytes], _D]) -> _D:
        """Return a document; one that was parsed before is looked at again, and only its blob is verified."""
        if digest in known:
            self.verify(digest)
        else:
            known[digest] = parse(self.read(digest))
        return known[digest]
