"""Builds one stage: each step is found in the cache or done, and leaves at most one layer.

Unpacking is lazy: a stage whose steps are all cached never touches a file system tree.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from hivebase.build.epoch import rfc3339
from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, HivebaseError, NotFoundError, UsageError
from hivebase.layers.layer import Layer
from hivebase.layers.tree import StackedTree
from hivebase.oci.model import Descriptor, History
from hivebase.plan.keys import fingerprint
from hivebase.plan.steps import ConfigStep, CopyStep, RunStep, WorkdirStep
from hivebase.progress import Event, Listener, silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hivebase.layers.snapshots import Snapshots
    from hivebase.layers.tree import Tree
    from hivebase.oci.store import Image, Store
    from hivebase.plan.steps import ImageSource, StagePlan

STEPS = "step"
"""Namespace of the records that remember what steps left: one per step key."""


@dataclass(frozen=True, slots=True)
class Built:
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


@dataclass(frozen=True, slots=True)
class StageBuilder:
    """Builds stages of one image.

    Attributes:
        image: its name, the subject of events.
        use_cache: whether step results of earlier builds count.
    """

    store: Store
    doer: Doer
    image: str
    epoch: int
    use_cache: bool
    listener: Listener = silent

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
            layer = None if isinstance(step, ConfigStep) else self._layer(step, built, sources)
            entry = History(
                created=rfc3339(self.epoch),
                created_by=step.created_by,
                comment="hivebase",
                empty_layer=layer is None,
            )
            built = Built((*built.layers, *([layer] if layer else [])), (*built.history, entry))
        return built

    def _layer(
        self, step: RunStep | CopyStep | WorkdirStep, on: Built, sources: Mapping[ImageSource, Built]
    ) -> Layer | None:
        origin = _origin(step, on, sources)
        if self.use_cache:
            hit, layer = self._cached(step.key, origin)
            if hit:
                self.listener(Event(self.image, "cached", step=step.text))
                return layer
        started = time.monotonic()
        self.listener(Event(self.image, "started", step=step.text))
        try:
            layer = self._do(step, on, sources)
        except HivebaseError as error:
            place = f"{self.image}, line {step.line}"
            error.where = f"{place}: {error.where}" if error.where else place
            raise
        document = (
            {"diff_id": str(layer.diff_id), "descriptor": msgspec.to_builtins(layer.descriptor, enc_hook=str)}
            if layer
            else {}
        )
        self.store.put_record(STEPS, step.key, {"layer": document, "on": origin})
        self.listener(Event(self.image, "done", step=step.text, seconds=time.monotonic() - started))
        return layer

    def _do(
        self, step: RunStep | CopyStep | WorkdirStep, on: Built, sources: Mapping[ImageSource, Built]
    ) -> Layer | None:
        if isinstance(step, RunStep):
            return self.doer.run(step, on, sources, self.listener)
        if isinstance(step, CopyStep):
            return self.doer.copy(step, on, sources, self.listener)
        return self.doer.workdir(step, on)

    def _cached(self, key: Digest, origin: Digest) -> tuple[bool, Layer | None]:
        """Return whether the store knows the result of ``key``, and the layer (None: it left none)."""
        record = self.store.record(STEPS, key)
        if record is None or "layer" not in record or record.get("on") != origin:
            return False, None
        if not record["layer"]:
            return True, None
        layer = cached_layer(record)
        if layer is None:
            return False, None
        try:
            self.store.verify(layer.descriptor.digest)
        except NotFoundError:  # collected: a record may outlive its blob
            return False, None
        except CorruptContentError as error:
            self.listener(Event(self.image, "note", f"{error.what}; the step that made it is done again"))
            return False, None
        return True, layer


def _origin(
    step: RunStep | CopyStep | WorkdirStep, on: Built, sources: Mapping[ImageSource, Built]
) -> Digest:
    """Return a digest of the layers that ``step`` stands on and reads from.

    A step's key says what these were made *from*. A RUN that was done again need not have left the same files,
    and a layer is a difference: it fits only what it was made on.
    """
    read: list[ImageSource | None] = []
    if isinstance(step, CopyStep):
        read = [step.source]
    elif isinstance(step, RunStep):
        read = [mount.source for mount in step.mounts]
    return fingerprint(
        on.diff_ids, [sources[source].diff_ids for source in read if source and source in sources]
    )


def cached_layer(record: dict[str, object]) -> Layer | None:
    """Return the layer that a record of :data:`STEPS` names, or None if it names none or is damaged."""
    try:
        document = msgspec.convert(record.get("layer"), _LayerRecord)
        return Layer(document.descriptor, Digest.parse(document.diff_id))
    except (msgspec.ValidationError, UsageError):
        return None


class _LayerRecord(msgspec.Struct, frozen=True):
    diff_id: str
    descriptor: Descriptor


def tree_of(built: Built, snapshots: Snapshots) -> tuple[Tree, list[Path]]:
    """Return the merged view of ``built`` and the unpacked directories below it, lowest first."""
    directories = snapshots.directories([layer.descriptor for layer in built.layers], built.diff_ids)
    return StackedTree(directories), directories
