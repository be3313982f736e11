"""What a running operation tells its listener: a small event vocabulary and the do-nothing listener.

The library emits events; the command line decides how they look (live lines on a terminal, heartbeat lines
in CI, nothing). Listeners may be called from several threads at once.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Status = Literal["started", "log", "cached", "done", "failed", "skipped", "note"]


class Event(msgspec.Struct, frozen=True):
    """One fact about one unit of work.

    Attributes:
        subject: the unit, usually an image's name (``python-grpc-base``) or a base reference.
        status: what happened to it.
        text: for ``log`` one line of output (already free of control characters); else a short detail.
        step: the Dockerfile step it belongs to, as written (``RUN apt-get update``), or empty.
        seconds: how long the unit took, when it ended.
    """

    subject: str
    status: Status
    text: str = ""
    step: str = ""
    seconds: float = 0.0


class Listener(Protocol):
    """Anything that can be told of events."""

    def __call__(self, event: Event, /) -> None:
        """Take one event; must not raise."""


def silent(_event: Event, /) -> None:
    """Ignore the event."""
