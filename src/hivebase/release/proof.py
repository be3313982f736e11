"""Proof of published images: SBOMs and provenance attached to them, and signatures over all of it.

What is attached is pushed by digest and referred to; what cosign 2 looks for is added at its tags, which others write
to as well. What is there already is not sent again, and what others put there stays::

    prove_all([(repository, Evidence(name, image, (provenance,), (Sbom("cyclonedx", data),)))], key)

===========================================  ====================================================================
referrer ``application/vnd.cyclonedx+json``  an SBOM, likewise ``application/spdx+json``
referrer ``application/vnd.in-toto+json``    a statement, such as provenance, unsigned
referrer ``…sigstore.bundle.v0.3+json``      a signed statement: provenance, an SBOM, or the signature of the image
tag ``sha256-….sbom``                        the first SBOM, for ``cosign download sbom``
tag ``sha256-….att``                         signed statements, for ``cosign verify-attestation``
tag ``sha256-….sig``                         the signature of the image, for ``cosign verify``; written last
===========================================  ====================================================================
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from hivebase.oci import strict_json
from hivebase.progress import Event, Listener, silent
from hivebase.registry.merge import Merge, confirm
from hivebase.registry.push import WORKERS
from hivebase.registry.referrers import push_referrers
from hivebase.registry.upload import upload_blob
from hivebase.release import cosign
from hivebase.release.artifact import Artifact, Blob
from hivebase.release.evidence import (
    SBOM_TYPES,
    Evidence,
    Sbom,
    attestations,
    bundles,
    signature,
    with_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hivebase.oci.model import Descriptor
    from hivebase.registry.repository import Repository
    from hivebase.registry.resolve import Document
    from hivebase.release.signing.keys import PrivateKey

    Before = tuple[bytes, str] | None
    Change = Callable[[Before], Artifact | None]

_OURS = "io.hivebase.sbom"
"""Annotation of an SBOM's manifest that may be replaced by a newer one."""


def prove(
    repository: Repository,
    image: Descriptor,
    *,
    statements: Sequence[bytes] = (),
    sboms: Sequence[Sbom] = (),
    key: PrivateKey | None = None,
    listener: Listener = silent,
) -> int:
    """Prove one image that is in ``repository``; as `prove_all`."""
    name = f"{repository.registry}/{repository.name}"
    evidence = Evidence(name, image, tuple(statements), tuple(sboms))
    return prove_all([(repository, evidence)], key, listener=listener)


def prove_all(
    evidence: Sequence[tuple[Repository, Evidence]],
    key: PrivateKey | None = None,
    *,
    keyless: Callable[[bytes], bytes] | None = None,
    listener: Listener = silent,
) -> int:
    """Attach SBOMs and statements to images, and sign them.

    All tags settle together (see `hivebase.registry.merge`): many images at once cost no more time than one.

    Args:
        evidence: what to attach, and the repository, made for pushing, that has the image.
        key: to sign with; None attaches only.
        keyless: returns the Sigstore bundle of a statement, beside or instead of ``key``. Each of its signatures is a
            new one, so that what it signs is attached each time.
        listener: told of what somebody else's tag keeps from being attached.

    Returns:
        How many manifests and tags were written.

    Raises:
        ValueError: a statement is about something else.
        CorruptContentError: an SBOM is not JSON, or what is at a tag cannot be added to.
        HivebaseError: as `upload_blob`, `push_referrers` and `merge`.
    """
    work = [_Work(*item, key, keyless, listener) for item in evidence]
    if not work:
        return 0
    with ThreadPoolExecutor(min(WORKERS, len(work)), "prove") as pool:
        written = [item for found in pool.map(_Work.run, work) for item in found]
    return sum(item.pushed for item in work) + confirm(written)


class _Work:
    """The proof of one image."""

    def __init__(
        self,
        repository: Repository,
        evidence: Evidence,
        key: PrivateKey | None,
        keyless: Callable[[bytes], bytes] | None,
        listener: Listener,
    ) -> None:
        self._repository = repository
        self._evidence = evidence
        self._key = key
        self._keyless = keyless
        self._listener = listener
        self.pushed = 0

    def run(self) -> list[Merge]:
        """Push and write; return the tags that were written and have to settle."""
        evidence, key = self._evidence, self._key
        said = evidence.said()
        artifacts = list(evidence.plain())
        if key is not None:
            artifacts += bundles(evidence, said, with_key(key))
        if self._keyless is not None:
            artifacts += bundles(evidence, said, self._keyless)
        merges = [self._refer(artifacts)]
        if evidence.sboms:
            merges.append(self._merge(cosign.SBOM, self._sbom(evidence.sboms[0])))
        if key is not None and said:
            layers = attestations(said, key)
            merges.append(self._merge(cosign.ATTESTATIONS, _adding(layers, cosign.same_blob)))
        if key is not None:
            merges.append(self._merge(cosign.SIGNATURES, _adding([signature(evidence, key)], _same_as(key))))
        return [item for item in merges if item is not None and item.write()]

    def _refer(self, artifacts: Sequence[Artifact]) -> Merge | None:
        by_data = {artifact.data: artifact for artifact in artifacts}

        def bring(data: bytes) -> None:
            self._send(by_data[data])
            self.pushed += 1

        return push_referrers(self._repository, self._evidence.image, *by_data, bring=bring)[1]

    def _sbom(self, sbom: Sbom) -> Change:
        """Return what puts the one SBOM at its tag; an SBOM of somebody else stays."""
        layer = Blob.of(sbom.data, SBOM_TYPES[sbom.format])

        def change(before: Before) -> Artifact | None:
            if before is not None:
                there = strict_json.loads(before[0], what="the SBOM's manifest")
                if [item["digest"] for item in there.get("layers") or ()] == [layer.descriptor.digest]:
                    return None
                if _OURS not in (there.get("annotations") or {}):
                    text = "somebody else's SBOM is at the tag for cosign, and stays there"
                    self._listener(Event(self._evidence.name, "note", text))
                    return None
            return cosign.merged(None, [layer], cosign.same_blob, annotations={_OURS: sbom.format})

        return change

    def _merge(self, suffix: str, change: Change) -> Merge:
        def changed(before: Document | None) -> tuple[bytes, str] | None:
            there = (before.data, before.descriptor.media_type) if before is not None else None
            artifact = change(there)
            if artifact is None:
                return None
            self._send(artifact)
            return artifact.data, artifact.media_type

        return Merge(self._repository, cosign.tag(self._evidence.digest, suffix), changed)

    def _send(self, artifact: Artifact) -> None:
        for blob in artifact.blobs:
            data = blob.data
            upload_blob(self._repository, blob.descriptor, lambda data=data: io.BytesIO(data))  # type: ignore[misc]


def _adding(layers: Sequence[Blob], same: Callable[[Mapping[str, Any], Blob], bool]) -> Change:
    return lambda before: cosign.merged(before, layers, same)


def _same_as(key: PrivateKey) -> Callable[[Mapping[str, Any], Blob], bool]:
    """Return what recognises a signature of ``key``, whether or not it signs deterministically."""

    def same(there: Mapping[str, Any], ours: Blob) -> bool:
        return bool(there["digest"] == ours.descriptor.digest) and cosign.signed_by(
            there, ours.data, key.public
        )

    return same
