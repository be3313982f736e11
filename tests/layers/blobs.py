"""A store with nothing but blobs in memory, for writing layers."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.oci.inflate import inflated
from hivebase.tar import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.layers.layer import Layer
    from hivebase.tar import Entry


class _Blob:
    def __init__(self, blobs: dict[str, bytes]):
        self._blobs = blobs
        self._parts: list[bytes] = []

    def write(self, data: bytes | memoryview) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def commit(self) -> tuple[Digest, int]:
        data = b"".join(self._parts)
        self._blobs[Digest.of(data)] = data
        return Digest.of(data), len(data)


class Blobs:
    """Implements :class:`hivebase.layers.layer.BlobStore`."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.begun = 0

    @contextmanager
    def ingest(self) -> Iterator[_Blob]:
        """Start a blob."""
        self.begun += 1
        yield _Blob(self.blobs)

    def tar(self, layer: Layer) -> bytes:
        """Return the uncompressed layer."""
        return inflated(io.BytesIO(self.blobs[layer.descriptor.digest])).read()

    def entries(self, layer: Layer) -> list[tuple[Entry, bytes]]:
        """Return what is in a layer."""
        return [(entry, body.read()) for entry, body in Reader(io.BytesIO(self.tar(layer)))]
