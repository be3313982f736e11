"""An image made once more from nothing but its inputs, to see whether it comes out the same.

The build has a store of its own, which is thrown away. It is given the external images that the user's store has:
they are inputs, known by their digests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import CHUNK, Digest
from hivebase.errors import NotFoundError
from hivebase.oci import documents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.build.session import Session
    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Store


def rebuild(session: Session, inputs: Store, name: str) -> Descriptor:
    """Build one image, and what it stands on.

    Args:
        session: with a store of its own, and the image's version and instant.
        inputs: the store that may have external images.
        name: of the image in the hive.

    Returns:
        The descriptor of the manifest, in the session's store.

    Raises:
        HivebaseError: a build failed.
    """
    for ref in session.external():
        bring(inputs, session.store, ref)
    results = session.build(session.prepare())
    for result in results:
        if result.error is not None:
            raise result.error
    found = session.store.resolve(session.reference(name))
    if found is None:
        raise NotFoundError(f"{name} was not built")
    return found


def bring(source: Store, target: Store, ref: str) -> bool:
    """Copy the image ``ref`` from one store to another, under its name; tell whether it was there.

    Raises:
        CorruptContentError: a blob is damaged.
        SystemFaultError: one cannot be read or written.
    """
    top = source.resolve(ref)
    if top is None:
        return False
    with target.lease():
        _copy(source, target, [top])
        target.tag(ref, top)
    return True


def _copy(source: Store, target: Store, pending: Iterable[Descriptor]) -> None:
    """Copy documents and all that they name; of an index, what the store has of it."""
    for descriptor in pending:
        if source.size(descriptor.digest) is None:
            continue
        if descriptor.media_type in documents.INDEX_TYPES:
            _copy(source, target, source.index(descriptor.digest).manifests)
        elif descriptor.media_type in documents.MANIFEST_TYPES:
            manifest = source.manifest(descriptor.digest)
            _copy(source, target, [manifest.config, *manifest.layers])
        with source.open_verified(descriptor.digest) as stream, target.ingest() as ingest:
            while chunk := stream.read(CHUNK):
                ingest.write(chunk)
            ingest.commit(Digest.parse(descriptor.digest), descriptor.size)
