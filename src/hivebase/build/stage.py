"""Builds one stage: each step is found in the cache or done; most leave one layer, a composed one several.

Unpacking is lazy: a stage whose steps are all cached never touches a file system tree.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from hivebase.build.epoch import rfc3339
from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, HivebaseError, NotFoundError, UsageError
from hivebase.layers.layer import Layer
from hivebase.layers.tree import StackedTree
from hivebase.oci.model import Descriptor, History
from hivebase.plan.keys import fingerprint
from hivebase.plan.steps import ComposeStep, ConfigStep, CopyStep, RunStep, WorkdirStep, sources_of
from hivebase.progress import Event, Listener, silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hivebase.build.shared_cache import SharedResults
    from hivebase.layers.snapshots import Snapshots
    from hivebase.layers.tree import Tree
    from hivebase.oci.store import Image, Store
    from hivebase.plan.steps import ImageSource, StagePlan

STEPS = "step"
"""Namespace of the records that remember what steps left: one per step key."""

LayerStep = RunStep | ComposeStep | CopyStep | WorkdirStep
"""A step that may leave layers."""


class Built(msgspec.Struct, frozen=True):
    """A finished stage, or an image as a stage sees it: the whole chain of layers, lowest first, and history.

    ``history`` has one entry per layer that is not marked empty (image-spec, "History").
    """

    layers: tuple[Layer, ...]
    history: tuple[History, ...]

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The DiffIDs, lowest first."""
        return tuple(str(layer.diff_id) for layer in self.layers)

    @classmethod
    def of_image(cls, image: Image) -> Built:
        """Return ``image`` as something to stand on; a history that does not fit its layers is repaired."""
        diff_ids = image.config.rootfs.diff_ids
        layers = tuple(
            Layer(descriptor, Digest.parse(diff_id))
            for descriptor, diff_id in zip(image.manifest.layers, diff_ids, strict=True)
        )
        history = image.config.history
        missing = len(layers) - sum(not entry.empty_layer for entry in history)
        if missing < 0:
            # More layers told of than there are: nothing in the list can be believed.
            history, missing = (), len(layers)
        return cls(layers, (*history, *(History(comment="layer of the base image") for _ in range(missing))))


SCRATCH = Built((), ())


class Left(msgspec.Struct, frozen=True):
    """A layer that a step left, and what is in it where the step left several."""

    layer: Layer
    label: str = ""


class Doer(Protocol):
    """Does the steps that make layers. The embedded engine is :class:`hivebase.build.embedded.Embedded`."""

    def run(
        self, step: RunStep, on: Built, sources: Mapping[ImageSource, Built], listener: Listener
    ) -> Layer | None:
        """Run a command in a sandbox."""

    def copy(
        self, step: CopyStep, on: Built, sources: Mapping[ImageSource, Built], listener: Listener
    ) -> Layer | None:
        """Copy files into the tree."""

    def workdir(self, step: WorkdirStep, on: Built) -> Layer | None:
        """Make a working directory."""

    def compose(
        self, step: ComposeStep, on: Built, sources: Mapping[ImageSource, Built], listener: Listener
    ) -> tuple[Left, ...] | None:
        """Return the layers of an installation; None when it has to be run."""


