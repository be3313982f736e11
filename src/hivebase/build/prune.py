"""Frees space: blobs, unpacked layers and cached steps that nothing needs, and leftovers of killed builds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.build.images import IMAGES
from hivebase.build.pythons import PYTHONS
from hivebase.build.scratch import sweep
from hivebase.build.stage import STEPS, cached_layers
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.snapshots import InUseError, Snapshots
from hivebase.layers.wheels.facts import FACTS
from hivebase.layers.wheels.kept import KeptLayers
from hivebase.layers.wheels.kept_bytecode import KeptBytecode
from hivebase.layers.wheels.made_of import forget_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.oci.store import Store

_DERIVED = (IMAGES, "stand-ins", FACTS, PYTHONS)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go.

    Attributes:
        items: descriptions with their size in bytes.
        kept: what could go and stays for now, with the reason.
    """

    items: tuple[tuple[str, int], ...]
    kept: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(size for _, size in self.items)


def prune(store: Store, *, everything: bool, dry_run: bool) -> Pruned:
    """Remove what nothing uses. Other processes may build meanwhile: what they use stays, and is told.

    Args:
        store: where.
        everything: also the results of build steps, so that the next build does every step again.
        dry_run: only tell.

    Raises:
        SystemFaultError: something cannot be read or removed.
    """
    items: list[tuple[str, int]] = []
    if not dry_run:
        swept = sweep(store)
        if swept:
            items.append((f"{swept} leftovers of killed builds", 0))
    if everything:
        count = sum(1 for namespace in (STEPS, *_DERIVED) for _ in store.records(namespace))
        if not dry_run:
            for namespace in (STEPS, *_DERIVED):
                for key, _ in list(store.records(namespace)):
                    store.drop_record(namespace, key)
        items.append((f"{count} records of build steps", 0))
        items.append((f"{KeptLayers(store).clear(dry_run=dry_run)} remembered layers of wheels", 0))
        items.append((f"{KeptBytecode(store).clear(dry_run=dry_run)} wheels' bytecode", 0))
    keep = [] if everything else list(_cached_blobs(store))
    # Unpacked trees first: they are only worth something while their blob is there.
    snapshots = Snapshots(store)
    used = snapshots.usage()
    kept: list[str] = []
    try:
        if not dry_run:
            snapshots.remove(*(item.name for item in used))
        items.append((f"{len(used)} unpacked layers", sum(item.size for item in used)))
    except InUseError as error:
        kept.append(f"{len(used)} unpacked layers: {error.why}")
    count, size = Indexes(store).clear(dry_run=dry_run)
    items.append((f"{count} indexes of layers", size))
    collected = store.collect(keep=keep, dry_run=dry_run)
    if not dry_run:
        forget_gone(store)
    items.append((f"{len(collected.digests)} unused blobs", collected.size))
    return Pruned(tuple((what, size) for what, size in items if not what.startswith("0 ")), tuple(kept))


def _cached_blobs(store: Store) -> Iterator[str]:
    for _, record in store.records(STEPS):
        for item in cached_layers(record) or ():
            yield item.layer.descriptor.digest
    yield from KeptLayers(store).blobs()
