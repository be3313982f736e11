"""Walks the plans of a hive in parallel: one job per stage, images published as their last stage ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from hivebase.build.failures import told
from hivebase.build.images import MAX_LAYERS, finish, publish, refuse_too_many
from hivebase.build.scheduler import Job, run_jobs
from hivebase.build.stage import SCRATCH, Built, StageBuilder
from hivebase.build.stand_ins import stand_ins
from hivebase.errors import HivebaseError, InterruptedByUserError
from hivebase.oci.annotations import stand_ins_of
from hivebase.plan.steps import ImageSource, sources_of
from hivebase.progress import Event, Listener, silent

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hivebase.build.bases import Base
    from hivebase.build.scheduler import Outcome
    from hivebase.build.shared_cache import SharedResults
    from hivebase.build.stage import Doer
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.oci.model import Descriptor, ImageConfig
    from hivebase.oci.store import Image, Store
    from hivebase.plan.steps import ImagePlan, Reason, StagePlan

Status = Literal["built", "cached", "failed", "skipped"]


class ImageResult(msgspec.Struct, frozen=True):
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
    error: HivebaseError | None = None
    blame: str = ""
    seconds: float = 0.0
    stand_ins: tuple[str, ...] = ()


class Hands(Protocol):
    """What an execution asks of an engine: :class:`hivebase.build.engine.Engine`."""

    @property
    def indexes(self) -> Indexes:
        """Shows layers without unpacking them."""

    def doer(self, image: str, /) -> Doer:
        """Return what does the steps of one image."""

    def finished(self, stage: StagePlan, /) -> None:
        """Learn that a stage of a plan to build is done."""


class Execution(msgspec.Struct):
    """One run of :func:`execute`: everything its jobs share.

    Attributes:
        engine: does the steps.
        refs: reference in the store by image name.
        ready: manifest of each image that is planned as cached, by name.
        bases: external images by their name in ``StagePlan.needs_external``.
        forced: images whose steps are all done again.
        budgets: the most layers of an image, by name; Docker's limit where none is given.
        whole: builds an image as a whole, instead of ``engine``, on images that the second argument returns.
        shared: results of other machines; None if there is no shared cache.
    """

    store: Store
    engine: Hands
    refs: Mapping[str, str]
    ready: Mapping[str, Descriptor]
    bases: Mapping[str, Base]
    epoch: int
    forced: frozenset[str]
    listener: Listener = silent
    budgets: Mapping[str, int] = {}
    whole: Callable[[ImagePlan, Callable[[ImageSource], Image]], Image] | None = None
    shared: SharedResults | None = None
    _foreign: dict[str, ImageConfig] = {}
    _started: dict[str, float] = {}
    _built: dict[str, tuple[Descriptor, float, tuple[str, ...]]] = {}

    def run(
        self, plans: Sequence[ImagePlan], workers: int, cancel: threading.Event
    ) -> tuple[ImageResult, ...]:
        """Build what ``plans`` say, in their dependency order.

        Raises:
            InterruptedByUserError: Ctrl-C; what was finished before stays, nothing else is tagged.
        """
        jobs: dict[str, Job[Built]] = {}
        for plan in plans:
            for name, job in self._jobs(plan, cancel):
                jobs[name] = Job(job.needs, self._guarded(plan.name, job.run))
        try:
            outcomes = run_jobs(jobs, workers, cancel)
        except InterruptedByUserError:
            done = sum(plan.action == "cached" or plan.name in self._built for plan in plans)
            raise InterruptedByUserError(
                f"interrupted with {done} of {len(plans)} images done; the others are as they were",
                hint="build again; steps that ended are not repeated",
            ) from None
        return tuple(self._result(plan, outcomes) for plan in plans)

    def _jobs(self, plan: ImagePlan, cancel: threading.Event) -> Iterator[tuple[str, Job[Built]]]:
        if plan.action == "cached":
            digest = self.ready[plan.name].digest
            yield _last(plan.name), Job((), lambda _: Built.of_image(self.store.image(digest)))
            return
        by_index = {stage.index: stage for stage in plan.stages}
        final = plan.stages[-1]
        top = _stage(plan.name, final.index)
        if self.whole is not None:
            parents = {_last(name) for stage in plan.stages for name in stage.needs_images}
            yield top, Job(sorted(parents), self._whole_job(plan, self.whole))
        for stage in plan.stages if self.whole is None else ():
            needs = [_stage(plan.name, index) for index in stage.needs] + [
                _last(name) for name in stage.needs_images
            ]
            yield _stage(plan.name, stage.index), Job(needs, self._stage_job(plan, stage))

        def publish_it(results: Mapping[str, Built]) -> Built:
            if cancel.is_set():
                raise InterruptedByUserError("interrupted before the image was named")
            return self._publish(plan, by_index, results[top])

        yield _last(plan.name), Job((top,), publish_it)

    def _guarded(
        self, image: str, work: Callable[[Mapping[str, Built]], Built]
    ) -> Callable[[Mapping[str, Built]], Built]:
        """Return ``work`` with every failure told as one of ours, and to the listener."""

        def run(results: Mapping[str, Built]) -> Built:
            try:
                return work(results)
            except InterruptedByUserError:
                raise
            except Exception as error:
                ours = told(error, where=image)
                self.listener(Event(image, "failed", ours.what))
                if ours is error:
                    raise
                raise ours from error

        return run

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
                self.engine.doer(plan.name),
                plan.name,
                self.epoch,
                plan.name not in self.forced,
                self.listener,
                self.shared,
            )
            sources = {source: find(source) for source in _sources(stage)}
            built = builder.build(stage, find(stage.base), sources)
            self.engine.finished(stage)
            return built

        return run

    def _whole_job(
        self, plan: ImagePlan, build: Callable[[ImagePlan, Callable[[ImageSource], Image]], Image]
    ) -> Callable[[Mapping[str, Built]], Built]:
        def find(source: ImageSource) -> Image:
            if source.kind == "external":
                return self.bases[source.ref].image
            return self.store.image(self._digest(source.ref))

        def run(_results: Mapping[str, Built]) -> Built:
            self._started.setdefault(plan.name, time.monotonic())
            image = build(plan, find)
            self._foreign[plan.name] = image.config
            return Built.of_image(image)

        return run

    def _publish(self, plan: ImagePlan, stages: Mapping[int, StagePlan], built: Built) -> Built:
        refuse_too_many(plan, built, self.budgets.get(plan.name, MAX_LAYERS))
        names = stand_ins(self.store, lambda: self.engine.indexes, built)
        descriptor = finish(
            self.store,
            plan,
            built,
            base=self._base(plan, stages),
            epoch=self.epoch,
            stand_ins=names,
            start=self._foreign.get(plan.name),
        )
        ref = self.refs[plan.name]
        parents = {
            self.refs[name]: self._digest(name) for stage in plan.stages for name in stage.needs_images
        }
        publish(self.store, plan, ref, descriptor, parents)
        seconds = time.monotonic() - self._started.get(plan.name, time.monotonic())
        self._built[plan.name] = (descriptor, seconds, names)
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
        """Return the digest of an image of the hive that is finished by now.

        Not what its name stands for by now: another process may have given it to another build meanwhile.
        """
        return self._built[name][0].digest if name in self._built else self.ready[name].digest

    def _result(self, plan: ImagePlan, outcomes: Mapping[str, Outcome[Built]]) -> ImageResult:
        ref = self.refs[plan.name]
        mine = [outcome for name, outcome in outcomes.items() if name.rpartition("#")[0] == plan.name]
        error = next((outcome.error for outcome in mine if outcome.error is not None), None)
        if error is not None:
            return ImageResult(
                plan.name, ref, "failed", reasons=plan.reasons, error=told(error, where=plan.name)
            )
        if plan.action == "cached":
            digest = self._digest(plan.name)
            names = stand_ins_of(self.store.image(digest).config.config.labels)
            return ImageResult(plan.name, ref, "cached", digest, plan.reasons, stand_ins=names)
        if plan.name in self._built:
            descriptor, seconds, names = self._built[plan.name]
            return ImageResult(
                plan.name, ref, "built", descriptor.digest, plan.reasons, seconds=seconds, stand_ins=names
            )
        blame = next((outcome.blame.rpartition("#")[0] for outcome in mine if outcome.blame), "")
        return ImageResult(plan.name, ref, "skipped", reasons=plan.reasons, blame=blame)


def _stage(image: str, index: int) -> str:
    return f"{image}#{index}"


def _last(image: str) -> str:
    return f"{image}#"


def _sources(stage: StagePlan) -> set[ImageSource]:
    """Return what the steps of ``stage`` read from, the context excepted."""
    found = {source for step in stage.steps for source in sources_of(step)}
    return {source for source in found if source.kind != "context"}
