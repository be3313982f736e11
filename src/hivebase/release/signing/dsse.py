"""DSSE envelopes: a document, its type, and signatures over both.

Source: Dead Simple Signing Envelope 1.0 (``protocol.md`` and ``envelope.md``).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import CorruptContentError
from hivebase.oci import strict_json
from hivebase.oci.model import canonical_json

if TYPE_CHECKING:
    from hivebase.release.signing.keys import PrivateKey, PublicKey

MEDIA_TYPE = "application/vnd.dsse.envelope.v1+json"
"""Of an envelope as a blob."""

LONGEST = 128 << 20
"""Bytes of one envelope: what cosign reads at most."""


class Signature(msgspec.Struct, frozen=True):
    """One signature: base64, and a name for the key that proves nothing."""

    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """An envelope; ``payload`` is base64."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]

    def content(self) -> bytes:
        """Return the payload.

        Raises:
            CorruptContentError: it is not base64.
        """
        return _decoded(self.payload)

    def signed_by(self, key: PublicKey) -> bool:
        """Tell whether one of the signatures is of ``key``.

        Raises:
            CorruptContentError: as `content`.
        """
        data = encoding(self.payload_type, self.content())
        return any(key.verifies(_decoded(item.sig), data) for item in self.signatures)

    def document(self) -> bytes:
        """Return the envelope as JSON."""
        return canonical_json(self)


def encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: PAE, the pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(key: PrivateKey, payload_type: str, payload: bytes) -> Envelope:
    """Return ``payload`` in an envelope that ``key`` has signed."""
    signature = key.sign(encoding(payload_type, payload))
    return Envelope(base64_of(payload), payload_type, (Signature(base64_of(signature)),))


def parse(data: bytes) -> Envelope:
    """Read an envelope; nothing about it is verified.

    Raises:
        CorruptContentError: it is not one.
    """
    return strict_json.decode(data, Envelope, what="the envelope", limit=LONGEST)


def base64_of(data: bytes) -> str:
    """Return ``data`` in the standard alphabet."""
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    # The specification leaves open which of the two alphabets is used, and tells readers to take both.
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CorruptContentError("the envelope is damaged", why="it is not base64") from error
