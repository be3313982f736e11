"""Whether an image in the store can still be trusted with a build: cheap where nothing changed on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.errors import CorruptContentError, NotFoundError

if TYPE_CHECKING:
    from hivebase.oci.store import Store


def intact(store: Store, digest: str) -> bool:
    """Tell whether the manifest ``digest`` and all that it names are there and right.

    What is damaged is put aside, so that it is fetched or built anew (fault B-6).

    Raises:
        SystemFaultError: something cannot be read.
    """
    try:
        manifest = store.manifest(digest)
        for blob in (manifest.config, *manifest.layers):
            store.verify(blob.digest)
    except (CorruptContentError, NotFoundError):
        return False
    return True
