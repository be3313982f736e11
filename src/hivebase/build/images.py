"""From layers to an image: configuration, manifest, tag, and the record that the next plan is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.build.epoch import rfc3339
from hivebase.digest import Digest
from hivebase.oci.annotations import BASE_DIGEST, BASE_NAME, CREATED, STAND_INS
from hivebase.oci.model import Descriptor, RootFS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.build.stage import Built
    from hivebase.oci.store import Store
    from hivebase.plan.steps import ImagePlan

_IMAGES = "image"
_INPUTS = "inputs"


def finish(
    store: Store,
    plan: ImagePlan,
    built: Built,
    *,
    base: tuple[str, str],
    epoch: int,
    stand_ins: Sequence[str],
) -> Descriptor:
    """Write configuration and manifest of a finished image to the store; nothing is tagged yet.

    Args:
        store: where to.
        plan: what was built; its last stage has the configuration.
        built: the layers and the history.
        base: reference and digest of what the image stands on; empty for an image from scratch.
        epoch: the instant of the build.
        stand_ins: names for the label.
    """
    start = plan.stages[-1].config
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

    The tag comes last: whoever sees it finds everything below it.

    Args:
        store: where to.
        plan: what was built.
        ref: the name.
        descriptor: of the manifest.
        parents: digest by reference, of the images of the hive that it was made from.
    """
    if plan.key is not None:
        document = {"descriptor": msgspec.to_builtins(descriptor, enc_hook=str), "parents": dict(parents)}
        store.put_record(_IMAGES, plan.key, document)
    store.put_record(_INPUTS, Digest.of(ref.encode()), {"inputs": dict(plan.inputs)})
    store.tag(ref, descriptor)


def finished(store: Store, key: Digest) -> Descriptor | None:
    """Return the image that was built for ``key``, if the store still has all of it and its parents are the same.

    A parent that was built again without the cache has the same key and other layers: what stood on the old one
    is not a child of the new one.
    """
    record = store.record(_IMAGES, key)
    try:
        document = msgspec.convert(record or {}, _ImageRecord)
        descriptor = document.descriptor
        for ref, digest in document.parents.items():
            parent = store.resolve(ref)
            if parent is None or parent.digest != digest:
                return None
        if not store.has(Digest.parse(descriptor.digest)):
            return None
        manifest = store.manifest(Digest.parse(descriptor.digest))
    except msgspec.ValidationError:
        return None
    blobs = (manifest.config, *manifest.layers)
    return descriptor if all(store.has(Digest.parse(blob.digest)) for blob in blobs) else None


class _ImageRecord(msgspec.Struct, frozen=True):
    descriptor: Descriptor
    parents: dict[str, str]


def previous_inputs(store: Store, ref: str) -> Mapping[str, str] | None:
    """Return what the last successful build under ``ref`` was made from, or None."""
    record = store.record(_INPUTS, Digest.of(ref.encode()))
    inputs = (record or {}).get("inputs")
    return {str(name): str(value) for name, value in inputs.items()} if isinstance(inputs, dict) else None
