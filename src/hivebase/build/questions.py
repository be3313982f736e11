"""Which installations of a plan nobody has resolved yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.plan.lockfile import request_key
from hivebase.plan.steps import ComposeStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.plan.pythons import Python
    from hivebase.plan.steps import ImagePlan
    from hivebase.plan.wheels import Request


def open_questions(plans: Sequence[ImagePlan]) -> list[tuple[Request, Python]]:
    """Return each question once, in the order of the plans.

    Of each image only the first: what it resolves to decides what the next installation finds.
    """
    found: dict[str, tuple[Request, Python]] = {}
    for plan in plans:
        for stage in plan.stages:
            for step in stage.steps:
                if not isinstance(step, ComposeStep) or step.request is None or step.request.no_index:
                    continue
                if step.resolution is None:
                    found.setdefault(request_key(step.request), (step.request, step.python))
                    break
    return list(found.values())
