"""Whether the SBOMs of a published image are true: held against what is in its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.inspect.packages import inventory
from hivebase.inspect.sbom import differences
from hivebase.oci import documents
from hivebase.oci.model import canonical_json
from hivebase.registry.referrers import referrers
from hivebase.registry.resolve import fetch
from hivebase.registry.small import read_blob
from hivebase.release.evidence import SBOM_TYPES
from hivebase.release.statement import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.oci.store import Image, Store
    from hivebase.registry.repository import Repository
    from hivebase.release.statement import Statement

_MOST = 16
"""SBOMs that are looked at where nobody signed any."""


def untrue(
    repository: Repository, digest: Digest, store: Store, image: Image, signed: Statement | None
) -> list[str]:
    """Return how the SBOMs differ from the image, a sentence each; none where they are true, or where there are none.

    Args:
        repository: that has what is attached.
        digest: of what was verified.
        store: that has the image.
        image: the platform's image.
        signed: the SBOM that counts; without one, all that lie there do.

    Raises:
        HivebaseError: the registry or the image cannot be read.
    """
    bills = [canonical_json(signed.predicate)] if signed is not None else list(_lying(repository, digest))
    if not bills:
        return []
    found = inventory(store, image)
    return [sentence for bill in bills for sentence in differences(bill, found)]


def _lying(repository: Repository, digest: Digest) -> Iterator[bytes]:
    wanted = set(SBOM_TYPES.values())
    listed = [item for item in referrers(repository, digest) if item.artifact_type in wanted]
    for item in listed[:_MOST]:
        document = fetch(repository, Digest.parse(item.digest))
        manifest = documents.parse_manifest(document.data, what=f"the manifest {item.digest}")
        for layer in manifest.layers:
            if layer.media_type in wanted:
                yield read_blob(repository, layer, limit=LONGEST)
