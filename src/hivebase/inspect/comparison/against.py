"""Builds what our engine built once more with another one, and compares."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from hivebase.inspect.comparison.allowed import of_plan
from hivebase.inspect.comparison.images import Comparison, compare_images
from hivebase.plan.steps import WorkdirStep, mounts_of
from hivebase.progress import Event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from hivebase.build.engines import ForeignName
    from hivebase.build.session import Session
    from hivebase.inspect.comparison.allowed import Allowed
    from hivebase.oci.store import Image
    from hivebase.plan.steps import ImagePlan, ImageSource


class Verdict(msgspec.Struct, frozen=True):
    """How one image compares.

    Attributes:
        name: of the image.
        engine: name and version of the other engine.
        theirs: digest of the manifest that its image has in our store.
        comparison: what was found.
    """

    name: str
    engine: str
    theirs: str
    comparison: Comparison


def compare_with(
    session: Session,
    engine: ForeignName,
    plans: Sequence[ImagePlan],
    ours: Mapping[str, str],
    names: Collection[str],
) -> Iterator[Verdict]:
    """Build ``plans`` with ``engine``, each image on the parents that it built itself, and yield a verdict for each.

    Args:
        session: has prepared and built the plans.
        engine: the other one.
        plans: parents first.
        ours: digest of the manifest of each image that our engine built.
        names: the images to compare; the others are only built.

    Raises:
        DockerfileError: the engine does not know something in a Dockerfile.
        BuildError: it could not build an image.
        SystemFaultError: it does not answer.
    """
    store, further = session.store, _of_plans(plans)
    made: dict[str, Image] = {}

    def find(source: ImageSource) -> Image:
        return made[source.ref] if source.kind == "image" else session.base(source.ref)

    with store.lease(), closing(session.foreign(engine)) as foreign:
        foreign.check(plans)
        foreign.begin(plans, find)
        for plan in plans:
            session.listener(Event(plan.name, "started", step=f"build with {foreign.title}"))
            made[plan.name] = foreign.build(plan, find)
            session.listener(Event(plan.name, "done", f"built with {foreign.title}"))
            if plan.name in names:
                mine = store.image(ours[plan.name])
                comparison = compare_images(store, mine, made[plan.name], further)
                yield Verdict(plan.name, foreign.title, made[plan.name].descriptor.digest, comparison)


def _of_plans(plans: Sequence[ImagePlan]) -> tuple[Allowed, ...]:
    """Return what may differ because of mounts and working directories; children have those of their parents."""
    mounts, workdirs = set[str](), set[str]()
    for plan in plans:
        for stage in plan.stages:
            for step in stage.steps:
                if isinstance(step, WorkdirStep):
                    workdirs.add(step.path)
                mounts.update(mount.target for mount in mounts_of(step) if mount.target)
    return of_plan(mounts, workdirs)
