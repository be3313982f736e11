"""What to do for which image, and why. Pure: everything it must know comes in ``PlanInputs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import PolicyError
from hivebase.plan.evaluate import EvaluateInputs, Evaluation, evaluate
from hivebase.plan.files import EmptyListing
from hivebase.plan.graph import Graph, build_graph
from hivebase.plan.hive import default_args
from hivebase.plan.inputs import record
from hivebase.plan.installs.compositions import Compositions
from hivebase.plan.keys import fingerprint
from hivebase.plan.reasons import compare
from hivebase.plan.resolve_pins import answer
from hivebase.plan.sources import BaseFact, Sources, UnknownBaseError, split_external
from hivebase.plan.steps import ComposeStep, ImagePlan, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hivebase.digest import Digest
    from hivebase.plan.files import FileListing
    from hivebase.plan.hive import Hive, HiveImage, StandIns
    from hivebase.plan.lockfile import HiveLock
    from hivebase.plan.pythons import Python
    from hivebase.plan.wheels import Request, Resolution
    from hivebase.reference import Reference


def _never(_name: str, _key: Digest) -> bool:
    return False


class PlanInputs(msgspec.Struct, frozen=True):
    """The state of the world, as far as a plan depends on it.

    Attributes:
        names: images to plan, ancestors are added; empty for all.
        args: build args of the command line; they beat those of a group, which beat hivebase's own.
        epoch: seconds since 1970 that images say they were created at; gives ``BUILD_DATE``.
        layer_time: seconds since 1970 that files in layers get; None means ``epoch``.
        platform: of the build.
        bases: external images by their name in ``StagePlan.needs_external``; a missing one is not known yet.
        listings: build context of each image by the image's name.
        previous: the ``inputs`` of the last successful build of each image, if there was one.
        complete: whether the store holds, under the name of an image, what was built for an image key.
        force: build what was selected in any case.
        target: stage to build of the selected images, empty for the last.
        release: refuse external bases that are not pinned, and ``latest``.
        stand_ins: given to Dockerfiles as ``HIVEBASE_STAND_INS``.
        made_here: external images, by their name in ``bases``, that are stand-ins and so cannot be pinned.
        remote: as in ``EvaluateInputs``.
        compose: compose installations where that can be done.
        answers: what installations install, beside what the hive's lock says.
    """

    names: Sequence[str] = ()
    args: Mapping[str, str] = {}
    epoch: int = 0
    layer_time: int | None = None
    platform: str = "linux/amd64"
    bases: Mapping[str, BaseFact] = {}
    listings: Mapping[str, FileListing] = {}
    previous: Mapping[str, Mapping[str, str] | None] = {}
    complete: Callable[[str, Digest], bool] = _never
    force: bool = False
    target: str = ""
    release: bool = False
    stand_ins: StandIns = "auto"
    made_here: frozenset[str] = frozenset()
    remote: Callable[[str, str, bool], str] | None = None
    compose: bool = True
    answers: HiveLock | None = None


class NeededBase(msgspec.Struct, frozen=True):
    """An external image that a plan needs.

    Attributes:
        key: its name in ``PlanInputs.bases``.
        written: as the Dockerfile has it, expanded.
        users: images that use it.
    """

    key: str
    written: str
    users: tuple[str, ...]


def plan(hive: Hive, inputs: PlanInputs) -> tuple[ImagePlan, ...]:
    """Return what to do for the selected images and their ancestors, parents first.

    Raises:
        UsageError: an unknown image, a circle, or a Dockerfile that is wrong under these inputs.
        PolicyError: a release would stand on something unpinned, or a trigger is forbidden.
    """
    return _Planner(hive, inputs).run()


def selected_images(hive: Hive, inputs: PlanInputs) -> tuple[HiveImage, ...]:
    """Return the images that ``plan`` will look at, parents first: each needs a listing of its context.

    Raises:
        UsageError: an unknown image, or a circle.
    """
    return tuple(hive.image(name) for name in _Planner(hive, inputs).selected)


def needed_bases(hive: Hive, inputs: PlanInputs) -> tuple[NeededBase, ...]:
    """Return the external images that ``plan`` will ask for, sorted by key.

    Raises:
        UsageError: as for ``plan``.
    """
    planner = _Planner(hive, inputs)
    found: dict[str, tuple[str, list[str]]] = {}
    for name in planner.selected:
        for key, written in planner.sources(hive.image(name)).images()[1].items():
            found.setdefault(key, (written, []))[1].append(name)
    return tuple(NeededBase(key, written, tuple(users)) for key, (written, users) in sorted(found.items()))


def bottom_of(hive: Hive, inputs: PlanInputs, image: HiveImage) -> str:
    """Return the name in ``PlanInputs.bases`` of the external image at the bottom of ``image``, or ''.

    Raises:
        UsageError: as for ``plan``.
    """
    planner, seen = _Planner(hive, inputs), set[str]()
    while image.name not in seen:
        seen.add(image.name)
        sources = planner.sources(image)
        source = sources.base(sources.document.stages[sources.target])
        while source.kind == "stage":
            source = sources.base(sources.document.stages[int(source.ref)])
        if source.kind != "image":
            return source.ref if source.kind == "external" else ""
        image = hive.image(source.ref)
    return ""


class _Planner:
    def __init__(self, hive: Hive, inputs: PlanInputs) -> None:
        self._hive = hive
        self._inputs = inputs
        self._own = default_args(hive, inputs.epoch, inputs.stand_ins)
        self.graph: Graph = build_graph(hive, {**self._own, **inputs.args}, inputs.platform)
        wanted = [hive.image(name).name for name in inputs.names] or [node.name for node in self.graph.nodes]
        self._wanted = frozenset(wanted)
        self.selected = self.graph.with_ancestors(wanted)
        self._facts: dict[str, BaseFact] = {}
        # For an image that is built: the way from it to the image where the change began.
        self._chains: dict[str, tuple[str, ...]] = {}

    def _args(self, image: HiveImage) -> dict[str, str]:
        return {**self._own, **image.args, **self._inputs.args}

    def _target(self, image: HiveImage) -> str:
        return self._inputs.target if image.name in self._wanted else ""

    def _finder(self, child: str) -> Callable[[Reference], str | None]:
        """Return what finds the image that a reference in ``child`` means, in agreement with the graph."""

        def find(reference: Reference) -> str | None:
            found = self._hive.find(reference, child)
            return None if found is None or (child, found) in self.graph.apart else found

        return find

    def sources(self, image: HiveImage) -> Sources:
        """Return the names in the Dockerfile of ``image``."""
        return Sources(
            image.parsed(),
            self._args(image),
            self._inputs.platform,
            self._finder(image.name),
            self._target(image),
        )

    def run(self) -> tuple[ImagePlan, ...]:
        """Plan all selected images."""
        return tuple(self._image(self._hive.image(name)) for name in self.selected)

    def _image(self, image: HiveImage) -> ImagePlan:
        warnings = self._pinning(image)
        try:
            evaluation = self._evaluate(image)
        except UnknownBaseError as error:
            return self._unknown(image, error, warnings)
        stage = evaluation.stages[-1]
        parents = {name: self._facts[name].image for name in _all(evaluation, "needs_images")}
        inputs = record(
            image.parsed(),
            evaluation,
            parents={name: key for name, key in parents.items() if key is not None},
            bases={ref: self._inputs.bases[ref].digest for ref in _all(evaluation, "needs_external")},
            lock=self._locked(evaluation),
            created=self._inputs.epoch,
            target=self._target(image),
            platform=self._inputs.platform,
        )
        self._facts[image.name] = BaseFact(stage.tree_key, stage.config, stage.key, evaluation.site)
        why = self._reasons(image.name, stage.key, inputs, sorted(parents))
        if why:
            self._note_chain(image.name, sorted(parents))
        return ImagePlan(
            image.name,
            "build" if why else "cached",
            why or (Reason("UP_TO_DATE", "nothing changed"),),
            evaluation.stages,
            stage.key,
            inputs,
            (*warnings, *evaluation.warnings),
        )

    def _locked(self, evaluation: Evaluation) -> Digest:
        """Return a digest of what the lock says to this image."""
        answers = [
            step.resolution
            for stage in evaluation.stages
            for step in stage.steps
            if isinstance(step, ComposeStep)
        ]
        wheels = [[wheel.sha256 for wheel in found.wheels] if found else None for found in answers]
        return fingerprint(self._hive.lock.rest, wheels)

    def _resolve(self, request: Request, python: Python) -> Resolution | None:
        known = answer(request, self._hive.lock, python)
        if known is None and self._inputs.answers is not None:
            known = answer(request, self._inputs.answers, python)
        return known

    def _evaluate(self, image: HiveImage) -> Evaluation:
        inputs = self._inputs
        return evaluate(
            image.parsed(),
            EvaluateInputs(
                platform=inputs.platform,
                args=self._args(image),
                epoch=inputs.epoch,
                layer_time=inputs.layer_time,
                bases=inputs.bases,
                images=self._facts,
                context=inputs.listings.get(image.name, EmptyListing()),
                find=self._finder(image.name),
                target=self._target(image),
                onbuild=self._hive.settings.policy.get("onbuild", True) is not False,
                compositions=Compositions(self._resolve) if inputs.compose else None,
                **({"remote": inputs.remote} if inputs.remote else {}),
            ),
        )

    def _unknown(self, image: HiveImage, error: UnknownBaseError, warnings: tuple[str, ...]) -> ImagePlan:
        """Plan an image whose base has to be fetched or built before its keys can be computed."""
        above = self._chains.get(error.ref)
        if self._inputs.force and image.name in self._wanted:
            why = Reason("FORCED", "asked for")
        elif self._inputs.previous.get(image.name) is None:
            verb = "fetched" if above is None else "built"
            why = Reason("FIRST_BUILD", f"{error.ref} has to be {verb} first")
        elif above is not None:
            why = Reason("PARENT_CHANGED", _chain(above))
        else:
            why = Reason("BASE_DIGEST_MOVED", f"base {error.ref} has to be fetched again")
        self._chains[image.name] = (image.name, *(above or ()))
        return ImagePlan(image.name, "build", (why,), warnings=warnings)

    def _reasons(self, name: str, key: Digest, now: dict[str, str], parents: list[str]) -> tuple[Reason, ...]:
        """Return why ``name`` has to be built, nothing when it has not."""
        above = [parent for parent in parents if parent in self._chains]
        before = self._inputs.previous.get(name)
        if self._inputs.force and name in self._wanted:
            return (Reason("FORCED", "asked for"),)
        if self._inputs.complete(name, key) and not above:
            return ()
        if before is None:
            return (Reason("FIRST_BUILD", "the store has no record of it"),)
        moved = [p for p in parents if p in above or before.get(f"parent:{p}") != now.get(f"parent:{p}")]
        found = (
            *(Reason("PARENT_CHANGED", _chain(self._chains.get(parent, (parent,)))) for parent in moved),
            *compare(before, now),
        )
        return found or (Reason("FIRST_BUILD", "the store no longer has it as a child of what it stands on"),)

    def _note_chain(self, name: str, parents: list[str]) -> None:
        cause = next((self._chains[parent] for parent in parents if parent in self._chains), ())
        self._chains[name] = (name, *cause)

    def _pinning(self, image: HiveImage) -> tuple[str, ...]:
        """Remark on external bases whose content can change under their name; refuse them in a release."""
        remarks: list[str] = []
        for key, written in self.sources(image).images()[1].items():
            reference, platform = split_external(key, self._inputs.platform)
            pinned = reference.digest or self._hive.lock.pin(reference.canonical, platform)
            floating = not reference.tag or reference.tag == "latest"
            if self._inputs.release and (not pinned or (floating and not reference.digest)):
                raise PolicyError(
                    f"{image.name} stands on {written}, which is not pinned",
                    where=image.dockerfile,
                    why="its content can change under the same name"
                    if not floating
                    else "latest is no version",
                    hint="build once with the registry reachable and commit hivebase.lock",
                )
            if not pinned and key not in self._inputs.made_here:
                remarks.append(f"{image.dockerfile}: {written} is not pinned by hivebase.lock")
        return tuple(remarks)


def _chain(names: tuple[str, ...]) -> str:
    return " <- ".join(names)


def _all(evaluation: Evaluation, attribute: str) -> frozenset[str]:
    return frozenset(item for stage in evaluation.stages for item in getattr(stage, attribute))
