"""What there is to prove of one image, as the documents that are attached to it. Pure.

==========================================  =====================================================================
`Evidence.plain`                            SBOMs and statements as they are, unsigned
`Evidence.said`                             all that is signed as a statement: each SBOM is one too
`bundles`                                   signed statements as Sigstore bundles, the signature of the image among them
`attestations`                              signed statements as layers at cosign's tag
`signature`                                 the signature of the image as a layer at cosign's tag
==========================================  =====================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.digest import Digest
from hivebase.oci import strict_json
from hivebase.release import cosign
from hivebase.release.artifact import Artifact, Blob, attached
from hivebase.release.signing import bundle, dsse, simple
from hivebase.release.statement import CYCLONEDX, LONGEST, MEDIA_TYPE, SIGNATURE, SPDX, parse, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hivebase.oci.model import Descriptor
    from hivebase.release.signing.keys import PrivateKey

SBOM_TYPES = {"cyclonedx": "application/vnd.cyclonedx+json", "spdx": "application/spdx+json"}
"""Media types of SBOMs in JSON, by format."""

SBOM_PREDICATES = {"cyclonedx": CYCLONEDX, "spdx": SPDX}
"""Predicate types of statements that are SBOMs, by format."""

BUNDLE_CONTENT = "dev.sigstore.bundle.content"
BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
"""Annotations by which cosign finds its way among bundles."""

_PREDICATE = "in-toto.io/predicate-type"  # the annotation that BuildKit uses


class Sbom(msgspec.Struct, frozen=True):
    """An SBOM of an image, as JSON."""

    format: Literal["cyclonedx", "spdx"]
    data: bytes


class Said(msgspec.Struct, frozen=True):
    """A statement with its predicate type."""

    kind: str
    data: bytes


class Evidence(msgspec.Struct, frozen=True):
    """What there is to prove of one image.

    Attributes:
        name: ``registry/repository``, as signatures and statements call it.
        image: of its manifest or index.
        statements: in-toto statements about it.
        sboms: of it; the first one is also put where ``cosign download sbom`` looks.
    """

    name: str
    image: Descriptor
    statements: tuple[bytes, ...] = ()
    sboms: tuple[Sbom, ...] = ()

    @property
    def digest(self) -> Digest:
        """Of the image."""
        return Digest.parse(self.image.digest)

    def plain(self) -> tuple[Artifact, ...]:
        """Return SBOMs and statements as artifacts."""
        sboms = [attached(self.image, SBOM_TYPES[sbom.format], sbom.data) for sbom in self.sboms]
        statements = [
            attached(self.image, MEDIA_TYPE, item.data, annotations={_PREDICATE: item.kind})
            for item in self._given()
        ]
        return (*sboms, *statements)

    def said(self) -> tuple[Said, ...]:
        """Return all that is signed as a statement.

        Raises:
            ValueError: a statement is about something else.
            CorruptContentError: a statement is none, or an SBOM is not JSON.
        """
        sboms = []
        for sbom in self.sboms:
            kind = SBOM_PREDICATES[sbom.format]
            document = strict_json.loads(sbom.data, what="the SBOM", limit=LONGEST)
            sboms.append(Said(kind, statement(self.name, self.digest, kind, document)))
        return (*self._given(), *sboms)

    def _given(self) -> list[Said]:
        found = [(parse(data), data) for data in self.statements]
        if any(not item.is_about(self.digest) for item, _ in found):
            raise ValueError(f"a statement is not about {self.digest}")
        return [Said(item.predicate_type, data) for item, data in found]


def bundles(evidence: Evidence, said: Iterable[Said], sign: Callable[[bytes], bytes]) -> list[Artifact]:
    """Return the signed statements, and the signature of the image as cosign 3 writes it.

    Args:
        evidence: about which image.
        said: of `Evidence.said`.
        sign: returns the bundle of a statement.
    """
    signature = Said(SIGNATURE, statement("", evidence.digest, SIGNATURE, {}))
    return [
        attached(
            evidence.image,
            bundle.MEDIA_TYPE,
            sign(item.data),
            annotations={BUNDLE_CONTENT: "dsse-envelope", BUNDLE_PREDICATE: item.kind},
        )
        for item in (*said, signature)
    ]


def with_key(key: PrivateKey) -> Callable[[bytes], bytes]:
    """Return what makes a bundle of a statement with a local key."""
    return lambda data: bundle.bundle(dsse.envelope(key, MEDIA_TYPE, data), key.public)


def attestations(said: Iterable[Said], key: PrivateKey) -> list[Blob]:
    """Return the signed statements as layers."""
    return [
        Blob.of(
            dsse.envelope(key, MEDIA_TYPE, item.data).document(),
            dsse.MEDIA_TYPE,
            {cosign.SIGNATURE: "", cosign.PREDICATE_TYPE: item.kind},
        )
        for item in said
    ]


def signature(evidence: Evidence, key: PrivateKey) -> Blob:
    """Return the signature of the image as a layer."""
    payload = simple.payload(evidence.name, evidence.digest)
    annotations = {cosign.SIGNATURE: dsse.base64_of(key.sign(payload))}
    return Blob.of(payload, simple.MEDIA_TYPE, annotations)
