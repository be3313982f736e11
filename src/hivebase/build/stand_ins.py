"""Reads from an image's tree what in it is not the official content (see docs/decisions/0002-stand-ins.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.layers.bootstrap.recipe import MARKERS
from hivebase.layers.tree import resolve
from hivebase.oci.model import chain_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.build.stage import Built
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.oci.store import Store

_RECORDS = "stand-ins"


def stand_ins(store: Store, indexes: Callable[[], Indexes], built: Built) -> tuple[str, ...]:
    """Return the names of the stand-ins in ``built``, sorted.

    Remembered by ChainID, so that an image whose layers are all known is not looked into again.
    """
    if not built.layers:
        return ()
    key = chain_ids(built.diff_ids)[-1]
    record = store.record(_RECORDS, key)
    if record is None:
        with indexes().tree(built.layers) as tree:
            directory = resolve(tree, MARKERS)
            entry = tree.lstat(directory)
            names = tree.listdir(directory) if entry is not None and entry.kind == "dir" else []
        # A comma would split the label, and a control character would reach a terminal.
        record = {"names": sorted(name for name in names if name.isprintable() and "," not in name)}
        store.put_record(_RECORDS, key, record)
    found = record.get("names")
    return tuple(str(name) for name in found) if isinstance(found, list) else ()
