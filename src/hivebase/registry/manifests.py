"""Manifests and tags into a repository (distribution-spec, "Pushing Manifests").

A tag that was promised not to move is looked at before it is written and again a moment after: registries have no
compare-and-set. Whoever saw it free writes within that moment, so of several publishers the last writer finds its own
digest and all others find that they lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, PolicyError, SystemFaultError, UsageError
from hivebase.registry.endpoint import reason
from hivebase.registry.resolve import ACCEPT, fetch

if TYPE_CHECKING:
    from hivebase.registry.repository import Repository
    from hivebase.transport import Answer

SETTLE = 0.5
"""Seconds between writing an immutable tag and reading it again: longer than another publisher takes from
finding it free to writing it, which is one request."""

# What registries say of a tag that may not be written again.
_IMMUTABLE_WORDS = ("immutable", "alreadyexists", "already exists")


def digest_of(repository: Repository, name: str) -> Digest | None:
    """Return the digest of what a tag names (or a digest, if it is there), or None if there is nothing.

    Raises:
        SystemFaultError: the registry does not say; see also `Repository.ask`.
    """
    answer = repository.ask("HEAD", f"manifests/{name}", ACCEPT, limit=0)
    if answer.status == 404:
        return None
    if answer.status != 200:
        # Not "nothing": a tag must not be written because its registry was in trouble.
        raise SystemFaultError(
            f"{repository.registry} does not say what {repository.name}:{name} is", why=reason(answer)
        )
    try:
        return Digest.parse(answer.headers.get("docker-content-digest", ""))
    except UsageError:
        return Digest.parse(fetch(repository, name).descriptor.digest)


def put_manifest(repository: Repository, name: str, data: bytes, media_type: str) -> Answer:
    """Write a manifest or an index.

    Args:
        repository: made for pushing; has all that the document names.
        name: a tag, or the digest of ``data``.
        data: the document.
        media_type: of the document.

    Returns:
        The registry's answer; its headers tell what it does with a ``subject`` (``oci-subject``).

    Raises:
        PolicyError: the registry itself keeps the tag from moving.
        CorruptContentError: it says that it stored something else.
        SystemFaultError: it does not take the document; see also `Repository.ask`.
    """
    limit = repository.transport.limits.error_body
    headers = {"Content-Type": media_type}
    repository.pace_manifest()
    answer = repository.ask("PUT", f"manifests/{name}", headers, limit=limit, body=data)
    where = f"{repository.registry}/{repository.name}"
    if answer.status not in {200, 201}:
        words = answer.body.decode(errors="replace").lower()
        if answer.status in {400, 409, 412} and any(word in words for word in _IMMUTABLE_WORDS):
            raise PolicyError(
                f"{where}:{name} cannot be written: the registry keeps this tag as it is", why=reason(answer)
            )
        raise SystemFaultError(f"the manifest {name} was not taken", where=where, why=reason(answer))
    said, digest = answer.headers.get("docker-content-digest", ""), Digest.of(data)
    if said.startswith("sha256:") and said != digest:
        raise CorruptContentError(
            f"{repository.registry} stored {said}", where=where, why=f"{digest} was sent"
        )
    return answer


def write_tag(repository: Repository, tag: str, data: bytes, media_type: str, *, immutable: bool) -> bool:
    """Let ``tag`` name the document ``data``, which is in the repository by its digest already.

    Args:
        repository: made for pushing.
        tag: to write.
        data: the document.
        media_type: of the document.
        immutable: whether the tag must not move; then `confirm_tag` belongs to it, `SETTLE` seconds later.

    Returns:
        Whether it had to be written.

    Raises:
        PolicyError: the tag is immutable and names something else; both digests are named.
        HivebaseError: as `put_manifest`.
    """
    digest = Digest.of(data)
    before = digest_of(repository, tag)
    if before == digest:
        return False
    if immutable and before is not None:
        raise moved(repository, tag, before, digest)
    put_manifest(repository, tag, data, media_type)
    return True


def confirm_tag(repository: Repository, tag: str, digest: str) -> None:
    """Make sure that an immutable tag, written a moment ago, names what was written.

    Raises:
        PolicyError: another publisher was later.
        HivebaseError: as `digest_of`.
    """
    after = digest_of(repository, tag)
    if after != digest:
        raise moved(repository, tag, after, digest, why="another publisher wrote it at the same time")


def moved(repository: Repository, tag: str, there: str | None, ours: str, *, why: str = "") -> PolicyError:
    """Return the error of an immutable tag that names something else."""
    return PolicyError(
        f"{repository.registry}/{repository.name}:{tag} is published already, and is another image",
        why=f"the registry has {there}, this is {ours}{why and '; '}{why}",
        hint="a released version never changes: raise the version",
    )
