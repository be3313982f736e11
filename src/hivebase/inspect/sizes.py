"""How large an image is: compressed (what a registry stores) and unpacked (what a disk stores)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import CHUNK, Digest
from hivebase.layers.gzip import decompressed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Store

_RECORDS = "layer-size"


def unpacked_size(store: Store, layer: Descriptor) -> int:
    """Return the size in bytes of the layer's tar; the first call inflates it, later ones read a record."""
    digest = Digest.parse(layer.digest)
    record = store.record(_RECORDS, digest)
    if record is not None and isinstance(record.get("size"), int):
        return int(str(record["size"]))
    size = 0
    with store.open_blob(digest) as blob, decompressed(blob) as stream:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
    store.put_record(_RECORDS, digest, {"size": size})
    return size


def compressed_size(layers: Iterable[Descriptor]) -> int:
    """Return the bytes that a registry stores for ``layers``, each blob counted once."""
    return sum({layer.digest: layer.size for layer in layers}.values())