class StageBuilder(msgspec.Struct, frozen=True):
    """Builds stages of one image.

    Attributes:
        image: its name, the subject of events.
        use_cache: whether step results of earlier builds count.
        shared: results of other machines; None if there is no shared cache.
    """

    store: Store
    doer: Doer
    image: str
    epoch: int
    use_cache: bool
    listener: Listener = silent
    shared: SharedResults | None = None

    def build(self, stage: StagePlan, base: Built, sources: Mapping[ImageSource, Built]) -> Built:
        """Do the steps of ``stage`` on ``base``.

        Args:
            stage: what to do.
            base: what to start from.
            sources: every other stage and image that its steps read from.

        Raises:
            HivebaseError: a step failed; the message names the Dockerfile's line.
        """
        built = base
        for step in stage.steps:
            left = () if isinstance(step, ConfigStep) else self._layers(step, built, sources)
            entries = [self._history(item.label or step.created_by, empty=False) for item in left]
            if left and left[-1].label:
                # The last one is told as the step itself; those before it say what they hold.
                entries[-1] = self._history(step.created_by, empty=False)
            built = Built(
                (*built.layers, *(item.layer for item in left)),
                (*built.history, *(entries or [self._history(step.created_by, empty=True)])),
            )
        return built

    def _history(self, created_by: str, *, empty: bool) -> History:
        return History(
            created=rfc3339(self.epoch), created_by=created_by, comment="hivebase", empty_layer=empty
        )

    def _layers(self, step: LayerStep, on: Built, sources: Mapping[ImageSource, Built]) -> tuple[Left, ...]:
        origin = _origin(step, on, sources)
        if self.use_cache:
            cached = self._cached(step.key, origin)
            if cached is None and self.shared is not None:
                cached = self.shared.step(step, origin)
                if cached is not None:
                    self._remember(step, origin, cached)
            if cached is not None:
                self.listener(Event(self.image, "cached", step=step.text))
                return cached
        if self.shared is not None:
            self.shared.missed(self.image)
        started = time.monotonic()
        self.listener(Event(self.image, "started", step=step.text))
        try:
            left = self._do(step, on, sources)
        except HivebaseError as error:
            place = f"{self.image}, line {step.line}"
            error.where = f"{place}: {error.where}" if error.where else place
            raise
        record = self._remember(step, origin, left)
        if self.shared is not None:
            self.shared.put_step(step, origin, left, record, anew=not self.use_cache)
        self.listener(Event(self.image, "done", step=step.text, seconds=time.monotonic() - started))
        return left

    def _remember(self, step: LayerStep, origin: Digest, left: tuple[Left, ...]) -> dict[str, Any]:
        layers = [
            {
                "diff_id": str(item.layer.diff_id),
                "descriptor": msgspec.to_builtins(item.layer.descriptor, enc_hook=str),
                "label": item.label,
            }
            for item in left
        ]
        record = {"layers": layers, "on": origin}
        self.store.put_record(STEPS, step.key, record)
        return record

    def _do(self, step: LayerStep, on: Built, sources: Mapping[ImageSource, Built]) -> tuple[Left, ...]:
        if isinstance(step, ComposeStep):
            composed = self.doer.compose(step, on, sources, self.listener)
            if composed is not None:
                return composed
            step = step.run
        if isinstance(step, RunStep):
            layer = self.doer.run(step, on, sources, self.listener)
        elif isinstance(step, CopyStep):
            layer = self.doer.copy(step, on, sources, self.listener)
        else:
            layer = self.doer.workdir(step, on)
        return (Left(layer),) if layer else ()

    def _cached(self, key: Digest, origin: Digest) -> tuple[Left, ...] | None:
        """Return what the store knows ``key`` to have left; None when it does not know."""
        record = self.store.record(STEPS, key)
        if record is None or record.get("on") != origin:
            return None
        left = cached_layers(record)
        if left is None:
            return None
        try:
            for item in left:
                self.store.verify(item.layer.descriptor.digest)
        except NotFoundError:  # collected: a record may outlive its blob
            return None
        except CorruptContentError as error:
            self.listener(Event(self.image, "note", f"{error.what}; the step that made it is done again"))
            return None
        return left


def _origin(step: LayerStep, on: Built, sources: Mapping[ImageSource, Built]) -> Digest:
    """Return a digest of the layers that ``step`` stands on and reads from.

    A step's key says what these were made *from*. A RUN that was done again need not have left the same files,
    and a layer is a difference: it fits only what it was made on.
    """
    return fingerprint(
        on.diff_ids, [sources[source].diff_ids for source in sources_of(step) if source in sources]
    )


def cached_layers(record: dict[str, object]) -> tuple[Left, ...] | None:
    """Return the layers that a record of :data:`STEPS` names, or None if it is damaged."""
    try:
        documents = msgspec.convert(record.get("layers"), tuple[_LayerRecord, ...])
        return tuple(
            Left(Layer(item.descriptor, Digest.parse(item.diff_id)), item.label) for item in documents
        )
    except (msgspec.ValidationError, UsageError):
        return None


class _LayerRecord(msgspec.Struct, frozen=True):
    diff_id: str
    descriptor: Descriptor
    label: str = ""


def tree_of(built: Built, snapshots: Snapshots) -> tuple[Tree, list[Path]]:
    """Return the merged view of ``built`` and the unpacked directories below it, lowest first."""
    directories = snapshots.directories([layer.descriptor for layer in built.layers], built.diff_ids)
    return StackedTree(directories), directories
