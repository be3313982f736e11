"""Small real images for tests of the store."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.oci.model import LAYER_GZIP, Descriptor, ImageConfig, RootFS, RunConfig
from hivebase.tar import Entry, Writer

if TYPE_CHECKING:
    from hivebase.oci.store import Store


def layer_tar(files: dict[str, bytes]) -> bytes:
    """Return a tar that holds ``files``."""
    parts: list[bytes] = []
    writer = Writer(parts.append)
    for name, data in files.items():
        writer.add(Entry(name, "file", 0o755, size=len(data)), data)
    writer.close()
    return b"".join(parts)


def put_layer(store: Store, tar: bytes) -> tuple[Descriptor, Digest]:
    """Store ``tar`` as a gzip layer; return its descriptor and its DiffID."""
    data = gzip.compress(tar, mtime=0)
    return Descriptor(LAYER_GZIP, store.put(data), len(data)), Digest.of(tar)


def put_image(store: Store, *layers: bytes, architecture: str = "amd64") -> Descriptor:
    """Store an image of the given tars, without a name."""
    pairs = [put_layer(store, tar) for tar in layers]
    config = ImageConfig(
        architecture=architecture,
        os="linux",
        config=RunConfig(cmd=("/bin/sh",)),
        rootfs=RootFS(diff_ids=tuple(diff_id for _, diff_id in pairs)),
    )
    return store.put_image(config, [descriptor for descriptor, _ in pairs])
