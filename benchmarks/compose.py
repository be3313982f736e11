"""Composing wheels that are on the disk already, without bytecode: what ``benchmarks.limit`` compares."""

from __future__ import annotations

import hashlib
from time import monotonic
from typing import TYPE_CHECKING

from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.groups import arrange
from hivebase.layers.wheels.jobs import Requested
from hivebase.layers.wheels.maker import LayerMaker
from hivebase.layers.wheels.names import parse
from hivebase.layers.wheels.receipt import write_receipt
from hivebase.layers.wheels.scheme import Scheme
from hivebase.oci.store import Store
from hivebase.plan.pythons import Python
from hivebase.plan.wheels import LockedWheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_EPOCH = 1_704_067_200
_SITE = "/usr/local/lib/python3.11/site-packages"
_TEMPLATE = "import sys\nfrom %(module)s import %(import_name)s\nsys.exit(%(func)s())\n"
_SCHEME = Scheme(
    "pip",
    Python("3.11.2", "glibc", (2, 36), "x86_64", ""),
    "/usr/local/bin/python3.11",
    _SITE,
    _SITE,
    "/usr/local/bin",
    "/usr/local",
    "/usr/local/include/python3.11",
    _TEMPLATE,
)


class _Here:
    """The wheels by hash."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths

    def get(self, wheel: LockedWheel, /) -> Path:
        """Return the file."""
        return self._paths[wheel.sha256]

    def prefetch(self, wheels: Sequence[LockedWheel], /) -> None:
        """Nothing is missing."""


def compose_stack(wheels: Sequence[Path], work: Path) -> dict[str, float]:
    """Return the seconds that composing ``wheels`` takes, into an empty store and into one that has all layers."""
    paths = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in wheels}
    locked = []
    for sha256, path in paths.items():
        name = parse(path.name)
        locked.append(LockedWheel(name.name, name.version, path.name, sha256, path.stat().st_size))
    store, files = Store.open(work / "store"), _Here(paths)
    return {
        "from wheels, seconds": _compose(store, files, locked),
        "from cached layers, seconds": min(_compose(store, files, locked) for _ in range(3)),
    }


def _compose(store: Store, files: _Here, wheels: Sequence[LockedWheel]) -> float:
    since = monotonic()
    indexes = Indexes(store)
    with store.lease(), LayerMaker(store, indexes, files) as maker:
        coming = maker.make(arrange(wheels), _SCHEME, (), _EPOCH, None, {})
        facts = [item for future in coming for item in future.result().wheels]
        receipts = [(item, Requested(itself=True)) for item in facts]
        write_receipt(receipts, _SCHEME, (), _EPOCH, store, indexes)
        return monotonic() - since
