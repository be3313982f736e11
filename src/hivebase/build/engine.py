"""The embedded engine of one build, made when the first step has to be done: a build without work needs none of it."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from hivebase.build.epoch import DEFAULT
from hivebase.errors import SystemFaultError
from hivebase.plan.steps import ComposeStep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hivebase.build.bases import Base
    from hivebase.build.composer import Composer
    from hivebase.build.embedded import Embedded
    from hivebase.build.secrets import Secrets
    from hivebase.build.shared_cache import SharedCache, SharedResults
    from hivebase.build.wheel_source import WheelSource
    from hivebase.layers.context import Context
    from hivebase.layers.fetch import RemoteFiles
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.layers.sandbox.host import HostConfiguration
    from hivebase.layers.snapshots import Snapshots
    from hivebase.oci.store import Store
    from hivebase.plan.steps import ImagePlan, StagePlan


@dataclass
class Engine:
    """Close it after use.

    Attributes:
        store: where everything goes.
        context: returns the build context of an image.
        cancel: stops what is running.
        secrets: for mounts of that type.
        remote: fetches for ADD.
        wheels: fetches wheels; None composes nothing.
        allow_insecure: whether ``RUN --security=insecure`` may run.
        cache: opens the shared cache; None if there is none.
        read_cache: whether anything is taken from it.
    """

    store: Store
    context: Callable[[str], Context]
    cancel: threading.Event
    secrets: Secrets
    remote: RemoteFiles | None
    wheels: WheelSource | None
    allow_insecure: bool
    cache: Callable[[], SharedCache] | None = None
    read_cache: bool = True
    _stack: ExitStack = field(default_factory=ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _installing: int = 0
    _later: tuple[Sequence[ImagePlan], Mapping[str, Base]] = ((), {})
    _begun: set[str] = field(default_factory=set)

    @cached_property
    def shared(self) -> SharedResults | None:
        """What other machines share, which must have ended before the engine is closed."""
        if self.cache is None:
            return None
        from hivebase.build.shared_cache import SharedResults  # noqa: PLC0415 -- most builds have none

        return SharedResults(self.cache, self.store, lambda: self.indexes, self._missed, read=self.read_cache)

    @cached_property
    def snapshots(self) -> Snapshots:
        """The unpacked layers of the store; no other process removes any until the engine is closed."""
        from hivebase.layers.snapshots import Snapshots  # noqa: PLC0415 -- see the module

        return self._stack.enter_context(Snapshots(self.store))

    @cached_property
    def indexes(self) -> Indexes:
        """The indexes of the store's layers."""
        from hivebase.layers.indexed_cache import Indexes  # noqa: PLC0415

        return Indexes(self.store, self.snapshots)

    @cached_property
    def host(self) -> HostConfiguration:
        """What steps see of this machine."""
        from hivebase.layers.sandbox import host  # noqa: PLC0415

        return host.collect(os.environ)

    @cached_property
    def composer(self) -> Composer | None:
        """What does installations."""
        if self.wheels is None:
            return None
        from hivebase.build.composer import Composer  # noqa: PLC0415
        from hivebase.build.projects import Projects  # noqa: PLC0415

        files = self.wheels.files
        projects = Projects(
            self.store, self.indexes, self.snapshots, files, lambda: self.host, self.cancel, DEFAULT
        )
        return self._stack.enter_context(
            Composer(self.store, self.indexes, self.snapshots, files, projects, DEFAULT, self.shared)
        )

    def begin(self, plans: Sequence[ImagePlan], bases: Mapping[str, Base]) -> None:
        """Start what need not wait for its turn.

        Args:
            plans: parents first.
            bases: external images by their name in ``StagePlan.needs_external``.
        """
        if self.wheels is None or all(plan.action == "cached" for plan in plans):
            return
        stages = [stage for plan in plans if plan.action == "build" for stage in plan.stages]
        self._installing = sum(map(_installs, stages))
        if self.shared is not None:
            # Other machines may have done the steps as wholes: what is begun now would be work for nothing.
            self._later = plans, bases
            return
        if self._installing:
            threading.Thread(target=_find_runtime, name="runtime", daemon=True).start()
        from hivebase.build.begin import begin  # noqa: PLC0415

        if self.composer is not None:
            begin(self.composer, plans, bases)

    def _missed(self, image: str) -> None:
        """Begin with the installations of an image of which a step has to be done, and of what stands on it."""
        from hivebase.build.begin import begin, standing_on  # noqa: PLC0415

        plans, bases = self._later
        with self._lock:
            names = standing_on(image, plans) - self._begun
            self._begun |= names
        stages = [stage for plan in plans if plan.name in names for stage in plan.stages]
        if any(map(_installs, stages)) and self.composer is not None:
            threading.Thread(target=_find_runtime, name="runtime", daemon=True).start()
            begin(self.composer, plans, bases, names)

    def doer(self, image: str) -> Embedded:
        """Return the hands for the steps of one image."""
        from hivebase.build.embedded import Embedded  # noqa: PLC0415

        return Embedded(
            self.store,
            self.snapshots,
            self.indexes,
            image,
            lambda: self.context(image),
            DEFAULT,
            self.cancel,
            lambda: self.host,
            self.secrets,
            self.remote,
            self.allow_insecure,
            self.composer,
        )

    def finished(self, stage: StagePlan) -> None:
        """Let go of what only installations need when ``stage`` was the last one that has any."""
        if not _installs(stage):
            return
        with self._lock:
            self._installing -= 1
            last = self._installing == 0
        composer: Composer | None = self.__dict__.get("composer")  # not made if nothing had to be installed
        if last and composer is not None:
            composer.finish()

    def close(self) -> None:
        """End what is still going on, and let other processes remove unpacked layers again."""
        self._stack.close()


def _find_runtime() -> None:
    """Ask the runtime for its version, which takes as long as starting it, before there is something to compile."""
    from hivebase.layers.sandbox import runtime  # noqa: PLC0415

    with suppress(SystemFaultError):  # told to whoever needs it
        runtime.find()


def _installs(stage: StagePlan) -> bool:
    return any(isinstance(step, ComposeStep) for step in stage.steps)
