"""Manifests and tags into a repository (distribution-spec, "Pushing Manifests").

Registries have no compare-and-set, so this is how a tag is kept in its place that was promised not to move. Whoever
writes it looks at it just before, in every attempt: what was free before a pause is not free any more. Afterwards it
waits, longer than it takes from that look to the end of the writing, and looks again: whoever else saw the tag free has
written by then. So of several publishers the last one finds its own digest, and all others find that they lost. How
long that takes is measured, since all of them ask the same registry. ``If-None-Match: *`` goes along (RFC 9110,
13.1.2): a registry that heeds it lets only the first one write. What is left is a publisher that is stopped, between
two of its requests, for many times as long as they take; against that only a registry helps that itself keeps tags from
moving.
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
"""Least seconds between writing an immutable tag and reading it again."""
# Another publisher may take so many times as long as we did.
_SLOWER = 4.0
_AT_THE_SAME_TIME = "another publisher wrote it at the same time"

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
    repository.pace_manifest()
    answer = repository.ask("PUT", f"manifests/{name}", {"Content-Type": media_type}, limit=limit, body=data)
    _check_written(repository, name, data, answer)
    return answer


def write_tag(repository: Repository, tag: str, data: bytes, media_type: str) -> bool:
    """Let a tag that may move name the document ``data``, which is in the repository by its digest already.

    Args:
        repository: made for pushing.
        tag: to write.
        data: the document.
        media_type: of the document.

    Returns:
        Whether it had to be written.

    Raises:
        HivebaseError: as `digest_of` and `put_manifest`.
    """
    if digest_of(repository, tag) == Digest.of(data):
        return False
    put_manifest(repository, tag, data, media_type)
    return True


def claim_tag(repository: Repository, tag: str, data: bytes, media_type: str) -> float | None:
    """Let a tag that must not move name the document ``data``, which is in the repository by its digest already.

    Args:
        repository: made for pushing.
        tag: to write.
        data: the document.
        media_type: of the document.

    Returns:
        Seconds after which `confirm_tag` tells whether it is ours, or None if it was before.

    Raises:
        PolicyError: the tag names something else; both digests are named.
        HivebaseError: as `digest_of` and `put_manifest`.
    """
    digest, transport = Digest.of(data), repository.transport
    clock, headers = transport.clock, {"Content-Type": media_type, "If-None-Match": "*"}
    window: float | None = None

    def settle() -> float:
        return min(max(SETTLE, _SLOWER * (window or 0.0)), transport.limits.longest_wait)

    def attempt() -> float | None:
        nonlocal window
        repository.pace_manifest()
        began = clock.monotonic()
        before = digest_of(repository, tag)
        if before == digest:
            # Perhaps written by the last attempt, whose answer was lost.
            return None if window is None else settle()
        if before is not None:
            raise moved(repository, tag, before, digest)
        try:
            url = repository.url(f"manifests/{tag}")
            answer = repository.send("PUT", url, headers, data, patience=transport.limits.idle)
        finally:
            window = clock.monotonic() - began
        if answer.status in {200, 201} or not _is_taken(answer):
            _check_written(repository, tag, data, answer)
            return settle()
        after = digest_of(repository, tag)
        if after is not None and after != digest:
            raise moved(repository, tag, after, digest, why=_AT_THE_SAME_TIME)
        if after is None and headers.pop("If-None-Match", None) is None:
            _check_written(repository, tag, data, answer)
        return attempt()

    return transport.persist(repository.origin, attempt)


def confirm_tag(repository: Repository, tag: str, digest: str) -> None:
    """Make sure that an immutable tag names what `claim_tag` wrote.

    Raises:
        PolicyError: another publisher was later.
        SystemFaultError: the registry lost the tag.
        HivebaseError: as `digest_of`.
    """
    after = digest_of(repository, tag)
    if after is None:
        raise SystemFaultError(
            f"{repository.registry} confirmed {repository.name}:{tag} and does not have it", hint="try again"
        )
    if after != digest:
        raise moved(repository, tag, after, digest, why=_AT_THE_SAME_TIME)


def _check_written(repository: Repository, name: str, data: bytes, answer: Answer) -> None:
    where = f"{repository.registry}/{repository.name}"
    if answer.status not in {200, 201}:
        if _is_taken(answer):
            raise PolicyError(
                f"{where}:{name} cannot be written: the registry keeps this tag as it is", why=reason(answer)
            )
        raise SystemFaultError(f"the manifest {name} was not taken", where=where, why=reason(answer))
    said, digest = answer.headers.get("docker-content-digest", ""), Digest.of(data)
    if said.startswith("sha256:") and said != digest:
        raise CorruptContentError(
            f"{repository.registry} stored {said}", where=where, why=f"{digest} was sent"
        )


def _is_taken(answer: Answer) -> bool:
    """Tell whether the registry refuses to write a tag because it names something."""
    words = answer.body.decode(errors="replace").lower()
    return answer.status == 412 or (
        answer.status in {400, 409} and any(word in words for word in _IMMUTABLE_WORDS)
    )


def moved(repository: Repository, tag: str, there: str | None, ours: str, *, why: str = "") -> PolicyError:
    """Return the error of an immutable tag that names something else."""
    return PolicyError(
        f"{repository.registry}/{repository.name}:{tag} is published already, and is another image",
        why=f"the registry has {there}, this is {ours}{why and '; '}{why}",
        hint="a released version never changes: raise the version",
    )
