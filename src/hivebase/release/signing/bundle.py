"""Sigstore bundles: an envelope together with what is needed to verify it; here, the name of a key.

Source: ``sigstore_bundle.proto`` and ``sigstore_common.proto`` of sigstore's protobuf-specs, in their JSON form. Kept
apart from the envelope only by what cosign puts around it: a verifier still brings the key itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.errors import CorruptContentError
from hivebase.oci import strict_json
from hivebase.oci.model import canonical_json
from hivebase.release.signing import dsse

if TYPE_CHECKING:
    from hivebase.release.signing.keys import PublicKey

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
FAMILY = "application/vnd.dev.sigstore.bundle"
"""What the media types of all versions begin with."""


class _Bundle(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    dsse_envelope: dsse.Envelope


def bundle(envelope: dsse.Envelope, key: PublicKey) -> bytes:
    """Return the bundle of an envelope that ``key`` verifies."""
    document: dict[str, Any] = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key.hint}},
        # An empty keyid would be an unset field of the protocol buffer, which is not written.
        "dsseEnvelope": msgspec.to_builtins(envelope)
        | {"signatures": [{"sig": item.sig} for item in envelope.signatures]},
    }
    return canonical_json(document)


def envelope_of(data: bytes) -> dsse.Envelope:
    """Return the envelope in a bundle; nothing about it is verified.

    Raises:
        CorruptContentError: it is no bundle, or has no envelope.
    """
    found = strict_json.decode(data, _Bundle, what="the bundle", limit=dsse.LONGEST)
    if not found.media_type.startswith(FAMILY):
        raise CorruptContentError(f"the bundle calls itself {found.media_type[:100]!r}")
    return found.dsse_envelope
