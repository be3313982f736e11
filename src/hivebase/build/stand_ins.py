"""Reads from an image's tree what in it is not the official content (see docs/decisions/0002-stand-ins.md)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hivebase.layers.bootstrap.recipe import MARKERS

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.build.stage import Built
    from hivebase.layers.snapshots import Snapshots
    from hivebase.oci.store import Store

_RECORDS = "stand-ins"


def stand_ins(store: Store, snapshots: Snapshots, built: Built) -> tuple[str, ...]:
    """Return the names of the stand-ins in ``built``, sorted.

    Answered per layer and remembered, so that an image whose layers are all known is not unpacked for it.
    """
    records = [store.record(_RECORDS, layer.diff_id) for layer in built.layers]
    if any(record is None for record in records):
        directories = snapshots.directories([layer.descriptor for layer in built.layers], built.diff_ids)
        for index, layer in enumerate(built.layers):
            if records[index] is None:
                records[index] = {"names": _markers(directories[index])}
                store.put_record(_RECORDS, layer.diff_id, records[index] or {})
    names: set[str] = set()
    for record in records:
        found = (record or {}).get("names")
        names.update(str(name) for name in (found if isinstance(found, list) else ()))
    return tuple(sorted(names))


def _markers(layer: Path) -> list[str]:
    # Every component is looked at without following links: a layer may hold any link at any of these names.
    here = layer
    for part in MARKERS.split("/"):
        here /= part
        if here.is_symlink() or not here.is_dir():
            return []
    # A comma would split the label, and a control character would reach a terminal.
    return sorted(name for name in os.listdir(here) if name.isprintable() and "," not in name)
