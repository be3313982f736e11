"""Documents to be pushed beside an image: a manifest and the blobs that it names. Pure.

Source: image-spec 1.1, "Guidelines for Artifact Usage" and "Image Manifest Property Descriptions" (``subject``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.digest import Digest
from hivebase.oci.model import MANIFEST, Descriptor, Manifest, canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

EMPTY = "application/vnd.oci.empty.v1+json"
"""Media type of the configuration of what has none."""

_NOTHING = b"{}"


class Blob(msgspec.Struct, frozen=True):
    """Content with the descriptor that names it."""

    descriptor: Descriptor
    data: bytes

    @classmethod
    def of(cls, data: bytes, media_type: str, annotations: Mapping[str, str] | None = None) -> Blob:
        """Return ``data`` as a blob."""
        return cls(Descriptor(media_type, Digest.of(data), len(data), dict(annotations or {})), data)


class Artifact(msgspec.Struct, frozen=True):
    """A manifest with what it names.

    Attributes:
        blobs: those that may have to be sent; what the manifest names beside them is in the repository already.
    """

    data: bytes
    blobs: tuple[Blob, ...]
    media_type: str = MANIFEST

    @property
    def digest(self) -> Digest:
        """The digest of the manifest."""
        return Digest.of(self.data)


def attached(
    subject: Descriptor,
    artifact_type: str,
    data: bytes,
    *,
    media_type: str = "",
    annotations: Mapping[str, str] | None = None,
) -> Artifact:
    """Return a document as an artifact that refers to an image.

    Args:
        subject: of the image's manifest or index.
        artifact_type: what it is listed as among the image's referrers.
        data: the document.
        media_type: of the document; the artifact type if empty.
        annotations: of the manifest, shown in lists of referrers.
    """
    config, layer = Blob.of(_NOTHING, EMPTY), Blob.of(data, media_type or artifact_type)
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST,
        artifact_type=artifact_type,
        config=config.descriptor,
        layers=(layer.descriptor,),
        subject=Descriptor(subject.media_type, subject.digest, subject.size),
        annotations=dict(annotations or {}),
    )
    return Artifact(canonical_json(manifest), (config, layer))
