"""The content of files of layers that are not unpacked.

A compressed layer can only be read from its beginning. Files that are asked for in the order in which the layer
has them cost one pass together, because the stream is kept between them. Going back starts over, up to a point:
then the layer is inflated into a temporary file once. So the memory that is used does not depend on sizes, and
the time not on the order. A layer that is unpacked anyway is read from there.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, BinaryIO, cast

from hivebase.errors import CorruptContentError
from hivebase.fs import Directory, system_fault
from hivebase.oci.inflate import inflated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from _typeshed import WriteableBuffer

    from hivebase.layers.layer import Layer
    from hivebase.layers.snapshots import Snapshots
    from hivebase.oci.store import Store

PATIENCE = 64 << 20
"""Bytes of a layer that are inflated more than once before a copy of it is made."""

_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class Contents:
    """Opens files of a chain of layers. Close it after the last of them, or use it as a context manager.

    Args:
        store: has the layers.
        layers: lowest first.
        snapshots: knows which of them are unpacked.
    """

    def __init__(self, store: Store, layers: Sequence[Layer], snapshots: Snapshots | None = None) -> None:
        self._layers = [_Content(store, layer) for layer in layers]
        self._diff_ids = [str(layer.diff_id) for layer in layers]
        self._snapshots = snapshots
        self._unpacked: list[Path | None] | None = None  # as of the first file that was opened

    def open(self, layer: int, path: str, offset: int, size: int) -> BinaryIO:
        """Open a regular file.

        Args:
            layer: its number, the lowest is 0.
            path: in the unpacked layer.
            offset: of the content in the uncompressed layer.
            size: of the content.

        Raises:
            OSError: the unpacked file cannot be opened.
            NotFoundError: the layer is not in the store.
            CorruptContentError: it is damaged.
            SystemFaultError: it cannot be read.
        """
        if self._unpacked is None:
            self._unpacked = self._snapshots.unpacked(self._diff_ids) if self._snapshots else []
        unpacked = self._unpacked[layer] if self._unpacked else None
        if unpacked is not None:
            with Directory.open(unpacked) as directory:
                return os.fdopen(directory.open_beneath(path, _READ), "rb")
        return self._layers[layer].open(offset, size)

    def close(self) -> None:
        """Close streams and remove temporary files."""
        for content in self._layers:
            content.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Content:
    """The uncompressed bytes of one layer."""

    def __init__(self, store: Store, layer: Layer) -> None:
        self._store = store
        self._digest = layer.descriptor.digest
        self._where = f"layer {layer.diff_id.short}"
        self._idle: _Stream | None = None  # at some place, and used by nobody
        self._opened = False
        self._repeated = 0
        self._copy: BinaryIO | None = None

    def open(self, offset: int, size: int) -> BinaryIO:
        if not size:
            return io.BytesIO()
        stream, self._idle = self._idle, None
        if stream is not None and stream.position > offset:
            stream.close()
            stream = None
        if stream is None and self._opened:
            self._repeated += offset
        if self._copy is None and self._repeated > PATIENCE:
            self._copy = self._inflated_copy()
        if self._copy is not None:
            return _buffered(_Part(self._copy.fileno(), offset, size), size)
        if stream is None:
            stream = self._stream()
        stream.skip(offset - stream.position)
        return _buffered(_Window(self, stream, size), size)

    def give_back(self, stream: _Stream) -> None:
        """Keep a stream for the next file."""
        if self._idle is not None:
            self._idle.close()
        self._idle = stream

    def close(self) -> None:
        if self._idle is not None:
            self._idle.close()
        if self._copy is not None:
            self._copy.close()
        self._idle = self._copy = None

    def _stream(self) -> _Stream:
        # A stream is checked at its end only, which is not reached here.
        self._store.verify(self._digest)
        self._opened = True
        blob = self._store.open_blob(self._digest)
        try:
            return _Stream(blob, inflated(blob, where=self._where), self._where)
        except BaseException:
            blob.close()
            raise

    def _inflated_copy(self) -> BinaryIO:
        try:
            # On the disk of the store, since /tmp may be memory; it has no name, and dies with the process.
            copy = cast("BinaryIO", tempfile.TemporaryFile(dir=self._store.state))  # noqa: SIM115 -- kept
            try:
                stream = self._stream()
                try:
                    shutil.copyfileobj(stream.content, copy, _CHUNK)
                finally:
                    stream.close()
                copy.flush()
            except BaseException:
                copy.close()
                raise
        except OSError as error:
            raise system_fault(error, "cannot inflate the layer", where=self._where) from error
        return copy


class _Stream:
    """An inflating stream and where it is."""

    def __init__(self, blob: BinaryIO, content: BinaryIO, where: str) -> None:
        self.content = content
        self.position = 0
        self._blob = blob
        self._where = where

    def skip(self, size: int) -> None:
        while size:
            size -= len(self.read(min(size, _CHUNK)))

    def read(self, size: int) -> bytes:
        data = self.content.read(size)
        if not data:
            raise CorruptContentError("the layer is shorter than its index says", where=self._where)
        self.position += len(data)
        return data

    def close(self) -> None:
        self.content.close()
        self._blob.close()


class _Window(io.RawIOBase):
    """The next ``size`` bytes of a stream, which is given back at the end."""

    def __init__(self, owner: _Content, stream: _Stream, size: int) -> None:
        self._owner = owner
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        if not self._left or not view:
            return 0
        data = self._stream.read(min(self._left, len(view)))
        self._left -= len(data)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._owner.give_back(self._stream)
        super().close()


class _Part(io.RawIOBase):
    """A part of a file, read without moving the file's own position."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        self._fd = fd
        self._offset = offset
        self._end = offset + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = os.pread(self._fd, min(len(view), self._end - self._offset), self._offset)
        self._offset += len(data)
        view[: len(data)] = data
        return len(data)


def _buffered(raw: io.RawIOBase, size: int) -> BinaryIO:
    return io.BufferedReader(raw, min(size, _CHUNK))
