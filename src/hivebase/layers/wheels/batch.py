"""What is told of downloads."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

from hivebase.progress import Event, Listener

if TYPE_CHECKING:
    from hivebase.plan.wheels import LockedWheel

SUBJECT = "wheels"
"""Of the events."""


class Progress:
    """Tells of one batch as a whole: hundreds of wheels would be hundreds of lines."""

    def __init__(self, listener: Listener, wheels: list[LockedWheel]) -> None:
        self._listener = listener
        self._left = len(wheels)
        self._lock = threading.Lock()
        self._since = monotonic()
        megabytes = sum(wheel.size for wheel in wheels) / 1e6
        plural = "" if len(wheels) == 1 else "s"
        self._step = f"download {len(wheels)} wheel{plural}" + (f" ({megabytes:.1f} MB)" if megabytes else "")
        listener(Event(SUBJECT, "started", step=self._step))

    def one(self, wheel: LockedWheel) -> None:
        """One wheel is here, or has failed."""
        with self._lock:
            self._left -= 1
            last = not self._left
        self._listener(Event(SUBJECT, "log", wheel.file))
        if last:
            self.end()

    def end(self) -> None:
        """The batch has ended."""
        self._listener(Event(SUBJECT, "done", step=self._step, seconds=monotonic() - self._since))
