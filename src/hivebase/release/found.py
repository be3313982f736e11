"""What is attached to an image in a registry: read within limits, sorted by what it is, and not believed yet.

Anybody who may push can attach anything. What is damaged or about another image is put aside with a reason and keeps
nothing else from being looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.oci import documents
from hivebase.registry.referrers import referrers
from hivebase.registry.resolve import fetch
from hivebase.registry.small import read_blob
from hivebase.release import cosign
from hivebase.release.evidence import SBOM_TYPES
from hivebase.release.signing import bundle, dsse, simple
from hivebase.release.statement import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.oci.model import Descriptor, Manifest
    from hivebase.registry.repository import Repository

MOST_REFERRERS = 1000
"""Looked at, of one image."""

MOST_BYTES = 512 << 20
"""Read, of all that is attached to one image."""

_LONGEST_PAYLOAD = 1 << 20


class Signed(msgspec.Struct, frozen=True):
    """A signature as cosign 2 keeps it: the layer that carries it, and what it is over."""

    layer: Descriptor
    payload: bytes


class Found(msgspec.Struct):
    """What is attached.

    Attributes:
        signatures: of the image.
        envelopes: signed statements.
        statements: unsigned ones.
        sboms: formats of SBOMs that lie there as they are.
        broken: what could not be used, and why.
    """

    signatures: list[Signed] = []
    envelopes: list[dsse.Envelope] = []
    statements: list[bytes] = []
    sboms: set[str] = msgspec.field(default_factory=set)
    broken: list[str] = []


def look(repository: Repository, digest: Digest) -> Found:
    """Return what is attached to the image ``digest``, at cosign's tags and among the referrers.

    Raises:
        SystemFaultError: there is more than anybody looks at, or the registry does not answer; see `Repository.ask`.
        CorruptContentError: the list of referrers is damaged.
    """
    found, budget = Found(), MOST_BYTES
    for manifest in _manifests(repository, digest, found):
        for layer in manifest.layers:
            limit = _limit(layer.media_type)
            if limit is None:
                continue
            budget -= layer.size
            if budget < 0:
                raise SystemFaultError(
                    f"more than {MOST_BYTES >> 20} MiB of proof are attached to {digest}",
                    where=f"{repository.registry}/{repository.name}",
                    why="no honest image has that much",
                )
            try:
                if limit:
                    _sort(found, layer, read_blob(repository, layer, limit=limit))
                else:
                    found.sboms.add(_format(layer.media_type))
            except (CorruptContentError, NotFoundError) as error:
                found.broken.append(error.what)
    return found


def _manifests(repository: Repository, digest: Digest, found: Found) -> Iterator[Manifest]:
    names: list[str] = [
        cosign.tag(digest, suffix) for suffix in (cosign.SIGNATURES, cosign.ATTESTATIONS, cosign.SBOM)
    ]
    listed = [item.digest for item in referrers(repository, digest)]
    if len(listed) > MOST_REFERRERS:
        raise SystemFaultError(
            f"{len(listed)} manifests refer to {digest}",
            where=f"{repository.registry}/{repository.name}",
            why=f"at most {MOST_REFERRERS} are looked at",
        )
    for name in [*names, *map(Digest.parse, listed)]:
        try:
            document = fetch(repository, name)
            manifest = documents.parse_manifest(document.data, what=f"what is attached as {name}")
        except NotFoundError as error:
            if isinstance(name, Digest):
                found.broken.append(error.what)
        except CorruptContentError as error:
            found.broken.append(error.what)
        else:
            subject = manifest.subject.digest if manifest.subject is not None else None
            if isinstance(name, Digest) and subject != digest:
                found.broken.append(f"{name} is listed, and refers to {subject or 'nothing'}")
            else:
                yield manifest


def _limit(media_type: str) -> int | None:
    """Return how much is read of a layer, 0 for one that need not be read, None for one that is none of ours."""
    if media_type in SBOM_TYPES.values() or "spdx" in media_type or "cyclonedx" in media_type:
        return 0
    if media_type == simple.MEDIA_TYPE:
        return _LONGEST_PAYLOAD
    known = media_type in {dsse.MEDIA_TYPE, MEDIA_TYPE} or media_type.startswith(bundle.FAMILY)
    return dsse.LONGEST if known else None


def _format(media_type: str) -> str:
    return "cyclonedx" if "cyclonedx" in media_type else "spdx"


def _sort(found: Found, layer: Descriptor, data: bytes) -> None:
    if layer.media_type == simple.MEDIA_TYPE:
        found.signatures.append(Signed(layer, data))
    elif layer.media_type == dsse.MEDIA_TYPE:
        found.envelopes.append(dsse.parse(data))
    elif layer.media_type == MEDIA_TYPE:
        found.statements.append(data)
    else:
        found.envelopes.append(bundle.envelope_of(data))
