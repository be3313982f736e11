"""The hive against a registry: what was never published, what drifted, which child stands on an old parent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.digest import Digest
from hivebase.errors import NotFoundError
from hivebase.oci import documents
from hivebase.oci.annotations import BASE_DIGEST, BASE_NAME
from hivebase.registry.endpoint import reaching
from hivebase.registry.manifests import digest_of
from hivebase.registry.push import WORKERS
from hivebase.registry.resolve import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.oci.store import Store
    from hivebase.reference import Reference
    from hivebase.registry.client import RegistryClient

Code = Literal["NOT_BUILT", "NEVER_PUBLISHED", "MISSING", "DRIFTED", "STALE_PARENT"]


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as the hive says.

    Attributes:
        code: ``NOT_BUILT``: the store does not have it; ``NEVER_PUBLISHED``: the registry has no version of it;
            ``MISSING``: it does not have this version; ``DRIFTED``: it has another image under this version;
            ``STALE_PARENT``: what it has stands on another parent than it has itself.
        detail: for people.
    """

    code: Code
    detail: str = ""


class ImageStatus(msgspec.Struct, frozen=True):
    """One image, here and there.

    Attributes:
        local: digest in the store, or empty.
        remote: digest in the registry, or empty.
        findings: none if all is as it should be.
    """

    name: str
    reference: Reference
    local: str
    remote: str
    findings: tuple[Finding, ...]


class _Remote(msgspec.Struct, frozen=True):
    digest: str = ""
    base_name: str = ""
    base_digest: str = ""
    others: tuple[str, ...] = ()


def status(
    client: RegistryClient, store: Store, images: Sequence[tuple[str, str, Reference]]
) -> tuple[ImageStatus, ...]:
    """Compare images of the hive with a registry; nothing is changed and no blob is read.

    Args:
        client: for the registry.
        store: where the images are.
        images: name in the hive, reference in the store, reference in the registry.

    Raises:
        HivebaseError: the registry cannot be asked.
    """
    with ThreadPoolExecutor(WORKERS, "status") as pool:
        remotes = dict(
            zip(
                (ref for _, ref, _ in images),
                pool.map(lambda image: _remote(client, image[2]), images),
                strict=True,
            )
        )
    found = []
    for name, ref, reference in images:
        here = store.resolve(ref)
        local = here.digest if here is not None else ""
        remote = remotes[ref]
        found.append(
            ImageStatus(name, reference, local, remote.digest, tuple(_findings(ref, local, remote, remotes)))
        )
    return tuple(found)


def _findings(ref: str, local: str, remote: _Remote, remotes: Mapping[str, _Remote]) -> list[Finding]:
    found = []
    if not local:
        found.append(Finding("NOT_BUILT", f"{ref} is not in the store"))
    if not remote.digest:
        others = ", ".join(remote.others)
        found.append(
            Finding("MISSING", f"the registry has {others}") if others else Finding("NEVER_PUBLISHED")
        )
    elif local and local != remote.digest:
        found.append(Finding("DRIFTED", f"the registry has {remote.digest}, the store {local}"))
    parent = remotes.get(remote.base_name)
    if parent is not None and parent.digest and remote.base_digest not in {"", parent.digest}:
        found.append(
            Finding(
                "STALE_PARENT",
                f"it stands on {remote.base_digest[7:19]}, {remote.base_name} is {parent.digest[7:19]} there",
            )
        )
    return found


def _remote(client: RegistryClient, reference: Reference) -> _Remote:
    from hivebase.registry.tags import list_tags  # noqa: PLC0415 -- only for this verb

    repository = client.repository(reference)
    with reaching(str(reference)):
        digest = digest_of(repository, reference.tag)
        if digest is None:
            try:
                tags = [tag for tag in list_tags(repository) if not tag.startswith("sha256-")]
            except NotFoundError:
                tags = []
            return _Remote(others=tuple(tags[-5:]))
        document = fetch(repository, Digest.parse(digest))
    annotations: Mapping[str, str] = {}
    if document.descriptor.media_type in documents.MANIFEST_TYPES:
        annotations = documents.parse_manifest(document.data, what=str(reference)).annotations
    return _Remote(str(digest), annotations.get(BASE_NAME, ""), annotations.get(BASE_DIGEST, ""))
