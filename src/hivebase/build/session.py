"""One use of hivebase on one hive: reads it, finds its bases, plans, and builds.

::

    with Session(workspace, store, Options(), pull=…, remote=…, listener=…) as session:
        plans = session.plan()              # asks nobody, fetches nothing
        plans = session.prepare()           # the same, with every external base in the store
        results = session.build(plans)
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

from hivebase.build.answers import Answers
from hivebase.build.bases import Base, BaseFinder, BaseMode, Puller
from hivebase.build.epoch import DEFAULT, build_epoch
from hivebase.build.images import budgets, finished, previous_inputs
from hivebase.build.secrets import Secrets
from hivebase.build.workspace import read_lock
from hivebase.digest import Digest
from hivebase.errors import HivebaseError, UsageError
from hivebase.fs import atomic_write
from hivebase.layers.context import Context
from hivebase.layers.hashing import HashCache
from hivebase.oci.platforms import host_platform
from hivebase.plan.installs.site import Site
from hivebase.plan.lockfile import render_lock
from hivebase.plan.planner import PlanInputs, bottom_of, needed_bases, plan, selected_images
from hivebase.plan.sources import BaseFact, split_external
from hivebase.progress import Event, Listener, silent
from hivebase.reference import Reference
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from hivebase.build.engines import EngineName, ForeignName
    from hivebase.build.engines.foreign import ForeignEngine
    from hivebase.build.execute import ImageResult
    from hivebase.build.shared_cache import SharedCache
    from hivebase.build.wheel_source import WheelSource
    from hivebase.build.workspace import Workspace
    from hivebase.layers.fetch import RemoteFiles
    from hivebase.oci.model import Descriptor, Platform
    from hivebase.oci.store import Image, Store
    from hivebase.plan.hive import HiveImage
    from hivebase.plan.lockfile import HiveLock
    from hivebase.plan.pythons import Python
    from hivebase.plan.steps import ImagePlan, ImageSource
    from hivebase.plan.wheels import Request, Resolution


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for.

    Attributes:
        images: names; empty for all, or for all of ``group``.
        group: name of a group of hivebase.toml.
        version: instead of the one in hivebase.toml.
        no_cache: do every step of the selected images again.
        mode: where external bases come from.
        args: build args.
        secrets: for mounts of that type.
        allow_insecure: let ``RUN --security=insecure`` run.
        compose: compose installations of wheels where that can be done.
        engine: what builds.
        builder: of buildx, where that builds; empty for the one in use.
        epoch: the instant of the build, in seconds since 1970; 0 for what environment and commit say.
        shared_cache: use the shared cache where there is one.
    """

    images: Sequence[str] = ()
    group: str = ""
    version: str = ""
    no_cache: bool = False
    mode: BaseMode | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=Secrets)
    allow_insecure: bool = False
    compose: bool = True
    engine: EngineName = "embedded"
    builder: str = ""
    epoch: int = 0
    shared_cache: bool = True


