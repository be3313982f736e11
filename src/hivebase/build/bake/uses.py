"""Which build args and which images one Dockerfile has a use for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.build.bake.names import context_name
from hivebase.dockerfile.ast import Arg, Onbuild
from hivebase.dockerfile.parser import parse_trigger
from hivebase.plan.graph import build_graph
from hivebase.plan.hive import default_args
from hivebase.plan.scope import PROXY_ARGS, platform_args
from hivebase.plan.sources import Sources, froms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hivebase.dockerfile.ast import Instruction, Stage
    from hivebase.plan.graph import Graph
    from hivebase.plan.hive import Hive, HiveImage
    from hivebase.plan.planner import PlanInputs
    from hivebase.plan.steps import ImageSource
    from hivebase.reference import Reference


def graph_of(hive: Hive, inputs: PlanInputs) -> Graph:
    """Return which image stands on which under these args.

    Raises:
        UsageError: a circle.
    """
    own = default_args(hive, inputs.epoch, inputs.stand_ins)
    return build_graph(hive, {**own, **inputs.args}, inputs.platform)


def uses_of(hive: Hive, graph: Graph, image: HiveImage, inputs: PlanInputs) -> Uses:
    """Return what one image uses under the args that a plan gives it.

    Raises:
        UsageError: its Dockerfile is wrong.
    """
    own = default_args(hive, inputs.epoch, inputs.stand_ins)
    return Uses(hive, graph, image, {**own, **image.args, **inputs.args}, inputs.platform)


class Uses:
    """What one image's Dockerfile declares and uses, as far as it is needed.

    Args:
        hive: the images.
        graph: of the hive.
        image: whose Dockerfile.
        args: all that it is given.
        platform: of the build.

    Raises:
        UsageError: the Dockerfile is wrong.
    """

    def __init__(
        self, hive: Hive, graph: Graph, image: HiveImage, args: Mapping[str, str], platform: str
    ) -> None:
        def find(reference: Reference) -> str | None:
            found = hive.find(reference, image.name)
            return None if found is None or (image.name, found) in graph.apart else found

        self._hive = hive
        self._given = args
        self._platform = platform
        self._document = image.parsed()
        self._sources = Sources(self._document, args, platform, find)
        self._stages = [self._document.stages[index] for index in self._sources.needed(self._sources.target)]

    def args(self) -> dict[str, str]:
        """Return the build args that have an effect: any other would be warned of."""
        # Known to every Dockerfile, so that giving one is enough.
        declared = {*PROXY_ARGS, *platform_args(self._platform)}
        instructions = [
            *self._document.meta_args,
            *(line for stage in self._stages for line in self._lines(stage)),
        ]
        for line in instructions:
            if isinstance(line, Arg):
                declared.update(name for name, _default in line.pairs)
        return {name: value for name, value in sorted(self._given.items()) if name in declared}

    def contexts(self, targets: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
        """Return what stands for each reference, by the name under which the builder looks for it."""
        found: dict[str, str] = {}
        stages = {stage.from_.alias for stage in self._document.stages if stage.from_.alias}
        for source, line in self._uses():
            name = context_name(source.written)
            value = given.get(name, f"target:{targets[source.ref]}" if source.kind == "image" else "")
            if not value:
                continue
            if name in stages:
                raise self._sources.expander.error(
                    f"{source.written!r} is an image here and the name of a stage of this file",
                    line,
                    why="bake hands images over by name, and the builder would take it for the stage",
                    hint="give the stage another name",
                )
            if source.kind == "external" and source.platform not in {"", self._platform}:
                raise self._sources.expander.error(
                    f"{source.written} is wanted for {source.platform}",
                    line,
                    why=f"it is handed over for {self._platform}, by its name alone",
                    hint="leave it to the builder's registry: --without-bases",
                )
            found[name] = value
        return dict(sorted(found.items()))

    def _uses(self) -> Iterator[tuple[ImageSource, Instruction]]:
        """Yield the images that are used, the hive's and external ones."""
        for stage in self._stages:
            sources: list[tuple[ImageSource, Instruction]] = [(self._sources.base(stage), stage.from_)]
            for line in self._lines(stage):
                sources += [(self._sources.other(name, line, stage.index), line) for name in froms(line)]
            yield from (item for item in sources if item[0].kind in {"image", "external"})

    def _lines(self, stage: Stage) -> list[Instruction]:
        """Return the instructions of ``stage``, after those that its base left for it where we have its Dockerfile."""
        source = self._sources.base(stage)
        before: Stage | None = None
        if source.kind == "stage":
            before = self._document.stages[int(source.ref)]
        elif source.kind == "image":
            before = self._hive.image(source.ref).parsed().stages[-1]
        left = [line for line in before.instructions if isinstance(line, Onbuild)] if before else []
        # They are lines of another file; what is wrong with them here is told at the FROM that brings them in.
        triggers = [
            msgspec.structs.replace(parse_trigger(line.trigger, source.written), span=stage.from_.span)
            for line in left
        ]
        return [*triggers, *stage.instructions]
