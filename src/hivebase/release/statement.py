"""in-toto statements: something said (the predicate) about something that a digest names (the subject).

Source: in-toto attestation framework, "Statement" v1. Statements of version 0.1, which cosign still writes, are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.errors import CorruptContentError
from hivebase.oci import strict_json
from hivebase.oci.model import canonical_json

if TYPE_CHECKING:
    from hivebase.digest import Digest

MEDIA_TYPE = "application/vnd.in-toto+json"

PROVENANCE = "https://slsa.dev/provenance/v1"
CYCLONEDX = "https://cyclonedx.org/bom"
SPDX = "https://spdx.dev/Document"
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
"""Predicate type of a statement that says nothing but that somebody signed: how cosign 3 signs images."""

LONGEST = 64 << 20
"""Bytes of one statement."""

_TYPE = "https://in-toto.io/Statement/v1"
_TYPES = (_TYPE, "https://in-toto.io/Statement/v0.1")


class Subject(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a statement is about: a name for people, digests by algorithm."""

    digest: dict[str, str]
    name: str = ""


class Statement(msgspec.Struct, frozen=True, rename="camel"):
    """A statement as read."""

    subject: tuple[Subject, ...]
    predicate_type: str
    type: str = msgspec.field(name="_type")
    predicate: Any = None

    def is_about(self, digest: Digest) -> bool:
        """Tell whether one of the subjects is the content with that digest."""
        return any(item.digest.get("sha256") == digest.hex for item in self.subject)


def statement(name: str, digest: Digest, predicate_type: str, predicate: object) -> bytes:
    """Return a statement about one image, as canonical JSON.

    Args:
        name: ``registry/repository``, or empty.
        digest: of its manifest or index.
        predicate_type: a URI.
        predicate: anything that is JSON.
    """
    document = Statement((Subject({"sha256": digest.hex}, name),), predicate_type, _TYPE, predicate)
    return canonical_json(document)


def parse(data: bytes) -> Statement:
    """Read a statement.

    Raises:
        CorruptContentError: it is not one.
    """
    found = strict_json.decode(data, Statement, what="the statement", limit=LONGEST)
    if found.type not in _TYPES:
        raise CorruptContentError(f"the statement calls itself {found.type[:100]!r}")
    return found
