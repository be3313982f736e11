"""From layers to an image: configuration, manifest, tag, and the record that the next plan is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.build.epoch import rfc3339
from hivebase.build.intact import intact
from hivebase.digest import Digest
from hivebase.errors import BuildError
from hivebase.oci.annotations import BASE_DIGEST, BASE_NAME, CREATED, STAND_INS
from hivebase.oci.model import Descriptor, RootFS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.build.stage import Built
    from hivebase.build.workspace import Workspace
    from hivebase.oci.model import ImageConfig
    from hivebase.oci.store import Store
    from hivebase.plan.steps import ImagePlan

IMAGES = "image"
"""Namespace of the records of finished images: one per reference."""

MAX_LAYERS = 125
"""Layers of one image, measured: with more, Docker's overlay driver cannot mount it."""


def budgets(workspace: Workspace, plans: Sequence[ImagePlan]) -> dict[str, int]:
    """Return the most layers that each image may have; other people's trees have no budget."""
    if not workspace.configured:
        return {}
    hive = workspace.hive
    stood_on = {name for item in plans for stage in item.stages for name in stage.needs_images}
    roles = {group.name: group.role for group in hive.settings.group}
    limits, found = hive.settings.budget, {}
    for item in plans:
        is_base = item.name in stood_on or roles.get(hive.image(item.name).group) == "base"
        found[item.name] = limits.base_layers if is_base else limits.service_layers
    return found


def refuse_too_many(plan: ImagePlan, built: Built, budget: int) -> None:
    """Make sure that an image has no more layers than it may.

    Raises:
        BuildError: more than runtimes can stack, or than the hive allows itself.
    """
    if len(built.layers) > MAX_LAYERS:
        raise BuildError(
            f"the image has {len(built.layers)} layers",
            where=plan.name,
            why=f"Docker runs images of at most {MAX_LAYERS} layers, those of the base included",
            hint="join RUN and COPY steps, or build on a base with fewer layers",
        )
    if len(built.layers) > budget:
        raise BuildError(
            f"the image has {len(built.layers)} layers",
            where=plan.name,
            why=f"[budget] of hivebase.toml, or its default, allows {budget}",
            hint="join RUN and COPY steps, or raise the budget; each layer is one more request when it is pulled",
        )


def finish(  # noqa: PLR0913 -- each under its name
    store: Store,
    plan: ImagePlan,
    built: Built,
    *,
    base: tuple[str, str],
    epoch: int,
    stand_ins: Sequence[str],
    start: ImageConfig | None = None,
) -> Descriptor:
    """Write configuration and manifest of a finished image to the store; nothing is tagged yet.

    Args:
        store: where to.
        plan: what was built; its last stage has the configuration.
        built: the layers and the history.
        base: reference and digest of what the image stands on; empty for an image from scratch.
        epoch: the instant of the build.
        stand_ins: names for the label.
        start: the configuration, where another engine made it; else the plan's.
    """
    start = start or plan.stages[-1].config
    labels = {name: value for name, value in start.config.labels.items() if name != STAND_INS}
    if stand_ins:
        labels[STAND_INS] = ",".join(stand_ins)
    config = msgspec.structs.replace(
        start,
        created=rfc3339(epoch),
        config=msgspec.structs.replace(start.config, labels=labels),
        rootfs=RootFS(diff_ids=built.diff_ids),
        history=built.history,
    )
    name, digest = base
    annotations = {CREATED: rfc3339(epoch), BASE_NAME: name, **({BASE_DIGEST: digest} if digest else {})}
    return store.put_image(config, [layer.descriptor for layer in built.layers], annotations=annotations)


def publish(
    store: Store, plan: ImagePlan, ref: str, descriptor: Descriptor, parents: Mapping[str, str]
) -> None:
    """Give the finished image its name, and remember what it was made from.

    Everything below the name is in the store before it, and the record comes last: a build that is killed in
    between leaves a whole image that the next build makes again from cached steps.

    Args:
        store: where to.
        plan: what was built.
        ref: the name.
        descriptor: of the manifest.
        parents: digest by reference, of the images of the hive that it was made from.
    """
    record = ImageRecord(str(plan.key), descriptor, dict(parents), dict(plan.inputs))
    name = Digest.of(ref.encode())
    # Two builds of one image may end at once: the name and the record must be of the same one.
    with store.lock(f"publish-{name.hex}"):
        store.tag(ref, descriptor)
        store.put_record(IMAGES, name, msgspec.to_builtins(record, enc_hook=str))


def finished(store: Store, ref: str, key: Digest) -> Descriptor | None:
    """Return what ``ref`` names, if it is the image that was built for ``key`` and can be used as it is.

    That is: the name was not moved since, every blob is intact, and the parents are the same. A parent that was
    built again without the cache has the same key and other layers: what stood on the old one is not a child of
    the new one.
    """
    record = _record(store, ref)
    named = store.resolve(ref)
    if record is None or named is None or record.key != key or record.descriptor.digest != named.digest:
        return None
    for parent, digest in record.parents.items():
        now = store.resolve(parent)
        if now is None or now.digest != digest:
            return None
    return named if intact(store, named.digest) else None


def previous_inputs(store: Store, ref: str) -> Mapping[str, str] | None:
    """Return what the last successful build under ``ref`` was made from, or None."""
    record = _record(store, ref)
    return record.inputs if record is not None else None


def made_from(store: Store, ref: str, digest: str) -> ImageRecord | None:
    """Return what the image ``digest`` was made from, as remembered under ``ref``, or None."""
    record = _record(store, ref)
    return record if record is not None and record.descriptor.digest == digest else None


def _record(store: Store, ref: str) -> ImageRecord | None:
    try:
        return msgspec.convert(store.record(IMAGES, Digest.of(ref.encode())), ImageRecord)
    except msgspec.ValidationError:
        return None


class ImageRecord(msgspec.Struct, frozen=True):
    """What is remembered of the last build of one reference.

    Attributes:
        key: of the plan.
        descriptor: of the manifest.
        parents: digest by reference, of the images of the hive that it was made from.
        inputs: what the next plan is compared with (see :mod:`hivebase.plan.inputs`).
    """

    key: str
    descriptor: Descriptor
    parents: dict[str, str]
    inputs: dict[str, str]
