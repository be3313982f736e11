"""A clock that does not wait."""

from __future__ import annotations

import time


class FakeClock:
    """Time that moves only when somebody sleeps, or is told to move; ``slept`` lists the waits."""

    def __init__(self, *, step: float = 0.0) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._step = step
        self._epoch = time.time() - self.now

    def monotonic(self) -> float:
        """Return the time; with a ``step``, every look at the clock takes that long."""
        self.now += self._step
        return self.now

    def time(self) -> float:
        """Return seconds since 1970."""
        return self._epoch + self.now

    def sleep(self, seconds: float, /) -> None:
        """Move on without waiting."""
        self.slept.append(seconds)
        self.now += seconds
