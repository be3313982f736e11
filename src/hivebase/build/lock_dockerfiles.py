"""Installations in Dockerfiles that name packages themselves, as inputs of ``hivebase lock``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.build.lock_inputs import ImageInput, Line, Sources
from hivebase.plan.resolve_pins import parse_pin
from hivebase.plan.steps import ComposeStep
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hivebase.plan.hive import Hive
    from hivebase.plan.steps import ImagePlan
    from hivebase.plan.wheels import Request


def dockerfile_inputs(hive: Hive, plans: Iterable[ImagePlan]) -> tuple[ImageInput, ...]:
    """Return an input for each installation that leaves versions open, sorted by place.

    What a locked file pins with hashes is no input: it is an output of others.
    """
    found: dict[str, ImageInput] = {}
    for plan in plans:
        dockerfile = hive.image(plan.name).dockerfile
        for stage in plan.stages:
            for step in stage.steps:
                if isinstance(step, ComposeStep) and step.request is not None and _is_open(step.request):
                    place = f"{dockerfile}:{step.line}"
                    while place in found:  # several in one RUN
                        place += "+"
                    found[place] = _input(place, plan.name, step, step.request)
    return tuple(found[place] for place in sorted(found))


def unseen(hive: Hive, plans: Sequence[ImagePlan], inputs: Iterable[str]) -> set[str]:
    """Return those of ``inputs`` whose Dockerfile could not be looked into, for want of its base."""
    blind = {hive.image(plan.name).dockerfile for plan in plans if not plan.stages}
    return {path for path in inputs if path.rpartition(":")[0] in blind}


def _is_open(request: Request) -> bool:
    if request.no_index:
        return False
    pins = [parse_pin(line) for line in request.requirements]
    return not all(pin is not None and pin.hashes for pin in pins)


def _input(place: str, image: str, step: ComposeStep, request: Request) -> ImageInput:
    return ImageInput(
        place,
        (image,),
        (replace(step.python, version=step.python.minor, build=""),),
        tuple(Line(text, place) for text in request.requirements),
        tuple(Line(text, place) for text in request.constraints),
        Sources(
            request.index_url,
            request.extra_index_urls,
            tuple(link for link in request.find_links if "://" in link),
            pre=request.pre,
        ),
        request=request,
    )
