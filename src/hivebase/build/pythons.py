"""The interpreter and the packages of external bases, for planning: looked up once per base, and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.build.stage import Built
from hivebase.digest import Digest
from hivebase.layers.wheels.facts import FileFacts
from hivebase.layers.wheels.installed import installed
from hivebase.layers.wheels.probe import NotComposableError, probe
from hivebase.plan.config import DEFAULT_PATH
from hivebase.plan.installs.site import Site
from hivebase.plan.pythons import Python  # noqa: TC001 -- msgspec reads it at run time

if TYPE_CHECKING:
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.oci.store import Image, Store

PYTHONS = "python"
"""Namespace of the records: one per manifest."""

_PROGRAMS = (("pip", False), ("pip3", False), ("python3", True), ("python", True))


class _Record(msgspec.Struct, frozen=True):
    python: Python | None = None
    installed: dict[str, str] = {}


def site_of(store: Store, indexes: Indexes, image: Image) -> Site:
    """Return what planning must know of ``image``; nothing of it is executed.

    Raises:
        HivebaseError: a layer cannot be read.
    """
    key = Digest.parse(image.descriptor.digest)
    try:
        record = msgspec.convert(store.record(PYTHONS, key), _Record)
    except msgspec.ValidationError:
        record = _look(store, indexes, image)
        store.put_record(PYTHONS, key, msgspec.to_builtins(record))
    return Site(record.python, record.installed)


def _look(store: Store, indexes: Indexes, image: Image) -> _Record:
    built = Built.of_image(image)
    path = image.config.config.environment().get("PATH") or DEFAULT_PATH
    with indexes.tree(built.layers) as tree:
        facts = FileFacts(store, built.layers, tree)
        for program, module in _PROGRAMS:
            try:
                environment = probe(facts, program, module=module, path=path, profile="pip")
            except NotComposableError:
                continue
            found = {item.name: item.version for item in installed(tree, environment)}
            return _Record(environment.scheme.python, found)
    return _Record()
