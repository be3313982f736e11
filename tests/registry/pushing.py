"""Images to push, made in memory."""

from __future__ import annotations

import os
from collections import Counter
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from hivebase.oci import model
from hivebase.oci.model import Descriptor, Platform
from hivebase.reference import Reference
from hivebase.registry.content import tree_of
from hivebase.registry.push import Item

if TYPE_CHECKING:
    from tests.registry_simulator import Simulator

    from hivebase.registry.client import RegistryClient
    from hivebase.registry.repository import Repository


class Memory:
    """Documents and blobs by digest; ``opened`` counts how often each blob was opened."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.opened: Counter[str] = Counter()

    def read(self, digest: str, /) -> bytes:
        return self.kept[digest]

    def open(self, descriptor: Descriptor, /) -> BinaryIO:
        self.opened[descriptor.digest] += 1
        return BytesIO(self.kept[descriptor.digest])

    def blob(self, data: bytes, media_type: str = model.LAYER_GZIP) -> Descriptor:
        """Keep a blob."""
        digest = f"sha256:{sha256(data).hexdigest()}"
        self.kept[digest] = data
        return Descriptor(media_type, digest, len(data))

    def noise(self, size: int) -> Descriptor:
        """Keep a blob that is like no other."""
        return self.blob(os.urandom(size))

    def image(self, *layers: Descriptor, architecture: str = "amd64") -> Descriptor:
        """Keep an image."""
        config = model.ImageConfig(
            architecture=architecture,
            os="linux",
            rootfs=model.RootFS(diff_ids=tuple(layer.digest for layer in layers)),
        )
        manifest = model.Manifest(
            schema_version=2,
            media_type=model.MANIFEST,
            config=self.blob(model.canonical_json(config), model.CONFIG),
            layers=layers,
        )
        return self.blob(model.canonical_json(manifest), model.MANIFEST)

    def index(self, *images: Descriptor) -> Descriptor:
        """Keep an index of images for as many platforms."""
        entries = tuple(
            Descriptor(i.media_type, i.digest, i.size, platform=Platform(os="linux", architecture=f"cpu{n}"))
            for n, i in enumerate(images)
        )
        document = model.Index(schema_version=2, media_type=model.INDEX, manifests=entries)
        return self.blob(model.canonical_json(document), model.INDEX)

    def item(self, repository: Repository, top: Descriptor, *, sibling: str = "") -> Item:
        """Return an image on its way."""
        return Item(repository.name, tree_of(self, top), repository, self, sibling)


def target(client: RegistryClient, registry: Simulator | str, name: str = "team/app") -> Repository:
    """Return a repository to push to."""
    host = registry if isinstance(registry, str) else registry.host
    return client.repository(Reference.parse(f"{host}/{name}"), push=True)
