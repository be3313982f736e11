"""Installations as steps, and an image to do them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests import archives as make
from tests.build.plans import run_step
from tests.layers.wheels.laying import PYTHON, stacked
from tests.layers.wheels.pythons import DEBIAN

from hivebase.build.stage import Built
from hivebase.plan.installs.model import Install
from hivebase.plan.steps import ComposeStep
from hivebase.plan.wheels import Request, Resolution

if TYPE_CHECKING:
    from hivebase.oci.store import Store
    from hivebase.plan.wheels import LockedWheel


def install(**fields) -> Install:
    """Return an installation without bytecode, which needs no sandbox."""
    plain: dict[str, Any] = {"tool": "pip", "text": "pip install x", "compile": False, **fields}
    return Install(**plain)


def request(*requirements: str, **fields) -> Request:
    """Return a question."""
    return Request(requirements=requirements, constraints=(), python="3.11.2", python_platform="x", **fields)


def resolved(*wheels: LockedWheel, requested: tuple[str, ...] = ()) -> Resolution:
    """Return an answer."""
    return Resolution(tuple(sorted(wheels)), frozenset(requested))


def step(
    resolution: Resolution | None,
    *,
    asked: Request | None = None,
    files=(),
    python=PYTHON,
    name: str = "install",
    **fields,
) -> ComposeStep:
    """Return the step of an installation."""
    run = run_step(name, **fields.pop("run", {}))
    return ComposeStep(
        run.key, name, name, 3, install(**fields), python, asked, resolution, tuple(files), run
    )


def image(store: Store, *parts: bytes) -> Built:
    """Return Debian's Python with more in a layer above it."""
    tars = [make.archive(*DEBIAN)] + ([make.archive(*parts)] if parts else [])
    return Built(tuple(stacked(store, *tars)), ())
