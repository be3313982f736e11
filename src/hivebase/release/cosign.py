"""The manifests at the tags where cosign looks: ``sha256-<hex>.sig``, ``.att`` and ``.sbom``. Pure.

Each layer is one signature or attestation, of whoever wrote it: adding one keeps all others, and every field of the
manifest that is not known here. The form is what cosign 2 writes: an image whose configuration has the digests of the
layers as DiffIDs.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.errors import CorruptContentError
from hivebase.oci import documents, strict_json
from hivebase.oci.model import CONFIG, MANIFEST, canonical_json
from hivebase.release.artifact import Artifact, Blob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hivebase.digest import Digest
    from hivebase.release.signing.keys import PublicKey

SIGNATURES, ATTESTATIONS, SBOM = "sig", "att", "sbom"
"""What the tags end in."""

SIGNATURE = "dev.cosignproject.cosign/signature"
"""Annotation of a layer: the signature over it in base64, or empty for an envelope, which has its own."""

PREDICATE_TYPE = "predicateType"
"""Annotation of an attestation's layer."""

MOST_LAYERS = 1000
"""Of one such manifest: cosign reads no longer ones."""

_ZERO_TIME = "0001-01-01T00:00:00Z"  # what Go writes for no time at all


def tag(digest: Digest, suffix: str) -> str:
    """Return the tag at which something about an image is found."""
    return f"sha256-{digest.hex}.{suffix}"


def merged(
    before: tuple[bytes, str] | None,
    added: Sequence[Blob],
    same: Callable[[Mapping[str, Any], Blob], bool],
    *,
    annotations: Mapping[str, str] | None = None,
) -> Artifact | None:
    """Return the manifest with some layers more, its configuration the first of its blobs; None if it has them all.

    Args:
        before: what is at the tag, and its media type; None if there is nothing.
        added: layers.
        same: tells of a layer's descriptor that is there, and one of ``added``, whether they say the same.
        annotations: of a manifest that is new.

    Raises:
        CorruptContentError: what is there is not an image manifest, or has too many layers.
    """
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": []}
    if annotations:
        document["annotations"] = dict(annotations)
    if before is not None:
        documents.parse_manifest(before[0], what="the manifest beside the image", announced=before[1])
        document = strict_json.loads(before[0], what="the manifest beside the image")
    layers: list[dict[str, Any]] = list(document["layers"] or ())
    new = [blob for blob in added if not any(same(layer, blob) for layer in layers)]
    if not new:
        return None
    layers += [msgspec.to_builtins(blob.descriptor, enc_hook=str) for blob in new]
    if len(layers) > MOST_LAYERS:
        raise CorruptContentError(
            f"there are {len(layers)} signatures or attestations of one image",
            why=f"no tool reads more than {MOST_LAYERS}",
            hint="somebody signs the same image again and again; remove the tag in the registry",
        )
    config = Blob.of(_config([layer["digest"] for layer in layers]), CONFIG)
    document |= {"layers": layers, "config": msgspec.to_builtins(config.descriptor, enc_hook=str)}
    media_type = before[1] if before is not None else MANIFEST
    return Artifact(canonical_json(document), (config, *new), media_type)


def same_blob(layer: Mapping[str, Any], blob: Blob) -> bool:
    """Tell whether a layer is the very blob: for envelopes, which carry their signatures."""
    return bool(layer["digest"] == blob.descriptor.digest)


def signed_by(layer: Mapping[str, Any], payload: bytes, key: PublicKey) -> bool:
    """Tell whether the signature that a layer carries is of ``key`` and over ``payload``."""
    signature = (layer.get("annotations") or {}).get(SIGNATURE, "")
    try:
        return key.verifies(base64.b64decode(signature, validate=True), payload)
    except ValueError:
        return False


def _config(digests: Sequence[str]) -> bytes:
    return canonical_json(
        {
            "architecture": "",
            "config": {},
            "created": _ZERO_TIME,
            "history": [{"created": _ZERO_TIME} for _ in digests],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": list(digests)},
        }
    )
