"""Does the installations of one build: finds the interpreter, makes the layers, and leaves a receipt.

Layers are made as soon as the build begins, for what the plan says and the bases show; when the step's turn comes, the
tree is looked at for real. Where it is as expected, which is nearly always, everything is there.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from hivebase.build.changes import changes, synchronised
from hivebase.build.local_install import LocalInstall, Resolved
from hivebase.build.scratch import scratch
from hivebase.build.stage import Built, Left
from hivebase.build.target import Target, check, target_of
from hivebase.build.visible import Visible
from hivebase.digest import Digest
from hivebase.errors import HivebaseError
from hivebase.layers.layer import Layer
from hivebase.layers.wheels.collisions import refuse_collisions
from hivebase.layers.wheels.compiler import Compiler
from hivebase.layers.wheels.groups import arrange, together
from hivebase.layers.wheels.jobs import Requested
from hivebase.layers.wheels.maker import LayerMaker
from hivebase.layers.wheels.places import Places
from hivebase.layers.wheels.probe import (
    NotComposableError,
)
from hivebase.layers.wheels.receipt import write_receipt
from hivebase.layers.wheels.replace import removal
from hivebase.plan.resolve_pins import normalise
from hivebase.progress import Event
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from hivebase.build.projects import Projects
    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.layers.snapshots import Snapshots
    from hivebase.layers.sources import Source
    from hivebase.layers.wheels.files import WheelFiles
    from hivebase.layers.wheels.installed import Distribution
    from hivebase.layers.wheels.jobs import LayerMade, WheelFacts
    from hivebase.layers.wheels.maker import Elsewhere
    from hivebase.layers.wheels.replace import Removal
    from hivebase.oci.store import Store
    from hivebase.plan.installs.model import Install
    from hivebase.plan.steps import ComposeStep, ImageSource
    from hivebase.plan.wheels import LockedWheel
    from hivebase.progress import Listener


_SMALL = 4 << 20
"""Bytes of wheels up to which an installation of local ones is a single layer."""


class Composer:
    """See the module. Safe between threads; close it after use.

    Args:
        store: where layers go.
        indexes: of the store.
        snapshots: unpacks the layers that hold an interpreter, when one has to compile.
        files: where wheels come from.
        projects: builds wheels of local projects.
        epoch: the time of everything in layers.
        elsewhere: layers of other machines; None if there is no shared cache.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- what an installation needs
        self,
        store: Store,
        indexes: Indexes,
        snapshots: Snapshots,
        files: WheelFiles,
        projects: Projects,
        epoch: int,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._snapshots = snapshots
        self._files = files
        self._projects = projects
        self._epoch = epoch
        self._stack = ExitStack()
        self._maker = self._stack.enter_context(LayerMaker(store, indexes, files, elsewhere=elsewhere))
        self._begun: dict[tuple[object, ...], Target] = {}  # by what begin() asks, on one thread
        self._compilers: dict[tuple[str, ...], Compiler] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """End everything that is still going on."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def finish(self) -> None:
        """Let go of what only installations need: there will be no more."""
        with self._lock:
            for compiler in self._compilers.values():
                compiler.finish()

    def compose(
        self,
        image: str,
        step: ComposeStep,
        on: Built,
        sources: Mapping[ImageSource, Built],
        context: Callable[[], Source],
        listener: Listener,
    ) -> tuple[Left, ...] | None:
        """Return the layers that ``step`` adds on top of ``on``; None when it has to be run, which is told.

        Raises:
            HivebaseError: a wheel cannot be had or is not acceptable.
        """
        try:
            with ExitStack() as stack:
                tree = stack.enter_context(self._indexes.tree(on.layers))
                target = target_of(self._store, step, on.layers, tree)
                visible = Visible(step.run, tree, sources, context, self._indexes, stack)
                check(step, tree, target, visible)
                if step.resolution is not None:
                    resolved = Resolved(step.resolution)
                else:
                    local = LocalInstall(self._files, self._projects, visible, listener)
                    resolved = local.resolve(step, on.layers, tree, target.environment, target.present)
                return self._install(image, step, resolved, on, tree, target, listener)
        except NotComposableError as error:
            listener(Event(image, "note", f"line {step.line} is run, not composed: {error}"))
            return None

    def begin(self, step: ComposeStep, base: Built, before: Sequence[LockedWheel] = ()) -> None:
        """Start making the layers of ``step``; a wrong guess costs time and nothing else.

        Args:
            step: of an image that stands on ``base``.
            base: in the store.
            before: what is installed on it before this step.
        """
        if step.resolution is None:
            return
        install, path = step.install, dict(step.run.env).get("PATH")
        key = (install.tool, install.program, install.module, path, base.diff_ids)
        try:
            if key not in self._begun:
                with self._indexes.tree(base.layers) as tree:
                    self._begun[key] = target_of(self._store, step, base.layers, tree)
            target = self._begun[key].later(before, self._files.get)
        except (NotComposableError, HivebaseError):
            return
        self._start(changes(step.resolution, target.present).wanted, step.install, target, base.layers, {})

    def _install(  # noqa: PLR0913, PLR0917 -- what is known of one installation
        self,
        image: str,
        step: ComposeStep,
        resolved: Resolved,
        on: Built,
        tree: IndexedTree,
        target: Target,
        listener: Listener,
    ) -> tuple[Left, ...]:
        resolution, direct = resolved.resolution, resolved.direct
        found = changes(resolution, target.present, direct)
        if step.install.sync:
            found = synchronised(found, resolution, target.present, target.environment)
        if not (found.wanted or found.gone):
            return ()
        left = list(resolved.left)
        if found.gone:
            gone = removal(tree, found.gone, target.environment.scheme)
            target = replace(target, places=gone.remaining(target.places))
            left.append(self._remove(image, found.gone, gone, target, listener))
        every = step.install.tool == "uv"
        asked = {
            wheel.name: Requested(every or wheel.name in resolution.requested, direct.get(wheel.name, b""))
            for wheel in found.wanted
        }
        # What was made here is nobody else's: one layer will do.
        whole = step.resolution is None and sum(wheel.size for wheel in found.wanted) < _SMALL
        started = self._start(found.wanted, step.install, target, on.layers, asked if whole else {})
        facts: list[WheelFacts] = []
        for label, future in started:
            made = future.result()
            left.append(Left(Layer(made.descriptor, Digest.parse(made.diff_id)), f"hivebase: {label}"))
            facts += made.wheels
        if whole:
            refuse_collisions(facts)  # what comes apart is looked at when its receipts are written
        if whole or not facts:
            return tuple(left)
        scheme, receipts = target.environment.scheme, [(item, asked[normalise(item.name)]) for item in facts]
        layer = write_receipt(receipts, scheme, target.places, self._epoch, self._store, self._indexes)
        return (*left, Left(layer, "hivebase: receipts"))

    def _start(
        self,
        wanted: Sequence[LockedWheel],
        install: Install,
        target: Target,
        layers: Sequence[Layer],
        receipts: Mapping[str, Requested],
    ) -> list[tuple[str, Future[LayerMade]]]:
        """Start making layers; with ``receipts``, all is one layer and they are in it."""
        # Where a wheel goes depends on its size, which not every index tells.
        wanted = [
            wheel if wheel.size else replace(wheel, size=self._files.get(wheel).stat().st_size)
            for wheel in wanted
        ]
        compiler: Callable[[], Compiler] | None = None
        if install.compile:
            holding = tuple(layers[: target.layers])

            def compiler() -> Compiler:
                return self._compiler(target.environment.binary, holding)

        scheme = target.environment.scheme
        groups = together(wanted) if receipts else arrange(wanted)
        coming = self._maker.make(groups, scheme, target.places, self._epoch, compiler, receipts)
        return [(group.label, future) for group, future in zip(groups, coming, strict=True)]

    def _compiler(self, binary: str, layers: Sequence[Layer]) -> Compiler:
        key = (binary, *(str(layer.diff_id) for layer in layers))
        with self._lock:
            if key not in self._compilers:
                work = self._stack.enter_context(scratch(self._store))
                descriptors = [layer.descriptor for layer in layers]
                self._compilers[key] = self._stack.enter_context(
                    Compiler(
                        lambda: self._snapshots.directories(descriptors, key[1:]),
                        binary,
                        self._files.directory,
                        work,
                    )
                )
            return self._compilers[key]

    def _remove(
        self,
        image: str,
        distributions: Sequence[Distribution],
        gone: Removal,
        target: Target,
        listener: Listener,
    ) -> Left:
        names = ", ".join(f"{item.name} {item.version}" for item in distributions)
        listener(
            Event(image, "note", f"takes {names} away; its {gone.size:,} bytes stay in the layers below")
        )
        places, seen = Places(target.places), set[str]()
        with self._indexes.writer(self._epoch) as writer:
            for path in gone.paths:
                for parent in places.entries(path.rpartition("/")[0], seen, self._epoch):
                    writer.add(parent)
                writer.whiteout(path)
            layer = writer.finish()
        if layer is None:
            raise NotComposableError(f"nothing of {names} is there")
        return Left(layer, f"hivebase: without {names}")
