"""What a request carries when it is too long to be held: part of a file, read while it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import msgspec

from hivebase import fs
from hivebase.errors import InterruptedByUserError, SystemFaultError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


class Body(msgspec.Struct, frozen=True):
    """``size`` bytes from ``offset`` of what ``opener`` opens; opened anew for each attempt.

    Attributes:
        opener: opens a seekable stream.
        offset: in bytes.
        size: in bytes; the stream must have as many.
        sent: told how many bytes went on their way; an attempt that is repeated counts again.
    """

    opener: Callable[[], BinaryIO]
    offset: int
    size: int
    sent: Callable[[int], object] | None = None


class Outgoing:
    """One attempt at sending a `Body`: the file-like object that urllib3 reads from.

    Attributes:
        idle: seconds that the server may refuse to take more; `hivebase.transport.connections` reads it.
    """

    def __init__(self, body: Body, idle: float, cancel: threading.Event) -> None:
        self.idle = idle
        self._body = body
        self._cancel = cancel
        self._left = body.size
        self._stream = body.opener()
        self._stream.seek(body.offset)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``.

        Raises:
            InterruptedByUserError: the transport was cancelled.
            SystemFaultError: the stream is shorter than announced, or cannot be read.
        """
        if self._cancel.is_set():
            raise InterruptedByUserError("interrupted while uploading")
        try:
            data = self._stream.read(self._left if size < 0 else min(size, self._left))
        except OSError as error:
            # Not the connection's fault: another attempt would read the same disk.
            raise fs.system_fault(error, "cannot read what is to be sent", where="") from error
        if not data and self._left:
            raise SystemFaultError(f"{self._left} bytes are missing of what is to be sent")
        self._left -= len(data)
        if data and self._body.sent is not None:
            self._body.sent(len(data))
        return data

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
