"""What machines share: results of steps and layers of wheels that others made, and those made here, for others.

A cache says what its writers wrote. So of each layer that comes from one, the DiffID is computed before anything
stands on it, and what a result says beside its layers must fit the question.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from hivebase.build.stage import STEPS, cached_layers
from hivebase.digest import Digest
from hivebase.errors import HivebaseError, InterruptedByUserError
from hivebase.layers.bootstrap.recipe import MARKERS
from hivebase.layers.layer import Layer
from hivebase.layers.wheels.jobs import LayerMade
from hivebase.layers.wheels.made_of import made_of, remember
from hivebase.oci.model import LAYER_GZIP, Descriptor
from hivebase.plan.keys import fingerprint
from hivebase.plan.steps import ComposeStep, RunStep
from hivebase.plan.wheels import LockedWheel
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hivebase.build.stage import LayerStep, Left
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.oci.store import Store

LAYERS = "wheel-layer"
"""Namespace of the layers of wheels; results of steps have that of their records."""

_MARKERS = MARKERS.rpartition("/")[2]


class SharedCache(Protocol):
    """Where results are shared: :class:`hivebase.registry.cache.RegistryCache`. Safe between threads; never fails."""

    def get(self, namespace: str, key: Digest, /) -> dict[str, Any] | None:
        """Return the record for ``key``, its blobs now in the store; None if there is none."""

    def put(
        self,
        namespace: str,
        key: Digest,
        value: dict[str, Any],
        blobs: Sequence[Descriptor],
        /,
        *,
        replace: bool = False,
    ) -> None:
        """Begin to write a record and its blobs; with ``replace`` also where there is one."""

    def refuse(self, namespace: str, key: Digest, why: str, /) -> None:
        """Take back what :meth:`get` returned."""

    def finish(self) -> None:
        """Wait for all that is being written."""

    def abandon(self) -> None:
        """Wait for nothing."""


class SharedResults:
    """Results as a build asks for them. Safe between threads.

    As a context manager it waits at the end for what is being written, unless the build was broken off.

    Args:
        opened: returns the cache; called when it is first needed.
        store: where layers go.
        indexes: of the store.
        missed: told of an image that has a step which neither the store nor the cache has.
        read: whether anything is taken from the cache.
    """

    def __init__(
        self,
        opened: Callable[[], SharedCache],
        store: Store,
        indexes: Callable[[], Indexes],
        missed: Callable[[str], object],
        *,
        read: bool = True,
    ) -> None:
        self.missed = missed
        self._opened = opened
        self._store = store
        self._indexes = indexes
        self._reads = read
        self._lock = threading.Lock()
        self._made: SharedCache | None = None

    @property
    def _cache(self) -> SharedCache:
        with self._lock:
            if self._made is None:
                self._made = self._opened()
            return self._made

    # Steps

    def step(self, step: LayerStep, origin: Digest) -> tuple[Left, ...] | None:
        """Return what ``step`` left on another machine, its layers now in the store; None if that is not known.

        Args:
            step: it.
            origin: digest of the layers that it stands on and reads from.
        """
        if not self._reads or not _shared(step):
            return None
        key = _step_key(step, origin)
        value = self._cache.get(STEPS, key)
        if value is None:
            return None
        left = cached_layers(value)
        why = "it does not say what the step left"
        if left is not None and value.get("on") == origin:
            wheels = _wheels(value, len(left))
            if wheels is None or not _installed_by(step, wheels):
                why = "it says that other wheels were installed"
            elif not (why := self._unfit([item.layer for item in left])):
                for item, made in zip(left, wheels, strict=True):
                    if made:
                        remember(self._store, item.layer.descriptor.digest, made)
                return left
        self._cache.refuse(STEPS, key, why)
        return None

    def put_step(
        self,
        step: LayerStep,
        origin: Digest,
        left: Sequence[Left],
        record: dict[str, Any],
        *,
        anew: bool,
    ) -> None:
        """Share what a step has left.

        Args:
            step: it.
            origin: digest of the layers that it stands on and reads from.
            left: its layers.
            record: what the store remembers of them.
            anew: it was done again although its result may be known.
        """
        layers = [item.layer for item in left]
        if not _shared(step) or any(map(self._stands_in, layers)):
            return
        blobs = [layer.descriptor for layer in layers]
        wheels = [msgspec.to_builtins(made_of(self._store, blob.digest)) for blob in blobs]
        value = {**record, "on": str(origin), "wheels": wheels}
        self._cache.put(STEPS, _step_key(step, origin), value, blobs, replace=anew)

    # Layers of wheels: hivebase.layers.wheels.maker.Elsewhere

    def layer(self, key: Digest) -> LayerMade | None:
        """Return the layer of wheels that another machine made for ``key``, now in the store; None if there is none."""
        value = self._cache.get(LAYERS, key) if self._reads else None
        if value is None:
            return None
        try:
            made = msgspec.convert(value.get("made"), LayerMade)
            why = self._unfit([Layer(made.descriptor, Digest.parse(made.diff_id))])
        except (msgspec.ValidationError, HivebaseError):
            why = "it does not say what was made"
        if not why:
            return made
        self.refuse(key, why)
        return None

    def made(self, key: Digest, made: LayerMade) -> None:
        """Share a layer of wheels."""
        value = {"made": msgspec.to_builtins(made, enc_hook=str)}
        self._cache.put(LAYERS, key, value, [made.descriptor])

    def refuse(self, key: Digest, why: str) -> None:
        """Take back what :meth:`layer` returned."""
        self._cache.refuse(LAYERS, key, why)

    # Both

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._made is None:
            return
        if kind is not None:
            self._made.abandon()
            return
        try:
            self._made.finish()
        except BaseException:
            self._made.abandon()
            raise

    def _unfit(self, layers: Sequence[Layer]) -> str:
        """Return why ``layers`` are not what they are said to be; empty if they are."""
        for layer in layers:
            plain = Descriptor(LAYER_GZIP, layer.descriptor.digest, layer.descriptor.size)
            if layer.descriptor != plain:
                return "a layer of it is not of the kind that is written here"
            try:
                self._store.verify(plain.digest)
                if self._store.size(plain.digest) != plain.size:
                    return "a layer of it has another size"
                self._indexes().get(layer)
            except InterruptedByUserError:
                raise
            except HivebaseError as error:
                return error.what
        return ""

    def _stands_in(self, layer: Layer) -> bool:
        """Tell whether there are markers of stand-ins in a layer, wherever they will be copied to."""
        try:
            index = self._indexes().get(layer)
        except HivebaseError:
            return True  # what cannot be looked into is not shared
        return any(
            path.rpartition("/")[2] == _MARKERS and index.directory(path).rows for path in index.directories()
        )


def _shared(step: LayerStep) -> bool:
    """Tell whether results of ``step`` are shared: not if this machine has to allow it first."""
    command = step.run if isinstance(step, ComposeStep) else step
    return not (isinstance(command, RunStep) and command.privileged)


def _step_key(step: LayerStep, origin: Digest) -> Digest:
    # The origin too: a RUN need not leave the same files on two machines, and both have a right to their entry.
    return fingerprint("shared step", step.key, origin)


def _wheels(value: dict[str, Any], count: int) -> tuple[tuple[LockedWheel, ...], ...] | None:
    """Return what each of ``count`` layers was made of, None if ``value`` does not say so."""
    try:
        found = msgspec.convert(value.get("wheels"), tuple[tuple[LockedWheel, ...], ...])
    except msgspec.ValidationError:
        return None
    fit = len(found) == count and all(wheel.well_formed for layer in found for wheel in layer)
    return found if fit else None


def _installed_by(step: LayerStep, wheels: Sequence[Sequence[LockedWheel]]) -> bool:
    """Tell whether ``step`` installs these wheels, as far as the plan knows them."""
    if not isinstance(step, ComposeStep):
        return not any(wheels)
    if step.resolution is None:
        return True
    # Not every lock has sizes.
    known = {replace(wheel, size=0) for wheel in step.resolution.wheels}
    return all(replace(wheel, size=0) in known for layer in wheels for wheel in layer)
