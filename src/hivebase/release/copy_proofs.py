"""What is attached to an image, from one repository to another: it adds to what the target has and replaces nothing."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from hivebase.digest import Digest
from hivebase.errors import NotFoundError
from hivebase.oci import documents
from hivebase.oci.model import Descriptor
from hivebase.progress import Event, Listener, silent
from hivebase.registry.content import RemoteContent, tree_of
from hivebase.registry.merge import Merge, confirm
from hivebase.registry.push import Item, Push
from hivebase.registry.referrers import push_referrers, referrers
from hivebase.registry.resolve import fetch
from hivebase.registry.upload import upload_blob
from hivebase.release import cosign
from hivebase.release.artifact import Blob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hivebase.oci.store import Store
    from hivebase.registry.repository import Repository
    from hivebase.registry.resolve import Document


def copy_proofs(
    here: Repository,
    there: Repository,
    images: Iterable[Descriptor],
    store: Store,
    listener: Listener = silent,
) -> int:
    """Copy referrers, and what cosign keeps at tags, of images that both repositories have.

    Args:
        here: from where.
        there: where to, made for pushing.
        images: manifests and indexes.
        store: what has to be downloaded passes through it.
        listener: told of what is listed and not there.

    Returns:
        How many manifests and tags had to be written.

    Raises:
        CorruptContentError: what is at a tag of the target cannot be added to.
        HivebaseError: a registry cannot be asked, or does not take something.
    """
    work = _Work(here, there, RemoteContent(here, store, listener), listener)
    merges = [merge for image in images for merge in work.run(image)]
    return work.pushed + confirm([merge for merge in merges if merge.write()])


class _Work:
    def __init__(
        self, here: Repository, there: Repository, content: RemoteContent, listener: Listener
    ) -> None:
        self._here = here
        self._there = there
        self._content = content
        self._listener = listener
        self._sibling = here.name if here.registry == there.registry else ""
        self.pushed = 0

    def run(self, image: Descriptor) -> list[Merge]:
        """Bring everything there by digest; return what is to be added to tags."""
        digest = Digest.parse(image.digest)
        manifests: list[bytes] = []
        there = {item.digest for item in referrers(self._there, digest)}
        for found in referrers(self._here, digest):
            if found.digest in there:
                continue
            try:
                manifests.append(
                    self._bring(found.digest[7:19], Descriptor(found.media_type, found.digest, found.size))
                )
            except NotFoundError as error:
                self._listener(Event(self._there.name, "note", f"listed, and not copied: {error.what}"))
        self.pushed += len(manifests)
        _, rest = push_referrers(self._there, image, *manifests)
        merges = [rest] if rest is not None else []
        for suffix in (cosign.SBOM, cosign.ATTESTATIONS, cosign.SIGNATURES):
            tag = cosign.tag(digest, suffix)
            try:
                document = fetch(self._here, tag)
            except NotFoundError:
                continue
            merges.append(self._merge(tag, suffix, document))
        return merges

    def _bring(self, name: str, descriptor: Descriptor) -> bytes:
        """Push a manifest by its digest, with all that it names; return it."""
        tree = tree_of(self._content, descriptor)
        Push([Item(name, tree, self._there, self._content, self._sibling)], self._listener).send()
        return tree.documents[-1][1]

    def _merge(self, tag: str, suffix: str, source: Document) -> Merge:
        media_type = source.descriptor.media_type
        manifest = documents.parse_manifest(source.data, what=f"what is at {tag}", announced=media_type)
        layers = [Blob(layer, b"") for layer in manifest.layers]

        def change(before: Document | None) -> tuple[bytes, str] | None:
            if before is None:
                self._bring(tag, source.descriptor)
                return source.data, media_type
            if suffix == cosign.SBOM or before.data == source.data:
                return None
            artifact = cosign.merged((before.data, before.descriptor.media_type), layers, _same)
            if artifact is None:
                return None
            self._bring(tag, source.descriptor)
            config = artifact.blobs[0]
            upload_blob(self._there, config.descriptor, lambda: io.BytesIO(config.data))
            return artifact.data, artifact.media_type

        return Merge(self._there, tag, change)


def _same(there: Mapping[str, Any], ours: Blob) -> bool:
    """Tell whether two layers are the same signature: one payload may have several."""
    signature = (there.get("annotations") or {}).get(cosign.SIGNATURE, "")
    return bool(there["digest"] == ours.descriptor.digest) and signature == ours.descriptor.annotations.get(
        cosign.SIGNATURE, ""
    )
