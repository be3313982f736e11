"""The content of a layer blob, whether it is compressed or not, read without trusting it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from isal import isal_zlib

from hivebase.errors import CorruptContentError, SystemFaultError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_INPUT = 1 << 16
_OUTPUT = 1 << 20


@dataclass(frozen=True, slots=True)
class InflateLimits:
    """When a compressed stream is taken for a bomb (fault A-7).

    Attributes:
        total: bytes of content.
        ratio: content per compressed byte, once there are more than ``free`` bytes of content. Deflate cannot
            exceed 1,032; honest layers stay far below except for files of zeros.
        free: bytes of content that are accepted at any ratio.
    """

    total: int = 64 << 30
    ratio: int = 200
    free: int = 4 << 30


_IsalError = cast("type[Exception]", isal_zlib.error)  # its stub declares an instance


def is_gzip(head: bytes) -> bool:
    """Tell whether a blob that starts with ``head`` is compressed with gzip."""
    return head.startswith(_GZIP)


def inflated(stream: BinaryIO, *, where: str = "", limits: InflateLimits | None = None) -> BinaryIO:
    """Return the content of the blob in ``stream``: gzip with any number of members, or as it is.

    The first bytes decide, not the media type, which is often wrong.

    Raises:
        SystemFaultError: the blob is zstd, which this program does not read.
        CorruptContentError: while reading: damaged, cut, followed by garbage, or a bomb (faults A-7, A-8).
    """
    head = stream.read(4)
    if head.startswith(_ZSTD):
        raise SystemFaultError(
            "the layer is compressed with zstd, which hivebase does not read",
            where=where,
            hint="convert the image once: skopeo copy --dest-compress-format gzip SOURCE oci:DIR",
        )
    limits = limits or InflateLimits()
    raw = _Inflate(head, stream, limits, where) if is_gzip(head) else _Plain(head, stream)
    return io.BufferedReader(raw, _OUTPUT)


class _Plain(io.RawIOBase):
    """A stream with its first bytes put back."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._head[: len(view)] or self._stream.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(data)] = data
        return len(data)


class _Inflate(io.RawIOBase):
    """The content of a gzip stream. ISA-L checks each member's CRC and length."""

    def __init__(self, head: bytes, stream: BinaryIO, limits: InflateLimits, where: str) -> None:
        self._input = head
        self._stream = stream
        self._limits = limits
        self._where = where
        self._read, self._written = len(head), 0
        self._engine = isal_zlib.decompressobj(wbits=31)
        self._inside = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        while self._more():
            try:
                data: bytes = self._engine.decompress(self._input, len(view))
            except _IsalError as error:
                raise self._bad(str(error)) from error
            self._inside = not self._engine.eof
            self._input = self._engine.unconsumed_tail if self._inside else self._engine.unused_data
            if data:
                self._written += len(data)
                self._check_size()
                view[: len(data)] = data
                return len(data)
        return 0

    def _more(self) -> bool:
        """Make sure there is input, at the start of a member or inside one; return False at a proper end."""
        while len(self._input) < (1 if self._inside else len(_GZIP)):
            more = self._stream.read(_INPUT)
            if not more:
                if self._inside:
                    raise self._bad("it is truncated")
                break
            self._read += len(more)
            self._input += more
        if not self._inside and self._input:
            if not is_gzip(self._input):
                raise self._bad("something other than gzip follows its end")
            self._engine = isal_zlib.decompressobj(wbits=31)
            self._inside = True
        return self._inside

    def _check_size(self) -> None:
        limits = self._limits
        if self._written > limits.total:
            raise self._bad(f"it holds more than {limits.total} bytes")
        if self._written > limits.free and self._written > limits.ratio * self._read:
            raise self._bad(
                f"{self._read} bytes hold {self._written}, more than {limits.ratio} times as much"
            )

    def _bad(self, what: str) -> CorruptContentError:
        return CorruptContentError(f"not an acceptable gzip stream: {what}", where=self._where)
