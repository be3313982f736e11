"""Sends an image to a runtime without the layers that it has, and again with all of them if it refuses that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import msgspec

from hivebase.errors import BuildError, CorruptContentError
from hivebase.progress import Event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from hivebase.oci.archive import Told
    from hivebase.oci.store import Image
    from hivebase.progress import Listener


class Target(Protocol):
    """A runtime that takes images through its command."""

    title: str

    def held(self, image: Image, /) -> AbstractSet[str]:
        """Return the layers of ``image`` that the runtime seems to have, by their names in what is sent.

        Raises:
            SystemFaultError: the runtime does not answer.
        """

    def send(self, image: Image, refs: Sequence[str], without: AbstractSet[str], told: Told, /) -> None:
        """Give ``image`` to the runtime under ``refs``, leaving out the layers ``without``.

        Raises:
            BuildError: it refused.
            CorruptContentError: a blob in our store is damaged.
            SystemFaultError: its command cannot be started.
        """

    def names(self, refs: Sequence[str], /) -> tuple[str, ...]:
        """Return the names that the runtime has for an image that was sent as ``refs``."""


class Loaded(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        names: of the image in the runtime.
        layers: of the image, each counted once.
        sent: layers that were sent; the runtime had the others.
        size: bytes of these layers, as they were sent.
        refused: why the runtime did not take the image without all its layers; empty unless it was asked to and did
            not.
    """

    names: tuple[str, ...]
    layers: int
    sent: int
    size: int
    refused: str = ""


def transfer(target: Target, image: Image, refs: Sequence[str], listener: Listener) -> Loaded:
    """Let ``target`` have ``image`` under ``refs``.

    Raises:
        BuildError: the runtime refused it with all its layers.
        CorruptContentError: a blob in our store is damaged.
        SystemFaultError: the runtime does not answer.
    """
    since = time.monotonic()
    step = f"load into {target.title}"
    listener(Event(refs[0], "started", step=step))
    held = target.held(image)
    refused = ""
    try:
        sizes = _attempt(target, image, refs, held, listener)
    except CorruptContentError:
        raise
    except BuildError as error:
        if not held:
            raise
        # What it had a moment ago may have been removed, or is there in another form.
        refused = error.why or error.what
        text = f"sending all layers, as {target.title} refused a part: {refused}"
        listener(Event(refs[0], "note", text))
        sizes = _attempt(target, image, refs, frozenset(), listener)
    listener(Event(refs[0], "done", step=step, seconds=time.monotonic() - since))
    layers = len({layer.digest for layer in image.manifest.layers})
    return Loaded(target.names(refs), layers, len(sizes), sum(sizes.values()), refused)


def _attempt(
    target: Target, image: Image, refs: Sequence[str], without: AbstractSet[str], listener: Listener
) -> dict[str, int]:
    """Send it; return the sizes of the layers that were sent."""
    sizes: dict[str, int] = {}

    def told(digest: str, size: int) -> None:
        sizes[digest] = size
        listener(Event(refs[0], "log", f"layer {digest[:19]}, {size} bytes"))

    target.send(image, refs, without, told)
    return sizes
