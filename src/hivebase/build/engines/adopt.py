"""Takes an image that another builder made into our store: layers that are known by DiffID are not read again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hivebase.digest import CHUNK, Digest
from hivebase.errors import CorruptContentError
from hivebase.layers.gzip import Compressor
from hivebase.layers.layer import Layer
from hivebase.oci import documents, strict_json
from hivebase.oci.imports import saved_images, saved_layers
from hivebase.oci.inflate import inflated
from hivebase.oci.model import LAYER_GZIP, Descriptor
from hivebase.oci.sources import TarSource, read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hivebase.build.engines.order import Order
    from hivebase.build.engines.settings import HostSettings
    from hivebase.oci.model import ImageConfig
    from hivebase.oci.sources import Source
    from hivebase.oci.store import Image, Store


def adopt(store: Store, saved: Path, order: Order, settings: HostSettings) -> Image:
    """Return the image of ``order`` that an engine saved, as an image of our store without a name.

    Args:
        store: where it goes; the caller holds a lease.
        saved: a docker-archive.
        order: knows the layers that are in the store already.
        settings: what was lent, and is taken off.

    Raises:
        CorruptContentError: the archive is not one of one image.
        SystemFaultError: the store cannot be written.
    """
    config, layers = settings.take_off(*read_archive(store, saved, order.known()))
    descriptor = store.put_image(config, [layer.descriptor for layer in layers])
    return store.image(descriptor.digest)


def read_archive(
    store: Store, path: Path, known: Mapping[str, Descriptor]
) -> tuple[ImageConfig, tuple[Layer, ...]]:
    """Store the layers of a docker-archive of one image, compressed as our own are.

    Args:
        store: where they go; the caller holds a lease.
        path: of the archive; layers in it may be compressed.
        known: blobs of the store by DiffID; such a layer is taken from there.

    Raises:
        CorruptContentError: the archive is not one of one image, or a layer is not what its DiffID says.
        SystemFaultError: the store cannot be written.
    """
    with path.open("rb") as stream:
        source = TarSource(stream, path.name)
        images = saved_images(source)
        if len(images) != 1:
            raise CorruptContentError(f"the archive of the engine holds {len(images)} images")
        saved = images[0]
        config = documents.parse_config(read(source, saved.config, strict_json.MAX_BYTES), what=saved.config)
        layers = []
        for name, written in saved_layers(saved, config):
            held, diff_id = known.get(written), Digest.parse(written)
            layers.append(Layer(held, diff_id) if held else _compressed(store, source, name, diff_id))
        return config, tuple(layers)


def _compressed(store: Store, source: Source, name: str, diff_id: Digest) -> Layer:
    state = hashlib.sha256()
    with store.ingest() as blob, source.open(name) as stream, inflated(stream, where=name) as content:
        with Compressor(blob.write) as compressor:
            while data := content.read(CHUNK):
                state.update(data)
                compressor.write(data)
        if Digest.from_hash(state) != diff_id:
            raise CorruptContentError(
                f"the layer {name} is not what the image says", why=f"expected {diff_id}"
            )
        digest, size = blob.commit()
    return Layer(Descriptor(LAYER_GZIP, str(digest), size), diff_id)
