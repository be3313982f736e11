"""Not asking more often than a server allows: a token bucket that holds one token.

With more in it, the first second would let through what was saved up and what comes in besides, which is more than a
limit of so many a second.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hivebase.transport.waiting import Clock


class Pace:
    """Lets calls through at most ``rate`` times a second, evenly. Thread-safe."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._between = 1.0 / rate
        self._clock = clock
        self._lock = threading.Lock()
        self._next = clock.monotonic()

    def wait(self) -> None:
        """Wait for one's turn.

        Raises:
            InterruptedByUserError: the work was cancelled meanwhile.
        """
        with self._lock:
            now = self._clock.monotonic()
            turn = max(self._next, now)
            self._next = turn + self._between
        if turn > now:
            self._clock.sleep(turn - now)
