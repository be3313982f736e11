"""Small plans, and an engine that writes down what it was asked to do instead of running it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.oci.images import layer_tar, put_layer

from hivebase.build.execute import Execution
from hivebase.digest import Digest
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.layer import Layer
from hivebase.layers.snapshots import Snapshots
from hivebase.oci.model import ImageConfig
from hivebase.plan.steps import ComposeStep, ImagePlan, ImageSource, Reason, RunStep, StagePlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.build.execute import ImageResult
    from hivebase.oci.store import Store

CONFIG = ImageConfig(architecture="amd64", os="linux")


@dataclass
class FakeEngine:
    """Makes a layer with one file per step: the step's text, and a number that says which time it was.

    Attributes:
        times: how often each step was done.
        fickle: steps that leave another file each time.
        spoil: called before each step with its text.
    """

    store: Store
    times: Counter[str] = field(default_factory=Counter)
    fickle: frozenset[str] = frozenset()
    spoil: Callable[[str], object] = lambda _: None

    def run(self, step, on, sources, listener):
        """Pretend to run a step."""
        self.times[step.text] += 1
        self.spoil(step.text)
        time = self.times[step.text] if step.text in self.fickle else 1
        layer = put_layer(self.store, layer_tar({step.text: b"%d" % time}))
        return Layer(*layer)

    copy = run

    def compose(self, step, on, sources, listener):
        """Leave it to run()."""

    def workdir(self, step, on):
        """Pretend that every directory is there."""


def run_step(text: str, **fields: object) -> RunStep:
    """Return a RUN whose key depends on its text alone."""
    plain: dict[str, Any] = {"argv": (text,), "env": (), "user": "", "workdir": "/", **fields}
    return RunStep(Digest.of(text.encode()), text, text, 1, **plain)


def image_plan(
    name: str,
    *steps: RunStep | ComposeStep,
    parent: str = "",
    action: Literal["build", "cached"] = "build",
    **fields: object,
) -> ImagePlan:
    """Return the plan of an image of one stage, on another image of the hive or on nothing."""
    key = Digest.of(f"{name} {parent} {steps}".encode())
    stage = StagePlan(
        0,
        "0",
        ImageSource("image", parent) if parent else ImageSource("scratch"),
        key,
        steps,
        CONFIG,
        key,
        key,
        needs_images=frozenset({parent} if parent else ()),
    )
    plain: dict[str, Any] = {"reasons": (Reason("FIRST_BUILD"),), "stages": (stage,), "key": key, **fields}
    return ImagePlan(name, action, **plain)


def key_of(plan: ImagePlan) -> Digest:
    """Return the key of a plan that is complete."""
    assert plan.key is not None
    return plan.key


def reference(name: str) -> str:
    """Return what an image is called in the store."""
    return f"team/{name}:1"


@dataclass
class _Hands:
    indexes: Indexes
    engine: FakeEngine

    def doer(self, image: str, /) -> FakeEngine:
        return self.engine

    def finished(self, stage: StagePlan, /) -> None:
        """Learn nothing from it."""


def execute(store: Store, engine: FakeEngine, *plans: ImagePlan, **fields: Any) -> dict[str, ImageResult]:
    """Build ``plans``; return the results by name."""
    cancel = fields.pop("cancel", None) or threading.Event()
    workers = fields.pop("workers", 2)
    plain: dict[str, Any] = {"ready": {}, "bases": {}, "epoch": 0, "forced": frozenset(), **fields}
    refs = {plan.name: reference(plan.name) for plan in plans}
    with Snapshots(store) as snapshots, store.lease():
        execution = Execution(store, _Hands(Indexes(store, snapshots), engine), refs, **plain)
        return {result.name: result for result in execution.run(plans, workers, cancel)}
