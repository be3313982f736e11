"""An image from one registry to another, by digest: promoted, not built again.

What is copied is what the source's tag names, an index with all its platforms included. Within one registry nothing is
downloaded: the blobs are mounted. The rules of publishing hold for the target as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import PolicyError, UsageError
from hivebase.oci import documents
from hivebase.oci.annotations import stand_ins_of
from hivebase.registry.content import RemoteContent, Tree, tree_of
from hivebase.registry.endpoint import reaching
from hivebase.registry.manifests import digest_of, moved
from hivebase.registry.push import Item, Push, Sent, Tag
from hivebase.registry.resolve import fetch
from hivebase.release.copy_proofs import copy_proofs
from hivebase.release.tags import release_tag

if TYPE_CHECKING:
    from hivebase.oci.store import Store
    from hivebase.progress import Listener
    from hivebase.reference import Reference
    from hivebase.registry.client import RegistryClient


class Copied(msgspec.Struct, frozen=True):
    """What became of a copy.

    Attributes:
        reference: the target, with its tag.
        digest: of what was copied.
        sent: what was sent for it.
        proofs: signatures, attestations and SBOMs that went along.
    """

    reference: Reference
    digest: str
    sent: Sent
    proofs: int


def copy(  # noqa: PLR0913 -- each under its name
    client: RegistryClient,
    store: Store,
    source: Reference,
    target: Reference,
    listener: Listener,
    *,
    allow_stand_ins: bool = False,
    dry_run: bool = False,
) -> Copied:
    """Copy what ``source`` names to ``target``, with what is attached to it.

    Args:
        client: for both registries.
        store: what has to be downloaded passes through it.
        source: tag or digest.
        target: its tag, or the source's where it has none.
        listener: told of the progress.
        allow_stand_ins: whether the image may hold stand-ins.
        dry_run: only hold the rules against it.

    Raises:
        PolicyError: the target's tag is none that is published, or names another image, or the image holds stand-ins.
        NotFoundError: the source has no such image.
        HivebaseError: a registry cannot be asked, or does not take something.
    """
    if target.digest is not None or not (target.tag or source.tag):
        raise UsageError(
            "a copy needs a tag at its target",
            where=str(target),
            hint=f"{target.familiar.partition('@')[0]}:X.Y.Z",
        )
    target = msgspec.structs.replace(target, tag=release_tag(target.tag or source.tag))
    here, there = client.repository(source), client.repository(target, push=True)
    with reaching(str(source)):
        top = fetch(here, source.digest or source.tag or "latest").descriptor
        content = RemoteContent(here, store, listener)
        tree = tree_of(content, top)
        if not allow_stand_ins:
            _refuse_stand_ins(content, tree, source)
    with reaching(str(target)):
        before = digest_of(there, target.tag)
        if before not in {None, top.digest}:
            raise moved(there, target.tag, before, top.digest)
        sibling = here.name if here.registry == there.registry else ""
        item = Item(str(target), tree, there, content, sibling)
        push = Push([item], listener)
        if dry_run:
            push.survey()
            return Copied(target, top.digest, push.sent, 0)
        push.send()
        proofs = copy_proofs(here, there, [descriptor for descriptor, _ in tree.documents], store, listener)
        push.tag([Tag(item, target.tag, immutable=True)])
    return Copied(target, top.digest, push.sent, proofs)


def _refuse_stand_ins(content: RemoteContent, tree: Tree, source: Reference) -> None:
    names: set[str] = set()
    for descriptor, data in tree.documents:
        if descriptor.media_type in documents.MANIFEST_TYPES:
            manifest = documents.parse_manifest(data, what=f"the manifest {descriptor.digest}")
            with content.open(manifest.config) as stream:
                config = documents.parse_config(stream.read(), what=f"the config of {source}")
            names |= set(stand_ins_of(config.config.labels))
    if names:
        raise PolicyError(
            f"{source} holds stand-ins for official content and is not promoted",
            why=f"its label says so: {', '.join(sorted(names))}",
            hint="--allow-stand-ins copies it all the same",
        )
