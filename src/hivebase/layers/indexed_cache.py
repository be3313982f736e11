"""The indexes of a store's layers: made once, kept beside the blobs, made again whenever they are not right."""

from __future__ import annotations

import hashlib
import io
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, HivebaseError
from hivebase.fs import atomic_write_unsynced, system_fault
from hivebase.layers.indexed import IndexedTree
from hivebase.layers.indexed_contents import Contents
from hivebase.layers.indexed_record import Recorder
from hivebase.layers.indexed_rows import LayerIndex
from hivebase.layers.layer import Layer, LayerWriter
from hivebase.oci.inflate import inflated
from hivebase.tar import Reader, clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _typeshed import WriteableBuffer

    from hivebase.layers.snapshots import Snapshots
    from hivebase.oci.store import Store
    from hivebase.tar import Entry

_CONTENT = "layer-content"  # records: the DiffID of what a blob holds, verified
_KEPT = ("etc/passwd", "etc/group")  # what --chown looks into, at any place of a layer of any size
_MAX_KEPT = 1 << 16
_BUFFER = 1 << 20


class Indexes:
    """The indexes of a store. Safe between threads and processes.

    Args:
        store: where the layers are.
        snapshots: knows which layers are unpacked, for reading files faster; nothing is unpacked here.
    """

    def __init__(self, store: Store, snapshots: Snapshots | None = None) -> None:
        self._store = store
        self._snapshots = snapshots
        self._directory = store.state / "cache" / "index"
        self._loaded: dict[tuple[str, str], LayerIndex] = {}
        self._threads = threading.Lock()

    @contextmanager
    def tree(self, layers: Sequence[Layer]) -> Iterator[IndexedTree]:
        """Yield the merged view of ``layers``, lowest first; files of it can be read inside the context only.

        Raises:
            NotFoundError: the store does not have a layer that was not seen before.
            CorruptContentError: a layer is damaged, or is not what its DiffID says (fault A-10).
            SystemFaultError: a layer cannot be read, or its index cannot be written.
        """
        with Contents(self._store, layers, self._snapshots) as contents:
            yield IndexedTree([self.get(layer) for layer in layers], contents)

    def get(self, layer: Layer) -> LayerIndex:
        """Return the index of one layer.

        Raises:
            HivebaseError: as :meth:`tree`.
        """
        key = (layer.descriptor.digest, str(layer.diff_id))
        # One at a time: two steps on one base would otherwise both read it.
        with self._threads:
            if key not in self._loaded:
                self._loaded[key] = self._load(layer) or self._make(layer)
            return self._loaded[key]

    def writer(self, epoch: int) -> LayerWriter:
        """Return a writer of a layer whose index is kept, so that the layer is never read for it."""
        return _IndexingWriter(self, self._store, epoch)

    def keep(self, layer: Layer, index: LayerIndex) -> None:
        """Write down the index of a layer, and that the blob of the layer holds it.

        Raises:
            SystemFaultError: it cannot be written.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise system_fault(error, "cannot keep the index of a layer", where=self._directory) from error
        with self._store.lock("index", shared=True):  # which tells our temporary file from a killed writer's
            atomic_write_unsynced(self._directory, layer.diff_id.hex, index.encode())
        digest = Digest.parse(layer.descriptor.digest)
        self._store.put_record(_CONTENT, digest, {"diff_id": str(layer.diff_id)})

    def clear(self, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove all indexes, and what killed writers left; return how many there were, and their bytes."""
        count = size = 0
        with self._store.lock("index"):
            for path in sorted(self._directory.glob("*")):
                size += path.stat().st_size
                count += 1
                if not dry_run:
                    path.unlink()
        return count, size

    def _load(self, layer: Layer) -> LayerIndex | None:
        # The index belongs to the content. That the blob has this content is a fact of its own (fault A-10).
        record = self._store.record(_CONTENT, Digest.parse(layer.descriptor.digest))
        if record is None or record.get("diff_id") != str(layer.diff_id):
            return None
        try:
            data = (self._directory / layer.diff_id.hex).read_bytes()
        except OSError:
            return None
        return LayerIndex.decode(data, str(layer.diff_id))

    def _make(self, layer: Layer) -> LayerIndex:
        where = f"layer {layer.diff_id.short}"
        recorder, contents = Recorder(where), dict[int, bytes]()
        with self._store.open_blob(layer.descriptor.digest) as blob, inflated(blob, where=where) as content:
            hashed = _Hashed(content)
            stream = _Counted(io.BufferedReader(hashed, _BUFFER))
            for entry, body in Reader(cast("BinaryIO", stream), where=where):
                offset = stream.position
                recorder.add(entry, offset)
                if 0 < entry.size <= _MAX_KEPT and clean(entry.name) in _KEPT:
                    contents[offset] = body.read()
        if hashed.digest != layer.diff_id:
            raise CorruptContentError(
                f"the layer is not what the image says: its DiffID is {hashed.digest}",
                where=where,
                why=f"the configuration lists {layer.diff_id}",
            )
        index = recorder.finish(str(layer.diff_id), contents)
        self.keep(layer, index)
        return index


class _IndexingWriter(LayerWriter):
    def __init__(self, indexes: Indexes, store: Store, epoch: int) -> None:
        super().__init__(store, epoch, observe=self._record)
        self._indexes = indexes
        self._recorder: Recorder | None = Recorder()

    def finish(self) -> Layer | None:
        layer = super().finish()
        if layer is not None and self._recorder is not None:
            self._indexes.keep(layer, self._recorder.finish(str(layer.diff_id)))
        return layer

    def _record(self, entry: Entry, offset: int) -> None:
        if self._recorder is not None:
            try:
                self._recorder.add(entry, offset)
            except HivebaseError:
                # The layer is what the step left, fit to be unpacked or not; who looks into it is told.
                self._recorder = None


class _Hashed(io.RawIOBase):
    """Passes a stream on in large pieces, and hashes it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> Digest:
        return Digest.from_hash(self._hash)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        self._hash.update(data)
        view[: len(data)] = data
        return len(data)


class _Counted:
    """Says how far a stream has been read."""

    def __init__(self, stream: BinaryIO | io.BufferedReader) -> None:
        self.position = 0
        self._stream = stream

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.position += len(data)
        return data