class Session:
    """See the module. Close it, or use it as a context manager.

    Args:
        workspace: the hive.
        store: where images come from and go to.
        options: what is wanted.
        pull: brings images from registries; None asks none.
        remote: fetches for ADD; None fetches nothing.
        wheels: makes what fetches and resolves wheels for the given interpreters; None composes nothing.
        cache: opens the shared cache, which ends when the event is set; None if there is none.
        listener: told of progress.
    """

    def __init__(  # noqa: PLR0913 -- what reaches outside is passed in, each under its name
        self,
        workspace: Workspace,
        store: Store,
        options: Options,
        *,
        pull: Puller | None = None,
        remote: RemoteFiles | None = None,
        wheels: Callable[[Iterable[Python]], WheelSource] | None = None,
        cache: Callable[[threading.Event], SharedCache] | None = None,
        listener: Listener = silent,
    ) -> None:
        if options.version:
            _refuse_unfit(options.version)
            workspace = replace(workspace, hive=workspace.hive.with_version(options.version))
        self.workspace: Workspace = workspace
        self.options = options
        self.store = store
        self.listener = listener
        self.cancel = threading.Event()
        self._pull = pull
        self._remote = remote
        self._make_wheels = wheels
        self._open_cache = cache
        self._wheels: WheelSource | None = None
        self._contexts: dict[str, Context] = {}
        self._lock = threading.Lock()
        self._bases: dict[str, Base] = {}
        self._ready: dict[str, Descriptor] = {}
        self._stack = ExitStack()
        self._names = _selection(workspace, options)

    @cached_property
    def epoch(self) -> int:
        """The instant of the build."""
        return self.options.epoch or build_epoch(self.workspace.root)

    @cached_property
    def platform(self) -> Platform:
        """The platform of the build: this machine's, since steps run on it."""
        return host_platform()

    @property
    def mode(self) -> BaseMode:
        """Where external bases come from."""
        return self.options.mode or self.workspace.hive.settings.base.mode

    def reference(self, name: str) -> str:
        """Return the reference under which the image ``name`` is stored."""
        return self.workspace.hive.reference(name)

    def plan(self) -> tuple[ImagePlan, ...]:
        """Plan with what the store holds; ask nobody.

        Raises:
            UsageError: the hive, a Dockerfile or a context is wrong.
        """
        return self.look(online=False)

    def look(self, *, online: bool) -> tuple[ImagePlan, ...]:
        """Plan for looking at what is installed.

        Args:
            online: fetch the bases that the store does not have; else images on them have no stages.

        Raises:
            UsageError: the hive, a Dockerfile or a context is wrong.
            SystemFaultError: a base cannot be had.
        """
        self._find_bases(online=online)
        return self._planned()

    def python_of(self, image: HiveImage) -> Python | None:
        """Return the interpreter in the base that ``image`` stands on at the very bottom, as far as it is known."""
        base = self._bases.get(bottom_of(self.workspace.hive, self._inputs(), image))
        return self._site(base).python if base is not None else None

    def prepare(self) -> tuple[ImagePlan, ...]:
        """Make sure that every external base is in the store, and plan.

        Raises:
            UsageError: the hive, a Dockerfile or a context is wrong.
            SystemFaultError: a base cannot be had.
        """
        # From here on: what is found now must still be there when it is built on (fault S-5).
        self._stack.enter_context(self.store.lease())
        self._find_bases(online=True)
        if self._make_wheels is not None and self.options.compose and self.options.engine == "embedded":
            pythons = [python for base in self._bases.values() if (python := self._site(base).python)]
            self._wheels = self._stack.enter_context(self._make_wheels(pythons))
        plans = self._planned()
        while self._wheels is not None and self._resolve(plans):
            plans = self._planned()
        return plans

    def build(self, plans: Sequence[ImagePlan], workers: int = 0) -> tuple[ImageResult, ...]:
        """Do what ``plans`` say.

        Args:
            plans: of :meth:`prepare`.
            workers: stages built at once; 0 for as many as there are processors.

        Raises:
            InterruptedByUserError: Ctrl-C.
        """
        from hivebase.build.engine import Engine  # noqa: PLC0415 -- a plan alone needs no engine
        from hivebase.build.execute import Execution  # noqa: PLC0415
        from hivebase.build.scratch import sweep  # noqa: PLC0415

        sweep(self.store)
        engine = Engine(
            self.store,
            lambda name: self.context(self.workspace.hive.image(name)),
            self.cancel,
            self.options.secrets,
            self._remote,
            self._wheels,
            self.options.allow_insecure,
            self._cache(),
            read_cache=not self.options.no_cache,
        )
        forced = {item.name for item in plans if any(reason.code == "FORCED" for reason in item.reasons)}
        foreign = self.foreign(self.options.engine, forced) if self.options.engine != "embedded" else None
        execution = Execution(
            self.store,
            engine,
            {item.name: self.reference(item.name) for item in plans},
            self._ready,
            self._bases,
            self.epoch,
            frozenset(forced),
            self.listener,
            budgets(self.workspace, plans),
            foreign.build if foreign is not None else None,
            engine.shared,
        )
        with ExitStack() as stack:
            stack.enter_context(closing(engine))
            stack.enter_context(self.store.lease())
            if engine.shared is not None:
                stack.enter_context(engine.shared)
            if foreign is not None:
                stack.enter_context(closing(foreign))
                to_build = [item for item in plans if item.action == "build"]
                foreign.check(to_build)
                foreign.begin(to_build, self._outside)
            engine.begin(plans, self._bases)
            results = execution.run(plans, workers or os.cpu_count() or 1, self.cancel)
        self._remember_hashes()
        return results

    def _cache(self) -> Callable[[], SharedCache] | None:
        opened = self._open_cache
        if opened is None or not self.options.shared_cache or self.options.engine != "embedded":
            return None
        return lambda: opened(self.cancel)

    @property
    def selected(self) -> tuple[str, ...]:
        """The images that were asked for by name; none when all were."""
        return tuple(self.workspace.hive.image(name).name for name in self._names)

    def base(self, key: str) -> Image:
        """Return an external image by its name in ``StagePlan.needs_external``, once a plan was prepared."""
        return self._bases[key].image

    def foreign(self, name: ForeignName, forced: Collection[str] = ()) -> ForeignEngine:
        """Return an engine that is not ours, for the images of this session.

        Raises:
            SystemFaultError: it is not installed, or does not answer.
            UsageError: it cannot be given what this machine's package settings need.
        """
        from hivebase.build.engines.foreign import ForeignEngine  # noqa: PLC0415 -- seldom used

        return ForeignEngine(
            name,
            self.store,
            self.workspace,
            self._inputs(),
            self.options.secrets,
            self.listener,
            self.cancel,
            forced,
            self.options.builder,
        )

    def _outside(self, source: ImageSource) -> Image:
        """Return an image that a build reads and does not make."""
        if source.kind == "image":
            return self.store.image(self._ready[source.ref].digest)
        return self.base(source.ref)

    def close(self) -> None:
        """Close contexts and let other processes remove unpacked layers again."""
        for context in self._contexts.values():
            context.close()
        self._contexts.clear()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def context(self, image: HiveImage) -> Context:
        """Return the build context of ``image``; one object for as long as the session lasts."""
        with self._lock:
            if image.name not in self._contexts:
                root = self.workspace.context(image)
                self._contexts[image.name] = Context.at(
                    root,
                    dockerfile=self.workspace.dockerfile(image),
                    hashes=HashCache.open(self.store.state, root),
                )
            return self._contexts[image.name]

    def _remember_hashes(self) -> None:
        for name, context in self._contexts.items():
            try:
                context.save()
            except (HivebaseError, OSError) as error:
                # They save time in the next build; this one has succeeded without them.
                self.listener(Event(name, "note", f"the context's digests are not kept: {error}"))

    def _resolve(self, plans: Sequence[ImagePlan]) -> bool:
        """Answer what the lock does not; tell whether there was anything."""
        from hivebase.build.questions import open_questions  # noqa: PLC0415 -- seldom anything is open

        questions = open_questions(plans)
        if self._wheels is None or not questions:
            return False
        for request, python in questions:
            known = [*self.workspace.hive.lock.wheels.values(), *self._answers.lock.wheels.values()]
            self._remember(request, self._wheels.resolver.resolve(request, python, known))
        return True

    def _inputs(self) -> PlanInputs:
        return PlanInputs(
            names=self._names,
            args=self.options.args,
            epoch=self.epoch,
            # The constant: a commit changes what images say of themselves, and no layer.
            layer_time=DEFAULT,
            platform=str(self.platform),
            force=self.options.no_cache,
            stand_ins="never" if self.mode == "registry" else "auto",
        )

    def _planned(self) -> tuple[ImagePlan, ...]:
        hive, inputs = self.workspace.hive, self._inputs()
        images = selected_images(hive, inputs)
        plans = plan(
            hive,
            replace(
                inputs,
                bases={
                    key: BaseFact(
                        Digest.parse(base.image.descriptor.digest),
                        base.image.config,
                        site=self._site(base),
                    )
                    for key, base in self._bases.items()
                },
                listings={image.name: self.context(image) for image in images},
                previous={
                    image.name: previous_inputs(self.store, self.reference(image.name)) for image in images
                },
                complete=self._is_finished,
                # A stand-in has nothing to be pinned to, and without hivebase.toml there is no lock to pin in.
                made_here=frozenset(
                    key
                    for key, base in self._bases.items()
                    if base.stand_ins or not self.workspace.configured
                ),
                remote=self._remote_key,
                compose=self.options.compose,
                answers=self._answers.lock,
            ),
        )
        for name, context in self._contexts.items():
            for remark in context.notes:
                self.listener(Event(name, "note", remark))
        return plans

    def _site(self, base: Base) -> Site:
        """Return what planning must know of Python in ``base``."""
        if not self.options.compose:
            return Site()
        from hivebase.build.pythons import site_of  # noqa: PLC0415 -- not needed without composition
        from hivebase.layers.indexed_cache import Indexes  # noqa: PLC0415

        return site_of(self.store, Indexes(self.store), base.image)

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self.store, self.workspace.root)

    def _remember(self, request: Request, resolution: Resolution) -> None:
        """Keep what an installation resolved to: in hivebase.lock, or in the store where the hive has none."""
        if not self.workspace.configured:
            self._answers.remember(request, resolution)
            return
        self._change_lock(lambda lock: lock.with_install(request, resolution))

    def _is_finished(self, name: str, key: Digest) -> bool:
        """Tell whether the store has the image that ``key`` stands for, and remember which one that is."""
        found = finished(self.store, self.reference(name), key)
        if found is not None:
            self._ready[name] = found
        return found is not None

    def _remote_key(self, source: str, checksum: str, keep_git_dir: bool) -> str:  # noqa: FBT001 -- PlanInputs.remote
        """Return what identifies the content of an ADD from a network."""
        if self._remote is None:
            return source
        return self._remote.key(source, checksum, keep_git_dir=keep_git_dir)

    def external(self) -> tuple[str, ...]:
        """Return the names, as the store has them, of the images that do not come from this hive."""
        needed = needed_bases(self.workspace.hive, self._inputs())
        return tuple(split_external(item.key, str(self.platform))[0].shortest for item in needed)

    def _find_bases(self, *, online: bool) -> None:
        finder = self._finder(online=online)
        for needed in needed_bases(self.workspace.hive, self._inputs()):
            reference, platform = split_external(needed.key, str(self.platform))
            if platform != str(self.platform):
                raise UsageError(
                    f"{needed.written} is wanted for {platform}",
                    where=", ".join(needed.users),
                    why=f"this machine builds for {self.platform}, and steps run on it",
                )
            base = finder.find(reference.shortest) if online else finder.held(reference.shortest)
            if base is not None:
                self._bases[needed.key] = base

    def _finder(self, *, online: bool) -> BaseFinder:
        pins = self.workspace.hive.lock.for_platform(str(self.platform))
        maker = None
        if online:
            from hivebase.build.stand_in_base import StandInBases  # noqa: PLC0415 -- only where one is made
            from hivebase.layers.snapshots import Snapshots  # noqa: PLC0415

            maker = StandInBases(self.store, Snapshots(self.store), self.listener)
        return BaseFinder(
            self.store,
            self.mode,
            self.platform,
            pins,
            self._pull if online else None,
            maker,
            self.listener,
            self._pin,
        )

    def _pin(self, reference: str, digest: Digest) -> None:
        """Write a digest that was just learned to hivebase.lock, where the hive is configured to have one."""
        if not self.workspace.configured:
            return
        self._change_lock(lambda lock: lock.with_pin(reference, str(self.platform), digest))
        self.listener(Event(reference, "note", f"pinned to {digest} in {self.workspace.lock_file.name}"))

    def _change_lock(self, change: Callable[[HiveLock], HiveLock]) -> None:
        root, name = self.workspace.root, self.workspace.lock_file.name
        # Read again: another build may have written to it since this one began.
        with self.store.lock("pins"):
            lock = change(read_lock(root))
            atomic_write(root, name, render_lock(lock).encode(), mode=0o644)
        self.workspace = replace(self.workspace, hive=replace(self.workspace.hive, lock=lock))


def _refuse_unfit(version: str) -> None:
    try:
        Reference.parse(f"x:{version}")
    except UsageError as error:
        raise UsageError(f"not a version: {version!r}", why=error.why, hint="--version X.Y.Z") from None


def _selection(workspace: Workspace, options: Options) -> tuple[str, ...]:
    hive = workspace.hive
    if not hive.images:
        raise UsageError("there are no Dockerfiles here", where=str(workspace.root), hint="hivebase -C DIR …")
    if not options.group:
        return tuple(options.images)
    return (*hive.of_group(options.group), *options.images)
