"""What this machine can do, for ``hivebase doctor``. Nothing here raises: a finding says what is wrong."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hivebase.errors import HivebaseError
from hivebase.layers.sandbox import host, runtime
from hivebase.oci.layout import default_root
from hivebase.oci.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOW_SPACE = 10 << 30
"""Bytes; the five base images of the first hive need about half of it, cached steps and unpacked layers included."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        needed: whether builds need it; else only some do.
    """

    name: str
    state: Literal["ok", "warning", "missing"]
    detail: str
    hint: str = ""
    needed: bool = True


def examine() -> list[Finding]:
    """Look at everything that a build may need."""
    return [
        *(Finding(check.name, check.state, check.detail, check.hint) for check in runtime.checks()),
        *_store(),
        *_stand_ins(),
        *_host_settings(),
    ]


def _store() -> Iterator[Finding]:
    try:
        store = Store.open()
    except HivebaseError as error:
        yield Finding("store", "missing", str(error), error.hint)
        return
    free = shutil.disk_usage(store.root).free
    state: Literal["ok", "warning"] = "ok" if free >= _LOW_SPACE else "warning"
    hint = "" if state == "ok" else "hivebase prune, or HIVEBASE_STORE on a larger disk"
    yield Finding("store", state, f"{default_root()}, {free / 1e9:.0f} GB free", hint)


def _stand_ins() -> Iterator[Finding]:
    tool = shutil.which("mmdebstrap")
    if tool:
        yield Finding("stand-ins", "ok", f"mmdebstrap ({tool})", needed=False)
    else:
        hint = "apt-get install mmdebstrap, where registries cannot be reached"
        yield Finding("stand-ins", "warning", "mmdebstrap is not installed", hint, needed=False)


def _host_settings() -> Iterator[Finding]:
    try:
        found = host.collect(os.environ)
    except HivebaseError as error:
        yield Finding("host settings", "warning", str(error), error.hint, needed=False)
        return
    # Names only: the values may hold credentials.
    names = sorted({name for name, _ in found.env})
    detail = f"steps see {', '.join(names)}" if names else "steps see no settings of this machine"
    yield Finding("host settings", "ok", detail, needed=False)
