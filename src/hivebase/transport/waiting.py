"""How long to wait before the next attempt, and who waits with us."""

from __future__ import annotations

import math
import random
import threading
import time
from datetime import UTC
from typing import TYPE_CHECKING, Protocol

from hivebase.errors import InterruptedByUserError

if TYPE_CHECKING:
    from hivebase.transport.limits import Limits
    from hivebase.transport.targets import Origin

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start."""

    def time(self) -> float:
        """Return seconds since 1970."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class SystemClock:
    """The real time; a wait ends early, with an error, when ``cancel`` is set."""

    def __init__(self, cancel: threading.Event | None = None) -> None:
        self.cancel = cancel or threading.Event()

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start."""
        return time.monotonic()

    def time(self) -> float:
        """Return seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float, /) -> None:
        """Wait.

        Raises:
            InterruptedByUserError: the work was cancelled meanwhile.
        """
        if self.cancel.wait(seconds):
            raise InterruptedByUserError("interrupted while waiting for a server")


def retry_after(header: str | None, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3), or None.

    Args:
        header: the header's value: seconds, or an HTTP date.
        now: seconds since 1970.
    """
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 -- slow to load and rarely needed

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    # A date in the old formats may come without a zone; HTTP dates are always in UTC.
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)


class Pauses:
    """One pause per server for all workers, so that several of them do not each try their luck."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._until: dict[Origin, float] = {}
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311 -- jitter, not a key

    def wait(self, origin: Origin) -> None:
        """Wait until ``origin`` may be asked again."""
        while True:
            with self._lock:
                remaining = self._until.get(origin, 0.0) - self._clock.monotonic()
            if remaining <= 0:
                return
            self._clock.sleep(remaining)

    def hold(self, origin: Origin, attempt: int, asked: float | None) -> None:
        """Let nobody ask ``origin`` for a while.

        Args:
            origin: the server that failed.
            attempt: 1 after the first failure.
            asked: what its Retry-After says; without it the wait doubles with each attempt. Both are capped,
                and both get jitter, or all clients of a server that comes back would come back with it.
        """
        limits = self._limits
        base = asked if asked is not None else limits.backoff * math.ldexp(1.0, min(attempt, 16) - 1)
        jitter = self._random.uniform(0.0, 0.1 if asked is not None else 0.5)
        seconds = min(base, limits.longest_wait) * (1.0 + jitter if asked is not None else 1.0 - jitter)
        with self._lock:
            until = self._clock.monotonic() + seconds
            self._until[origin] = max(until, self._until.get(origin, 0.0))
