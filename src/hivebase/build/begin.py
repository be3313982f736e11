"""Starts what need not wait: layers of wheels, while the steps below them still run."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.build.stage import Built
from hivebase.plan.steps import ComposeStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hivebase.build.bases import Base
    from hivebase.build.composer import Composer
    from hivebase.plan.steps import ImagePlan
    from hivebase.plan.wheels import LockedWheel


def begin(composer: Composer, plans: Sequence[ImagePlan], bases: Mapping[str, Base]) -> None:
    """Begin with the layers of all installations in ``plans``, in the background and in their order.

    Args:
        composer: makes them.
        plans: parents first.
        bases: external images by their name in ``StagePlan.needs_external``.
    """
    work = list(_installations(plans, bases))
    if work:

        def run() -> None:
            for step, base, before in work:
                composer.begin(step, base, before)

        threading.Thread(target=run, name="begin", daemon=True).start()


def _installations(
    plans: Sequence[ImagePlan], bases: Mapping[str, Base]
) -> Iterator[tuple[ComposeStep, Built, tuple[LockedWheel, ...]]]:
    """Yield each installation of an image that is built.

    With the external image at the bottom of its chain, and all that was installed on it before.
    """
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
            for step in stage.steps:
                if isinstance(step, ComposeStep) and step.resolution is not None:
                    if bottom.built is not None and plan.action == "build":
                        yield step, bottom.built, bottom.wheels
                    bottom = _Bottom(bottom.built, (*bottom.wheels, *step.resolution.wheels))
            stages[str(stage.index)] = bottom
        if plan.stages:
            bottoms[plan.name] = stages[str(plan.stages[-1].index)]


@dataclass(frozen=True, slots=True)
class _Bottom:
    """What a stage stands on: an external image if there is one, and the wheels installed since."""

    built: Built | None = None
    wheels: tuple[LockedWheel, ...] = ()


_NOTHING = _Bottom()
