"""Which build args one Dockerfile gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.dockerfile.ast import Arg
from hivebase.plan.hive import default_args
from hivebase.plan.scope import PROXY_ARGS

if TYPE_CHECKING:
    from hivebase.plan.hive import Hive, HiveImage
    from hivebase.plan.planner import PlanInputs


def declared_args(hive: Hive, image: HiveImage, inputs: PlanInputs) -> dict[str, str]:
    """Return the args that a plan gives ``image``, without those that its Dockerfile has no use for.

    Raises:
        UsageError: the Dockerfile could not be read.
    """
    document = image.parsed()
    lines = [*document.meta_args, *(line for stage in document.stages for line in stage.instructions)]
    # Proxies are known to every Dockerfile, so that giving one is enough.
    known = {name for line in lines if isinstance(line, Arg) for name, _ in line.pairs} | PROXY_ARGS
    given = {**default_args(hive, inputs.epoch, inputs.stand_ins), **image.args, **inputs.args}
    return {name: value for name, value in sorted(given.items()) if name in known}
