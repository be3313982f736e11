"""Removing blobs that nothing reaches: mark from the names, sweep the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase import fs
from hivebase.errors import NotFoundError
from hivebase.oci import documents, strict_json
from hivebase.oci.leases import remove_dead

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.oci.blobs import Blobs
    from hivebase.oci.store import Store


class Collected(msgspec.Struct, frozen=True):
    """What a collection removed, or would remove.

    Attributes:
        digests: of the blobs, sorted.
        size: of all of them in bytes, quarantined files included.
        quarantined: how many damaged files were removed from the quarantine.
    """

    digests: tuple[str, ...]
    size: int
    quarantined: int


def collect(store: Store, *, keep: Iterable[str], dry_run: bool) -> Collected:
    """Remove the blobs that no name, no lease and nothing in ``keep`` reaches. See ``Store.collect``.

    Raises:
        SystemFaultError: something cannot be read or removed.
        CorruptContentError: a document that says what to keep is damaged; nothing is removed.
    """
    # Consumed before the lock is taken: the caller may well read the store to answer.
    wanted = set(keep)
    with store.lock("collect"):
        roots = {entry.digest for entry in store.names.entries()} | wanted | store.leases.pinned()
        live = reachable(store.blobs, roots)
        dead = sorted(set(store.blobs.digests()) - live)
        size = sum(store.blobs.size(digest) or 0 for digest in dead)
        quarantine = list((store.state / "quarantine").iterdir())
        size += sum(path.lstat().st_size for path in quarantine)
        if not dry_run:
            for digest in dead:
                store.blobs.forget(digest)
            for path in quarantine:
                fs.remove_tree(path)
            try:
                remove_dead(store.state / "ingest")
                store.facts.clean()
            except OSError as error:
                raise fs.system_fault(error, "cannot clean the store", where=store.state) from error
        return Collected(tuple(dead), size, len(quarantine))


def reachable(blobs: Blobs, roots: Iterable[str]) -> set[str]:
    """Return ``roots`` and all that the manifests and indexes among them name, and so on.

    Raises:
        CorruptContentError: one of the documents is damaged.
        SystemFaultError: one of them cannot be read.
    """
    found: set[str] = set()
    pending = list(roots)
    while pending:
        digest = pending.pop()
        if digest not in found:
            found.add(digest)
            pending.extend(_children(blobs, digest))
    return found


def _children(blobs: Blobs, digest: str) -> list[str]:
    """Return what the blob names, whatever its descriptor calls it: a layer named by a lease has none."""
    size = blobs.size(digest)
    if size is None or size > strict_json.MAX_BYTES:
        return []
    try:
        with blobs.open(digest) as stream:
            if stream.read(1) != b"{":
                return []
        data = blobs.read(digest, limit=strict_json.MAX_BYTES)
    except NotFoundError:
        return []
    return documents.named_by(data)
