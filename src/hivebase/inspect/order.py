"""The layers of an image in their order: what each holds, who shares it, and what it costs when it changes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.oci.annotations import BASE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.oci.store import Image, Store

_LABEL = "hivebase: "
_TOGETHER = re.compile(r"\d+ small wheels?(, often patched)?(: .*)?\Z")


@dataclass(frozen=True, slots=True)
class Costs:
    """What is transferred once: the three numbers by which registries and runtimes differ.

    Attributes:
        registry: bytes that a registry has to store.
        containerd: bytes that containerd or podman pull; layers above are unpacked again, and not pulled.
        docker: bytes that classic Docker pulls and stores: it knows a layer by all that is below it.
    """

    registry: int
    containerd: int
    docker: int


@dataclass(frozen=True, slots=True)
class Position:
    """One layer.

    Attributes:
        what: it holds.
        size: bytes in a registry.
        shared: how many images of the store have it.
        costs: when only this layer changes.
        why: it is where it is.
    """

    what: str
    size: int
    shared: int
    costs: Costs
    why: str


def positions(store: Store, image: Image) -> list[Position]:
    """Return the layers of ``image``, lowest first.

    Raises:
        CorruptContentError: an image of the store is damaged.
    """
    owners = _owners(store)
    sizes = [layer.size for layer in image.manifest.layers]
    told = [entry.created_by for entry in image.config.history if not entry.empty_layer]
    told = [""] * (len(sizes) - len(told)) + told[-len(sizes) :]
    found = []
    for at, (layer, text) in enumerate(zip(image.manifest.layers, told, strict=True)):
        costs = Costs(layer.size, layer.size, sum(sizes[at:]))
        what = text.removeprefix(_LABEL)
        found.append(
            Position(what or "layer of the base image", layer.size, owners[layer.digest], costs, _why(text))
        )
    return found


def whole_hive(images: Iterable[Image]) -> Costs:
    """Return what all of ``images`` cost where nothing is there yet."""
    blobs: dict[str, int] = {}
    chains: dict[tuple[str, ...], int] = {}
    for image in images:
        below: tuple[str, ...] = ()
        for layer in image.manifest.layers:
            blobs[layer.digest] = layer.size
            below = (*below, layer.digest)
            chains[below] = layer.size
        blobs[image.manifest.config.digest] = image.manifest.config.size
    total = sum(blobs.values())
    return Costs(total, total, sum(chains.values()))


def _owners(store: Store) -> dict[str, int]:
    counts: dict[str, int] = {}
    for image in built(store):
        for digest in {layer.digest for layer in image.manifest.layers}:
            counts[digest] = counts.get(digest, 0) + 1
    return counts


def built(store: Store) -> list[Image]:
    """Return the images of the store that hivebase built."""
    images = (store.image(ref) for ref in store.refs())
    return [image for image in images if BASE_NAME in image.manifest.annotations]


def _why(text: str) -> str:
    if not text.startswith(_LABEL):
        if text.startswith(("RUN", "COPY", "ADD", "WORKDIR")):
            return "where the Dockerfile has it"
        return "part of the base image"
    what = text.removeprefix(_LABEL)
    match = _TOGETHER.match(what)
    if match is not None:
        if match[1]:
            return "patched often, so late: little is above it"
        return "each too small for a layer of its own"
    if what.startswith("without "):
        return "takes the old files away before the new ones come"
    return "large enough for a layer of its own, which siblings share; the largest come first"
