"""How large layers are: compressed (what a registry stores) and unpacked (what a disk stores)."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from hivebase.digest import CHUNK, Digest
from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.oci.inflate import inflated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Store

_SIZES = "layer-size"  # records: what a layer's blob inflates to


def compressed_size(layers: Iterable[Descriptor]) -> int:
    """Return the bytes that a registry stores for ``layers``, each blob counted once."""
    return sum({layer.digest: layer.size for layer in layers}.values())


def content_size(store: Store, digest: str, diff_id: Digest) -> int:
    """Return the bytes of a layer's tar. The first call inflates it and checks its DiffID; later ones read a record.

    Raises:
        CorruptContentError: the blob is damaged, or its content is not what the DiffID says (fault A-10).
    """
    key = Digest.parse(digest)
    size = (store.record(_SIZES, key) or {}).get("size")
    if isinstance(size, int):
        return size
    state, size = hashlib.sha256(), 0
    with store.open_blob(digest) as blob, inflated(blob, where=digest) as content:
        while chunk := content.read(CHUNK):
            state.update(chunk)
            size += len(chunk)
    if Digest.from_hash(state) != diff_id:
        raise CorruptContentError(
            f"the content of the layer {digest} has digest {Digest.from_hash(state)}, expected {diff_id}"
        )
    with contextlib.suppress(SystemFaultError):  # a full disk costs inflating it once more, not the answer
        store.put_record(_SIZES, key, {"size": size})
    return size
