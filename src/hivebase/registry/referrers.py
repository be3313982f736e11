"""What refers to an image: signatures, SBOMs, provenance (distribution-spec 1.1, "Listing Referrers").

Registries that know of referrers list them. For the others, clients keep the list themselves, in an index at the tag
``sha256-<hex>`` ("Unavailable Referrers API").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.oci.model import INDEX, Descriptor, Index, canonical_json
from hivebase.registry.endpoint import reason
from hivebase.registry.manifests import put_manifest
from hivebase.registry.merge import Merge, merge
from hivebase.registry.pages import pages
from hivebase.registry.resolve import fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.registry.repository import Repository
    from hivebase.registry.resolve import Document
    from hivebase.transport import Answer

    T = TypeVar("T")

MOST = 10_000
"""Referrers of one image."""

# Of registries without the API: what the specification says, and what older ones make of an address that they do not
# know.
_NO_API = frozenset({400, 404, 405, 406, 501})


def referrers(repository: Repository, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
    """Return the manifests that say they are about ``digest``; anybody who may push can add some.

    Args:
        repository: where to look.
        digest: of an image's manifest or index; it need not be there.
        artifact_type: return only those listed as this. Lists that other tools keep at the fallback tag may name
            another type than the manifest has.

    Raises:
        CorruptContentError: the list is none, or damaged.
        RefusedTargetError: it goes on at another host.
        SystemFaultError: it does not end, or has more than `MOST` entries; see also `Repository.ask`.
    """
    found = _listed(repository, digest)
    return tuple(item for item in found if artifact_type in {"", item.artifact_type})


def attach(repository: Repository, subject: Descriptor, *manifests: bytes) -> tuple[Descriptor, ...]:
    """Push manifests that refer to an image, and make sure that they are listed.

    Args:
        repository: made for pushing; has all that the manifests name.
        subject: what they refer to.
        manifests: documents whose ``subject`` it is.

    Returns:
        Their descriptors, as listed.

    Raises:
        CorruptContentError: one refers to something else, or the list is damaged.
        HivebaseError: as `put_manifest` and `merge`.
    """
    entries, rest = push_referrers(repository, subject, *manifests)
    if rest is not None:
        merge([rest])
    return entries


def push_referrers(
    repository: Repository,
    subject: Descriptor,
    *manifests: bytes,
    bring: Callable[[bytes], object] = lambda _: None,
) -> tuple[tuple[Descriptor, ...], Merge | None]:
    """Push manifests as `attach` does; return what is left to do for the list where clients keep it.

    ``bring`` is called with each manifest that is not listed, before it is pushed, to push what it names.
    """
    digest = Digest.parse(subject.digest)
    entries = tuple(entry(data, digest) for data in manifests)
    there = {item.digest for item in _listed(repository, digest)}
    unlisted: list[Descriptor] = []
    for item, data in zip(entries, manifests, strict=True):
        if item.digest not in there:
            bring(data)
            answer = put_manifest(repository, item.digest, data, item.media_type)
            if "oci-subject" not in answer.headers:
                unlisted.append(item)
    rest = Merge(repository, fallback_tag(digest), lambda before: _with(before, unlisted))
    return entries, rest if unlisted else None


def fallback_tag(digest: Digest) -> str:
    """Return the tag at which clients keep the list of what refers to ``digest``."""
    return f"sha256-{digest.hex}"


def entry(data: bytes, subject: Digest) -> Descriptor:
    """Return the descriptor under which a manifest is listed: with its type and its annotations.

    Raises:
        CorruptContentError: it is no manifest, or does not refer to ``subject``.
    """
    from hivebase.oci import documents  # noqa: PLC0415 -- only where a registry is asked

    digest = Digest.of(data)
    what = f"the manifest {digest}"
    manifest = documents.parse_manifest(data, what=what)
    if manifest.subject is None or manifest.subject.digest != subject:
        names = manifest.subject.digest if manifest.subject is not None else "nothing"
        raise CorruptContentError(f"{what} does not refer to {subject}", why=f"it refers to {names}")
    return Descriptor(
        documents.kind(data, what=what),
        digest,
        len(data),
        manifest.annotations,
        artifact_type=manifest.artifact_type or manifest.config.media_type,
    )


def _listed(repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
    what = f"the list of what refers to {digest}"
    found: dict[str, Descriptor] = {}
    for answer in pages(repository, f"referrers/{digest}", "", {"Accept": INDEX}, what):
        if _is_none(answer):
            return _at_fallback(repository, digest)
        found |= {item.digest: item for item in _parsed(answer.body, what).manifests}
        _refuse_long(found, what)
    return tuple(found.values())


def _is_none(answer: Answer) -> bool:
    """Tell whether the registry has no list; what does not call itself one is a page for people."""
    if answer.status == 200:
        return answer.headers.get("content-type", "").partition(";")[0].strip().lower() != INDEX
    if answer.status in _NO_API:
        return True
    hint = "try later" if answer.status in {429, *range(500, 600)} else ""
    raise SystemFaultError("what refers to an image cannot be read", why=reason(answer), hint=hint)


def _at_fallback(repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
    try:
        document = fetch(repository, fallback_tag(digest))
    except NotFoundError:
        return ()
    return _of_document(document).manifests


def _of_document(document: Document) -> Index:
    if document.descriptor.media_type != INDEX:
        raise CorruptContentError(
            "there is something else at the tag for the list of what refers to an image",
            where=document.descriptor.digest,
            why=f"it is {document.descriptor.media_type}",
        )
    what = f"the list of what refers to an image, {document.descriptor.digest},"
    found = _parsed(document.data, what)
    _refuse_long(found.manifests, what)
    return found


def _parsed(data: bytes, what: str) -> Index:
    from hivebase.oci import documents  # noqa: PLC0415 -- only where a registry is asked

    return documents.parse_index(data, what=what, announced=INDEX)


def _refuse_long(found: dict[str, T] | tuple[T, ...], what: str) -> None:
    if len(found) > MOST:
        raise SystemFaultError(f"{what} has more than {MOST} entries", why="no image has that many")


def _with(before: Document | None, added: list[Descriptor]) -> tuple[bytes, str] | None:
    """Return the list with some entries more, or None if it has them all."""
    from hivebase.oci import strict_json  # noqa: PLC0415 -- only where a registry is asked

    # As it stands, with whatever other tools keep in it.
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    if before is not None:
        _of_document(before)
        document = strict_json.loads(before.data, what="the list of what refers to an image")
    there = {item["digest"] for item in document["manifests"]}
    new = [msgspec.to_builtins(item, enc_hook=str) for item in added if item.digest not in there]
    if not new:
        return None
    return canonical_json(document | {"manifests": [*document["manifests"], *new]}), INDEX
