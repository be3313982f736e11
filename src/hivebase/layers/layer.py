"""A layer of an image, and the one way to write one: tar, hashed, compressed and stored in a single pass."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

import msgspec

from hivebase.digest import Digest
from hivebase.errors import BuildError
from hivebase.layers.gzip import BLOCK, Compressor
from hivebase.oci.model import LAYER_GZIP, Descriptor
from hivebase.tar import Entry, Writer, padding

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

WHITEOUT = ".wh."
"""Prefix of the name of a whiteout: its sibling without the prefix is deleted (image-spec, "Whiteouts")."""

OPAQUE = ".wh..wh..opq"
"""Name of the file that hides all of a directory that lies in lower layers."""


class Layer(msgspec.Struct, frozen=True):
    """A stored layer: where its compressed bytes are, and the digest of the uncompressed ones."""

    descriptor: Descriptor
    diff_id: Digest


class BlobWriter(Protocol):
    """One blob on its way into the store."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take the next bytes."""

    def commit(self) -> tuple[Digest, int]:
        """Make the blob visible; return its digest and size."""


class BlobStore(Protocol):
    """What a layer is written to: :class:`hivebase.oci.store.Store`."""

    def ingest(self) -> AbstractContextManager[BlobWriter]:
        """Start a blob; leaving the context without a commit throws it away."""


class LayerWriter:
    """Writes one layer. Use as a context manager, so that a failure leaves nothing behind.

    Entries are stored in the order in which they come; who adds them sorts them. Nothing is written to the
    store before the first entry.

    Args:
        store: where the blob goes.
        epoch: seconds since 1970; later modification times become this one.
        observe: is called with each entry as it was stored, and the offset of its content in the uncompressed
            layer.
    """

    def __init__(
        self, store: BlobStore, epoch: int, *, observe: Callable[[Entry, int], object] | None = None
    ) -> None:
        self.epoch = epoch
        self._observe = observe
        self._written = 0
        self._store = store
        self._stack = ExitStack()
        self._hash = hashlib.sha256()
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._compressor: Compressor | None = None
        self._blob: BlobWriter | None = None
        self._writer = Writer(self._write)

    def add(self, entry: Entry, data: bytes | BinaryIO | None = None) -> None:
        """Add ``entry`` with exactly ``entry.size`` bytes of ``data``.

        Raises:
            BuildError: a component of the name starts with ``.wh.`` and would delete files (fault A-6), or
                the data has another length.
        """
        if WHITEOUT in entry.name and any(part.startswith(WHITEOUT) for part in entry.name.split("/")):
            raise BuildError(
                f"a file named {entry.name!r} cannot be stored in a layer",
                why="in an image layer, names that start with .wh. delete the files below them",
                hint="rename it, or keep it out of the image",
            )
        self._add(entry, data)

    def whiteout(self, path: str) -> None:
        """Record that ``path`` is deleted."""
        parent, slash, name = path.rpartition("/")
        self._marker(parent + slash + WHITEOUT + name)

    def opaque(self, directory: str) -> None:
        """Record that nothing of ``directory`` in lower layers shows through."""
        self._marker(f"{directory}/{OPAQUE}" if directory else OPAQUE)

    def finish(self) -> Layer | None:
        """Store the layer; return None, leaving nothing, if there were no entries.

        Raises:
            SystemFaultError: the store could not write it.
        """
        if self._compressor is None or self._blob is None:
            return None
        self._writer.close()
        self._flush()
        self._compressor.close()
        digest, size = self._blob.commit()
        self._stack.close()
        return Layer(Descriptor(LAYER_GZIP, str(digest), size), Digest.from_hash(self._hash))

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _marker(self, name: str) -> None:
        # Containerd's way: all fields zero, so that the marker depends on nothing but its name.
        self._add(Entry(name, "file", 0), None)

    def _add(self, entry: Entry, data: bytes | BinaryIO | None) -> None:
        if self._compressor is None:
            self._blob = self._stack.enter_context(self._store.ingest())
            self._compressor = self._stack.enter_context(Compressor(self._blob.write))
        if entry.mtime > self.epoch:
            entry = msgspec.structs.replace(entry, mtime=self.epoch)
        self._writer.add(entry, data)
        if self._observe is not None:
            self._observe(entry, self._written - entry.size - len(padding(entry.size)))

    def _write(self, data: bytes) -> None:
        # A small file is three small pieces; hashing them one by one costs more than their bytes do.
        self._buffer.append(data)
        self._buffered += len(data)
        self._written += len(data)
        if self._buffered >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._buffer)
        self._buffer, self._buffered = [], 0
        self._hash.update(data)
        if self._compressor is not None:
            self._compressor.write(data)
