"""Starts what need not wait: layers of wheels, while the steps below them still run."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.build.stage import Built
from hivebase.plan.steps import ComposeStep, RunStep

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from hivebase.build.bases import Base
    from hivebase.build.composer import Composer
    from hivebase.plan.steps import ImagePlan
    from hivebase.plan.wheels import LockedWheel


def begin(
    composer: Composer,
    plans: Sequence[ImagePlan],
    bases: Mapping[str, Base],
    names: Collection[str] | None = None,
) -> None:
    """Begin with the layers of all installations in ``plans``, in the background and in their order.

    Args:
        composer: makes them.
        plans: parents first.
        bases: external images by their name in ``StagePlan.needs_external``.
        names: of the images to begin with; None for all.
    """
    # Compiling is most of the work and comes in this order: what a command waits for is first.
    wanted = {plan.name for plan in plans if plan.action == "build"} if names is None else names
    work = sorted(_installations(plans, bases, wanted), key=lambda item: not item.awaited)
    if work:

        def run() -> None:
            for item in work:
                composer.begin(item.step, item.base, item.before)

        threading.Thread(target=run, name="begin", daemon=True).start()


def _installations(
    plans: Sequence[ImagePlan], bases: Mapping[str, Base], wanted: Collection[str]
) -> Iterator[_Installation]:
    """Yield each installation of the images ``wanted``."""
    bottoms: dict[str, _Bottom] = {}
    for plan in plans:
        stages: dict[str, _Bottom] = {}
        for stage in plan.stages:
            source = stage.base
            if source.kind == "external":
                base = bases.get(source.ref)
                bottom = _Bottom(Built.of_image(base.image)) if base is not None else _NOTHING
            elif source.kind == "image":
                bottom = bottoms.get(source.ref, _NOTHING)
            else:
                bottom = stages.get(source.ref, _NOTHING)
            for at, step in enumerate(stage.steps):
                if isinstance(step, ComposeStep) and step.resolution is not None:
                    if bottom.built is not None and plan.name in wanted:
                        awaited = any(isinstance(later, RunStep) for later in stage.steps[at + 1 :])
                        yield _Installation(step, bottom.built, bottom.wheels, awaited)
                    bottom = _Bottom(bottom.built, (*bottom.wheels, *step.resolution.wheels))
            stages[str(stage.index)] = bottom
        if plan.stages:
            bottoms[plan.name] = stages[str(plan.stages[-1].index)]


@dataclass(frozen=True, slots=True)
class _Installation:
    """One installation.

    Attributes:
        step: it.
        base: the external image at the bottom of its chain.
        before: all that was installed on it before.
        awaited: a command of its stage has to wait for it.
    """

    step: ComposeStep
    base: Built
    before: tuple[LockedWheel, ...]
    awaited: bool


@dataclass(frozen=True, slots=True)
class _Bottom:
    """What a stage stands on: an external image if there is one, and the wheels installed since."""

    built: Built | None = None
    wheels: tuple[LockedWheel, ...] = ()


_NOTHING = _Bottom()


def standing_on(image: str, plans: Sequence[ImagePlan]) -> set[str]:
    """Return ``image`` and the images that are made of it; ``plans`` are parents first."""
    found = {image}
    for plan in plans:
        if any(not found.isdisjoint(stage.needs_images) for stage in plan.stages):
            found.add(plan.name)
    return found
