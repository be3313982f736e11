"""Not asking more often than a server allows: a token bucket."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hivebase.transport.waiting import Clock

_DEPTH = 1.0
"""Seconds whose calls may come at once after a rest."""


class Pace:
    """Lets through ``rate`` calls a second on average. Thread-safe."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        # The moment at which the bucket is full again: one number instead of a level and when it was so.
        self._full = clock.monotonic()

    def wait(self) -> None:
        """Take a token, and wait until there is one.

        Raises:
            InterruptedByUserError: the work was cancelled meanwhile.
        """
        with self._lock:
            now = self._clock.monotonic()
            self._full = max(self._full, now) + 1.0 / self._rate
            early = self._full - now - _DEPTH
        if early > 0:
            self._clock.sleep(early)
