"""Walks the plans of a hive in parallel: one job per stage, images published as their last stage ends."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hivebase.build.images import finish, publish
from hivebase.build.scheduler import Job, run_jobs
from hivebase.build.stage import SCRATCH, Built, StageBuilder
from hivebase.build.stand_ins import stand_ins
from hivebase.errors import BuildError, HivebaseError
from hivebase.plan.steps import CopyStep, ImageSource, RunStep
from hivebase.progress import Event, Listener, silent

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hivebase.build.bases import Base
    from hivebase.build.scheduler import Outcome
    from hivebase.build.stage import Doer
    from hivebase.layers.snapshots import Snapshots
    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Store
    from hivebase.plan.steps import ImagePlan, Reason, StagePlan

Status = Literal["built", "cached", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class ImageResult:
    """How one image fared.

    Attributes:
        ref: its reference in the store.
        digest: of its manifest, empty unless built or cached.
        reasons: of the plan.
        error: what failed; for a skipped image, None.
        blame: for a skipped image, the image whose failure it was.
        seconds: how long it took.
        stand_ins: what in it is not official.
    """

    name: str
    ref: str
    status: Status
    digest: str = ""
    reasons: tuple[Reason, ...] = ()
    error: BaseException | None = None
    blame: str = ""
    seconds: float = 0.0
    stand_ins: tuple[str, ...] = ()


@dataclass(slots=True)
class Execution:
    """One run of :func:`execute`: everything its jobs share.

    Attributes:
        refs: reference in the store by image name.
        bases: external images by their name in ``StagePlan.needs_external``.
        doer: returns the engine's hands for one image.
        forced: images whose steps are all done again.
    """

    store: Store
    snapshots: Snapshots
    refs: Mapping[str, str]
    bases: Mapping[str, Base]
    doer: Callable[[str], Doer]
    epoch: int
    forced: frozenset[str]
    listener: Listener = silent
    _started: dict[str, float] = field(default_factory=dict)
    _finished: dict[str, tuple[Descriptor, float, tuple[str, ...]]] = field(default_factory=dict)

    def run(
        self, plans: Sequence[ImagePlan], workers: int, cancel: threading.Event
    ) -> tuple[ImageResult, ...]:
        """Build what ``plans`` say, in their dependency order.

        Raises:
            InterruptedByUserError: Ctrl-C; what was finished before stays, nothing else is tagged.
        """
        jobs: dict[str, Job[Built]] = {}
        for plan in plans:
            jobs.update(self._jobs(plan))
        outcomes = run_jobs(jobs, workers, cancel)
        return tuple(self._result(plan, outcomes) for plan in plans)

    def _jobs(self, plan: ImagePlan) -> Iterator[tuple[str, Job[Built]]]:
        if plan.action == "cached":
            yield _last(plan.name), Job((), lambda _: Built.of_image(self.store.image(self.refs[plan.name])))
            return
        by_index = {stage.index: stage for stage in plan.stages}
        final = plan.stages[-1]
        for stage in plan.stages:
            needs = [_stage(plan.name, index) for index in stage.needs] + [
                _last(name) for name in stage.needs_images
            ]
            yield _stage(plan.name, stage.index), Job(needs, self._stage_job(plan, stage))
        top = _stage(plan.name, final.index)
        yield _last(plan.name), Job((top,), lambda built: self._publish(plan, by_index, built[top]))

    def _stage_job(self, plan: ImagePlan, stage: StagePlan) -> Callable[[Mapping[str, Built]], Built]:
        def run(results: Mapping[str, Built]) -> Built:
            self._started.setdefault(plan.name, time.monotonic())

            def find(source: ImageSource) -> Built:
                if source.kind == "scratch":
                    return SCRATCH
                if source.kind == "external":
                    return Built.of_image(self.bases[source.ref].image)
                if source.kind == "image":
                    return results[_last(source.ref)]
                return results[_stage(plan.name, int(source.ref))]

            builder = StageBuilder(
                self.store,
                self.doer(plan.name),
                plan.name,
                self.epoch,
                plan.name not in self.forced,
                self.listener,
            )
            return builder.build(
                stage, find(stage.base), {source: find(source) for source in _sources(stage)}
            )

        def guarded(results: Mapping[str, Built]) -> Built:
            try:
                return run(results)
            except HivebaseError as error:
                self.listener(Event(plan.name, "failed", error.what))
                raise
            except OSError as error:
                # Whatever the machine refuses in the middle of a step belongs to this image, not to a traceback.
                self.listener(Event(plan.name, "failed", str(error)))
                raise BuildError(f"the system refused: {error}", where=plan.name) from error

        return guarded

    def _publish(self, plan: ImagePlan, stages: Mapping[int, StagePlan], built: Built) -> Built:
        names = stand_ins(self.store, self.snapshots, built)
        descriptor = finish(
            self.store, plan, built, base=self._base(plan, stages), epoch=self.epoch, stand_ins=names
        )
        ref = self.refs[plan.name]
        parents = {
            self.refs[name]: self._digest(name) for stage in plan.stages for name in stage.needs_images
        }
        publish(self.store, plan, ref, descriptor, parents)
        seconds = time.monotonic() - self._started.get(plan.name, time.monotonic())
        self._finished[plan.name] = (descriptor, seconds, names)
        self.listener(Event(plan.name, "done", f"built {ref}@{descriptor.digest[:19]}", seconds=seconds))
        return built

    def _base(self, plan: ImagePlan, stages: Mapping[int, StagePlan]) -> tuple[str, str]:
        source = plan.stages[-1].base
        while source.kind == "stage":
            source = stages[int(source.ref)].base
        if source.kind == "external":
            base = self.bases[source.ref]
            return base.name, base.top
        if source.kind == "image":
            return self.refs[source.ref], self._digest(source.ref)
        return "scratch", ""

    def _digest(self, name: str) -> str:
        """Return the digest of an image of the hive that is finished by now."""
        descriptor = self.store.resolve(self.refs[name])
        return descriptor.digest if descriptor else ""

    def _result(self, plan: ImagePlan, outcomes: Mapping[str, Outcome[Built]]) -> ImageResult:
        ref = self.refs[plan.name]
        if plan.action == "cached":
            descriptor = self.store.resolve(ref)
            return ImageResult(
                plan.name, ref, "cached", descriptor.digest if descriptor else "", plan.reasons
            )
        if plan.name in self._finished:
            descriptor, seconds, names = self._finished[plan.name]
            return ImageResult(
                plan.name, ref, "built", descriptor.digest, plan.reasons, seconds=seconds, stand_ins=names
            )
        mine = [outcome for name, outcome in outcomes.items() if name.partition("#")[0] == plan.name]
        errors = [outcome.error for outcome in mine if outcome.status == "failed"]
        if errors:
            return ImageResult(plan.name, ref, "failed", reasons=plan.reasons, error=errors[0])
        blame = next((outcome.blame.partition("#")[0] for outcome in mine if outcome.blame), "")
        return ImageResult(plan.name, ref, "skipped", reasons=plan.reasons, blame=blame)


def _stage(image: str, index: int) -> str:
    return f"{image}#{index}"


def _last(image: str) -> str:
    return f"{image}#"


def _sources(stage: StagePlan) -> set[ImageSource]:
    """Return what the steps of ``stage`` read from, the context excepted."""
    found: set[ImageSource] = set()
    for step in stage.steps:
        if isinstance(step, CopyStep):
            found.add(step.source)
        elif isinstance(step, RunStep):
            found.update(mount.source for mount in step.mounts if mount.source is not None)
    return {source for source in found if source.kind != "context"}
