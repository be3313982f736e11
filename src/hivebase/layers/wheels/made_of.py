"""Which wheel files a layer was made of: remembered for those who list what an image holds.

A layer has the files of its wheels and not the wheels, so the hash by which an index knows them would be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.digest import Digest
from hivebase.plan.wheels import LockedWheel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.oci.store import Store

WHEELS = "layer-wheels"
"""Namespace of the records: one per blob. Not per DiffID: the blob has the wheels' own compressed bytes."""


def remember(store: Store, blob: str, wheels: Iterable[LockedWheel]) -> None:
    """Write down what a layer was made of, unless that is known.

    Args:
        store: has the layer.
        blob: its digest.
        wheels: of which it was made.

    Raises:
        SystemFaultError: it cannot be written.
    """
    key = Digest.parse(blob)
    if store.record(WHEELS, key) is None:
        store.put_record(WHEELS, key, {"wheels": msgspec.to_builtins(sorted(wheels))})


def made_of(store: Store, blob: str) -> tuple[LockedWheel, ...]:
    """Return the wheels of a layer, sorted by name; none where it is of something else, or nothing is known of it."""
    record = store.record(WHEELS, Digest.parse(blob))
    try:
        wheels = msgspec.convert((record or {}).get("wheels", []), tuple[LockedWheel, ...])
    except msgspec.ValidationError:
        return ()
    return wheels if all(wheel.well_formed for wheel in wheels) else ()


def forget_gone(store: Store) -> None:
    """Drop what is remembered of layers that the store does not have any more."""
    for blob, _ in list(store.records(WHEELS)):
        if not store.has(blob):
            store.drop_record(WHEELS, blob)
