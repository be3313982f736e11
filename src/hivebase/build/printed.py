"""What one step prints, on its way to the listener: all of it up to a limit, from there on only its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.layers.sandbox.output import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_OUTPUT = 16 << 20
"""Bytes. A compiler's verbose log fits; a loop that prints for ever must not keep the build busy with showing it."""

_END = 64 << 10
"""Bytes that are kept of the rest: the last words of a step that fails say why."""


class Printed:
    """Takes chunks and gives out clean lines, in bounded memory and bounded time.

    Args:
        sink: takes each line, without its end.
    """

    def __init__(self, sink: Callable[[str], object]) -> None:
        self._sink = sink
        self._lines = Lines(sink)
        self._taken = 0
        self._end = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        room = MAX_OUTPUT - self._taken
        self._taken += len(chunk)
        if room > 0:
            self._lines.feed(chunk[:room])
        if len(chunk) > room:
            self._end = (self._end + chunk[max(room, 0) :])[-_END:]

    def close(self) -> None:
        """Give out what has no line end yet, and the end of what was left out."""
        self._lines.close()
        rest = self._taken - MAX_OUTPUT - len(self._end)
        if rest > 0:
            self._sink(f"[{rest} bytes of output are left out here]")
        self._lines = Lines(self._sink)
        self._lines.feed(self._end)
        self._lines.close()
        self._end = b""
