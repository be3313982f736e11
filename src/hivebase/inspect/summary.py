"""One image in a few facts: what ``images``, ``tree`` and ``inspect`` print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.oci.annotations import BASE_NAME, stand_ins_of
from hivebase.oci.model import INDEX
from hivebase.oci.sizes import compressed_size, content_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.oci.store import Image, Store


@dataclass(frozen=True, slots=True)
class Summary:
    """Facts of one image.

    Attributes:
        ref: as tagged.
        digest: of the manifest.
        size: bytes unpacked.
        compressed_size: bytes in a registry.
        layers: how many.
        base: the reference it stands on, or empty.
        stand_ins: what in it is not the official content.
    """

    ref: str
    digest: str
    size: int
    compressed_size: int
    layers: int
    base: str
    stand_ins: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """Return the summary as JSON-ready values."""
        return {
            "ref": self.ref,
            "digest": self.digest,
            "size": self.size,
            "compressed_size": self.compressed_size,
            "layers": self.layers,
            "base": self.base,
            "stand_ins": list(self.stand_ins),
        }


def summarise(store: Store, ref: str, image: Image) -> Summary:
    """Return the facts of ``image``."""
    layers = image.manifest.layers
    return Summary(
        ref=ref,
        digest=image.descriptor.digest,
        size=sum(layer_sizes(store, image)),
        compressed_size=compressed_size(layers),
        layers=len(layers),
        base=image.manifest.annotations.get(BASE_NAME, ""),
        stand_ins=stand_ins_of(image.config.config.labels),
    )


def layer_sizes(store: Store, image: Image) -> list[int]:
    """Return the bytes of each layer's tar, lowest first."""
    pairs = zip(image.manifest.layers, image.config.rootfs.diff_ids, strict=True)
    return [content_size(store, layer.digest, Digest.parse(diff_id)) for layer, diff_id in pairs]


def summaries(store: Store, *, everything: bool = False) -> Iterator[Summary]:
    """Yield the facts of every tagged image that hivebase built, by name; of fetched bases only if ``everything``."""
    for ref, descriptor in sorted(store.refs().items()):
        if descriptor.media_type == INDEX and not everything:
            continue
        image = store.image(ref)
        if everything or BASE_NAME in image.manifest.annotations:
            yield summarise(store, ref, image)
