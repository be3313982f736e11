"""Reading tar: strict, streaming, in constant memory."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

from hivebase.errors import CorruptContentError
from hivebase.tar.entry import BLOCK, CHUNK, Entry, Limits
from hivebase.tar.header import Raw, bad, is_sparse, parse_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ZERO = bytes(BLOCK)
# A reader that honours these in a global header sees another archive than Go's, which ignores them.
_DANGEROUS_GLOBALS = (b"path", b"linkpath", b"size")


class _Body(io.RawIOBase):
    """The content of one entry: a window on the archive's stream."""

    def __init__(self, reader: Reader, size: int) -> None:
        super().__init__()
        self._reader = reader
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        whole = size is None or size < 0
        want = self._left if size is None or whole else min(size, self._left)
        data = self._reader.take(want, exact=whole) if want else b""
        self._left -= len(data)
        return data

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def drain(self) -> None:
        while self.read(CHUNK):
            pass


class Reader:
    """Iterates over ``(entry, body)`` of the archive in ``stream``; a body is valid until the next entry.

    After the last entry the rest of the stream is read and ignored, so that who hashes the stream has seen it
    all. Sparse files are refused.

    Args:
        stream: the uncompressed archive; buffered, or every block costs a system call.
        limits: what is accepted.
        where: what the archive is called in errors.

    Raises (while iterating, and while reading a body):
        CorruptContentError: the archive is damaged, ambiguous, or beyond ``limits``.
    """

    def __init__(self, stream: BinaryIO, limits: Limits | None = None, *, where: str = "") -> None:
        self._stream = stream
        self._limits = limits or Limits()
        self._where = where
        self._total = 0

    def __iter__(self) -> Iterator[tuple[Entry, BinaryIO]]:
        count = 0
        while (entry := self._next()) is not None:
            count += 1
            if count > self._limits.entries:
                raise bad(f"more than {self._limits.entries} entries", where=self._where)
            body = _Body(self, entry.size)
            yield entry, cast("BinaryIO", body)
            body.drain()
            self._skip_padding(entry.size)
        while self.take(CHUNK, exact=False, may_end=True):
            pass

    def take(self, size: int, *, exact: bool, may_end: bool = False) -> bytes:
        """Read up to ``size`` (> 0) bytes of the archive, all of them if ``exact``.

        Raises:
            CorruptContentError: the stream is over, unless it ``may_end`` here, or too long.
        """
        if exact and self._total + size > self._limits.total:
            raise bad(f"more than {self._limits.total} bytes", where=self._where)
        data = self._stream.read(size)
        if exact and 0 < len(data) < size:
            parts, got = [data], len(data)
            while got < size and (data := self._stream.read(size - got)):
                parts.append(data)
                got += len(data)
            data = b"".join(parts)
        self._total += len(data)
        if self._total > self._limits.total:
            raise bad(f"more than {self._limits.total} bytes", where=self._where)
        if (not data and not may_end) or (exact and 0 < len(data) < size):
            raise bad("it ends in the middle of an entry", where=self._where)
        return data

    def _skip_padding(self, size: int) -> None:
        if size % BLOCK:
            self.take(-size % BLOCK, exact=True)

    def _next(self) -> Entry | None:
        """Return the next entry with the extended headers before it applied, or None at the end marker."""
        try:
            raw = self._next_header()
            return raw.entry(self._limits) if raw else None
        except CorruptContentError as error:
            error.where = self._where
            raise

    def _next_header(self) -> Raw | None:
        pax: dict[bytes, bytes] = {}
        longs = {b"L": b"", b"K": b""}
        while (block := self.take(BLOCK, exact=True, may_end=True)) not in (b"", _ZERO):
            raw = Raw(block)
            if raw.flag == b"x":
                if pax:
                    raise bad("two extended headers for one entry")
                pax = parse_records(self._special(raw))
            elif raw.flag == b"g":
                _check_global(parse_records(self._special(raw)))
            elif raw.flag in longs:
                if longs[raw.flag]:
                    raise bad("two GNU long names for one entry")
                longs[raw.flag] = self._special(raw).partition(b"\0")[0]
            else:
                raw.merge(pax, longs[b"L"], longs[b"K"])
                return raw
        if pax or any(longs.values()):
            raise bad("an extended header is followed by nothing")
        # Like Go: a missing end marker, or half of one at the very end, is an end; half of one inside is not.
        if block and self.take(BLOCK, exact=True, may_end=True) not in (b"", _ZERO):
            raise bad("a single zero block between entries")
        return None

    def _special(self, raw: Raw) -> bytes:
        """Return the content of an extended header or GNU long name."""
        if not 0 <= raw.size <= self._limits.header:
            raise bad(f"an extended header of {raw.size} bytes (limit {self._limits.header})")
        data = self.take(raw.size, exact=True) if raw.size else b""
        self._skip_padding(raw.size)
        return data


def _check_global(records: Iterable[bytes]) -> None:
    for key in records:
        if key in _DANGEROUS_GLOBALS or is_sparse(key):
            raise bad(f"a global extended header sets {key.decode()!r}")
