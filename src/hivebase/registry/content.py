"""What a push or a copy sends: documents and blobs by digest, wherever they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

import msgspec

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.oci import documents
from hivebase.oci.model import Descriptor
from hivebase.progress import Listener, silent
from hivebase.registry.pull import Pull
from hivebase.registry.resolve import fetch
from hivebase.transport.limits import LIMITS, Limits

if TYPE_CHECKING:
    from hivebase.oci.store import Store
    from hivebase.registry.repository import Repository


class Content(Protocol):
    """Where documents and blobs come from: the store, or another registry."""

    def read(self, digest: str, /) -> bytes:
        """Return a document, verified."""

    def open(self, descriptor: Descriptor, /) -> BinaryIO:
        """Open a blob that is intact, seekable."""


class StoreContent:
    """The store's blobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, digest: str, /) -> bytes:
        """Return a document, verified."""
        return self._store.read(digest)

    def open(self, descriptor: Descriptor, /) -> BinaryIO:
        """Open a blob that is intact, seekable."""
        return self._store.open_verified(descriptor.digest)


class RemoteContent:
    """A repository's blobs; those that are opened come through the store, where they can be collected again."""

    def __init__(self, repository: Repository, store: Store, listener: Listener = silent) -> None:
        self._repository = repository
        self._store = store
        self._pull = Pull(repository, (), store, listener, f"{repository.registry}/{repository.name}")

    def read(self, digest: str, /) -> bytes:
        """Return a document, verified."""
        return fetch(self._repository, Digest.parse(digest)).data

    def open(self, descriptor: Descriptor, /) -> BinaryIO:
        """Open a blob that is intact, seekable."""
        if self._store.size(descriptor.digest) != descriptor.size:
            self._pull.fetch_blob(descriptor)
        return self._store.open_verified(descriptor.digest)


class Tree(msgspec.Struct, frozen=True):
    """A manifest, or an index with all that it names.

    Attributes:
        top: of the document that a tag names.
        documents: what each document is called and says, children before the index that names them.
        blobs: layers and configs of all manifests, each once; configs last.
    """

    top: Descriptor
    documents: tuple[tuple[Descriptor, bytes], ...]
    blobs: tuple[Descriptor, ...]


def tree_of(content: Content, top: Descriptor, *, limits: Limits = LIMITS) -> Tree:
    """Read a manifest, or an index and all that it names.

    Raises:
        CorruptContentError: a document is not what it is called, or there are more of them, deeper in each other, than
            ``limits`` let there be.
        NotFoundError: one is missing.
    """
    found: dict[str, tuple[Descriptor, bytes]] = {}
    _collect(content, top, found, limits, limits.index_depth)
    layers: dict[str, Descriptor] = {}
    configs: dict[str, Descriptor] = {}
    for descriptor, data in found.values():
        if descriptor.media_type in documents.MANIFEST_TYPES:
            what = f"the manifest {descriptor.digest}"
            manifest = documents.parse_manifest(data, what=what)
            if len(manifest.layers) > limits.layers:
                raise CorruptContentError(f"{what} has more than {limits.layers} layers")
            layers |= {layer.digest: layer for layer in manifest.layers}
            configs[manifest.config.digest] = manifest.config
    blobs = [*layers.values(), *(c for digest, c in configs.items() if digest not in layers)]
    return Tree(top, tuple(found.values()), tuple(blobs))


def _collect(
    content: Content,
    descriptor: Descriptor,
    found: dict[str, tuple[Descriptor, bytes]],
    limits: Limits,
    depth: int,
) -> None:
    """Read a document and what it names, each once: indexes may name each other often."""
    data = content.read(descriptor.digest)
    what = f"the document {descriptor.digest}"
    kind = documents.kind(data, what=what, announced=descriptor.media_type)
    if len(data) != descriptor.size:
        raise CorruptContentError(f"{what} has {len(data)} bytes, {descriptor.size} were announced")
    if kind in documents.INDEX_TYPES:
        entries = documents.parse_index(data, what=what).manifests
        if depth == 0:
            raise CorruptContentError(f"{what} is an index nested too deeply")
        if len(entries) + len(found) > limits.layers:
            raise CorruptContentError(f"{what} names more than {limits.layers} documents")
        for entry in entries:
            if entry.digest not in found:
                _collect(content, entry, found, limits, depth - 1)
    found[descriptor.digest] = (Descriptor(kind, descriptor.digest, len(data)), data)
