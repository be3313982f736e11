"""From a reference to the manifest of one platform, every document checked by its digest.

A tag is looked at once; from then on everything goes by digest, so that a tag that moves in between cannot
mix two images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError, UsageError
from hivebase.oci.model import DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST, Descriptor
from hivebase.registry.endpoint import reason

if TYPE_CHECKING:
    from hivebase.oci.model import Platform
    from hivebase.reference import Reference
    from hivebase.registry.repository import Repository
    from hivebase.transport import Answer

ACCEPT = {"Accept": f"{INDEX}, {DOCKER_INDEX}, {MANIFEST}, {DOCKER_MANIFEST}"}
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
# What simple web servers say of any file: nothing, really.
_VAGUE = frozenset({"", "application/json", "application/octet-stream", "text/plain"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference means.

    Attributes:
        reference: as asked for.
        top: what the reference names: an index, or the manifest itself. Its digest is what a lock pins and
            what ``org.opencontainers.image.base.digest`` records.
        manifest: of the platform.
    """

    reference: Reference
    top: Descriptor
    manifest: Descriptor


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index as received: the bytes must be kept, or the digest is lost."""

    descriptor: Descriptor
    data: bytes


def resolve(
    repository: Repository, reference: Reference, platform: Platform
) -> tuple[Resolved, tuple[Document, ...]]:
    """Return what ``reference`` means in ``repository``, and its documents: indexes, then the manifest.

    Args:
        repository: where to look.
        reference: its digest, if it has one, else its tag (``latest`` if none) is looked up.
        platform: which image of an index to take.

    Raises:
        NotFoundError: the registry does not have it, or not for ``platform``.
        CorruptContentError: a document is not what its digest, size or type say.
        SystemFaultError: see `Repository.ask`.
    """
    from hivebase.oci import documents, platforms  # noqa: PLC0415 -- only where a registry is asked

    document = fetch(repository, reference.digest or reference.tag or "latest")
    path = [document]
    limits = repository.transport.limits
    while document.descriptor.media_type in documents.INDEX_TYPES:
        what = f"the index {document.descriptor.digest} of {repository.name}"
        index = documents.parse_index(document.data, what=what, announced=document.descriptor.media_type)
        if len(path) > limits.index_depth:
            raise CorruptContentError(
                f"{reference} is nested too deeply",
                why=f"there are more than {limits.index_depth} indexes in a row",
            )
        if len(index.manifests) > limits.layers:
            raise CorruptContentError(f"{what} has more than {limits.layers} entries")
        chosen = platforms.select(index, platform, what=str(reference))
        document = fetch(repository, Digest.parse(chosen.digest), announced=chosen)
        path.append(document)
    return Resolved(reference, path[0].descriptor, document.descriptor), tuple(path)


def head(repository: Repository, name: str) -> Digest | None:
    """Return the digest that a tag has now, as the registry says without sending the document, or None."""
    answer = repository.ask("HEAD", f"manifests/{name}", ACCEPT, limit=0)
    if answer.status != 200:
        return None
    try:
        return Digest.parse(answer.headers.get("docker-content-digest", ""))
    except UsageError:
        return None


def fetch(repository: Repository, name: str, *, announced: Descriptor | None = None) -> Document:
    """Return a manifest or an index.

    Args:
        repository: where it is.
        name: a tag, or a `Digest` that it must then have.
        announced: what an index says of it.

    Raises:
        NotFoundError: there is none.
        CorruptContentError: it is not what was asked for or announced.
        SystemFaultError: see `Repository.ask`; or it is of Docker's schema 1.
    """
    from hivebase.oci import documents  # noqa: PLC0415 -- only where a registry is asked

    answer = repository.ask("GET", f"manifests/{name}", ACCEPT, limit=repository.transport.limits.manifest)
    separator = "@" if isinstance(name, Digest) else ":"
    what = f"{repository.registry}/{repository.name}{separator}{name}"
    if answer.status != 200:
        raise _missing(answer, what)
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type.startswith(_SCHEMA_1):
        raise SystemFaultError(
            f"{what} is an image of Docker's schema 1",
            why="that format was given up in 2017: its content cannot be verified by digest",
            hint="have it pushed again by any current tool",
        )
    if "html" in content_type:
        raise SystemFaultError(f"{what} is a web page", why=f"{answer.url} answered {content_type}")
    digest = Digest.of(answer.body)
    _check_digest(answer, what, digest, name if isinstance(name, Digest) else None)
    kind = documents.kind(answer.body, what=what, announced="" if content_type in _VAGUE else content_type)
    if announced is not None and (kind, len(answer.body)) != (announced.media_type, announced.size):
        raise CorruptContentError(
            f"{what} is {kind} of {len(answer.body)} bytes",
            why=f"its index announces {announced.media_type} of {announced.size} bytes",
        )
    return Document(Descriptor(kind, digest, len(answer.body)), answer.body)


def _check_digest(answer: Answer, what: str, digest: Digest, expected: Digest | None) -> None:
    said = answer.headers.get("docker-content-digest", "")
    if expected is not None and digest != expected:
        raise CorruptContentError(
            f"{what} has digest {digest}, expected {expected}",
            why="the registry, or something on the way, sent other bytes than were asked for",
        )
    if said.startswith("sha256:") and said != digest:
        raise CorruptContentError(f"{what} has digest {digest}, but the registry says {said}")


def _missing(answer: Answer, what: str) -> SystemFaultError:
    if answer.status == 404:
        return NotFoundError(
            f"{what} does not exist",
            why=reason(answer),
            hint="check name and tag; skopeo list-tags shows the tags",
        )
    hint = "try later" if answer.status in {429, *range(500, 600)} else ""
    return SystemFaultError(f"{what} cannot be read", why=reason(answer), hint=hint)
