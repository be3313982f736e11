"""A foreign engine for one session: chosen by name, held against the plan, and given its orders."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from hivebase.build.bake.uses import graph_of, uses_of
from hivebase.build.engines.features import refuse_unable
from hivebase.build.engines.order import Order, Read, images_read
from hivebase.build.engines.settings import HostSettings
from hivebase.build.epoch import DEFAULT
from hivebase.errors import HivebaseError
from hivebase.layers.sandbox import host
from hivebase.progress import Event

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Sequence

    from hivebase.build.engines import ForeignName
    from hivebase.build.engines.buildx import Buildx
    from hivebase.build.engines.order import Builder
    from hivebase.build.secrets import Secrets
    from hivebase.build.workspace import Workspace
    from hivebase.oci.store import Image, Store
    from hivebase.plan.graph import Graph
    from hivebase.plan.planner import PlanInputs
    from hivebase.plan.steps import ImagePlan, ImageSource
    from hivebase.progress import Listener


class ForeignEngine:
    """Close it after use.

    Args:
        name: which.
        store: where images come from and go to.
        workspace: the hive.
        inputs: of the plan; its args are given on.
        secrets: for mounts of that type.
        listener: told of the engine's output.
        cancel: ends what is running.
        forced: images that are built without the engine's cache.
        builder: of buildx.

    Raises:
        SystemFaultError: the engine is not installed, or does not answer.
        UsageError: it cannot be given what this machine's package settings need.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- what reaches outside is passed in
        self,
        name: ForeignName,
        store: Store,
        workspace: Workspace,
        inputs: PlanInputs,
        secrets: Secrets,
        listener: Listener,
        cancel: threading.Event,
        forced: Collection[str] = (),
        builder: str = "",
    ) -> None:
        self._workspace = workspace
        self._inputs = inputs
        self._secrets = secrets
        self._listener = listener
        self._forced = forced
        self._bake: Buildx | None = None
        settings = HostSettings(store, host.collect(os.environ), DEFAULT)
        if settings.left_out:
            told = (
                f"{name} cannot be shown {', '.join(settings.left_out)}: packages come from the other indexes"
            )
            listener(Event(name, "note", told))
        if name == "docker":
            from hivebase.build.engines.docker import Docker  # noqa: PLC0415 -- one of them is used

            self._builder: Builder = Docker(store, settings, os.environ, cancel)
        elif name == "buildah":
            from hivebase.build.engines.buildah import Buildah  # noqa: PLC0415

            self._builder = Buildah(store, settings, os.environ, cancel)
        else:
            from hivebase.build.engines.buildx import Buildx  # noqa: PLC0415

            self._builder = self._bake = Buildx(
                store, settings, os.environ, cancel, workspace, inputs, builder
            )

    @cached_property
    def _graph(self) -> Graph:
        return graph_of(self._workspace.hive, self._inputs)

    @property
    def title(self) -> str:
        """Name and version."""
        return self._builder.title

    def check(self, plans: Sequence[ImagePlan]) -> None:
        """Make sure that the engine can build all of ``plans``.

        Raises:
            DockerfileError: it cannot.
        """
        images = [self._workspace.hive.image(plan.name) for plan in plans]
        refuse_unable(self._builder.name, self._builder.version, [image.parsed() for image in images])

    def begin(self, plans: Sequence[ImagePlan], find: Callable[[ImageSource], Image]) -> None:
        """Do what the engine does for all images at once.

        Args:
            plans: of the images that it will build.
            find: returns an image that is not among them.

        Raises:
            BuildError: a step failed.
            InterruptedByUserError: the build was stopped.
        """
        if self._bake is None:
            return
        mine = {plan.name for plan in plans}
        self._bake.begin([self._order(plan, find, apart=mine) for plan in plans], self._listener)

    def build(self, plan: ImagePlan, find: Callable[[ImageSource], Image]) -> Image:
        """Build one image on those that ``find`` returns.

        Raises:
            BuildError: a step failed.
            SystemFaultError: the engine does not answer.
            InterruptedByUserError: the build was stopped.
        """
        return self._builder.build(self._order(plan, find), self._listener)

    def _order(
        self, plan: ImagePlan, find: Callable[[ImageSource], Image], apart: Collection[str] = ()
    ) -> Order:
        """Return the order for one image; images of the hive in ``apart`` are not named in it."""
        image = self._workspace.hive.image(plan.name)
        reads = [
            Read(source.written, find(source), source.ref if source.kind == "image" else "", base)
            for source, base in images_read(plan)
            if source.kind != "image" or source.ref not in apart
        ]
        return Order(
            plan.name,
            self._workspace.hive.reference(plan.name),
            self._workspace.dockerfile(image),
            self._workspace.context(image),
            uses_of(self._workspace.hive, self._graph, image, self._inputs).args(),
            tuple(reads),
            self._secrets,
            plan.name not in self._forced,
        )

    def close(self) -> None:
        """Put back what names in the engine meant before; where that fails, it is told, and nothing else fails."""
        try:
            self._builder.close()
        except HivebaseError as error:
            told = f"some names in {self.title} are not what they were: {error.why or error.what}"
            self._listener(Event(self._builder.name, "note", told))
