"""Shows the progress of a build: a live block on a terminal, plain lines with a heartbeat anywhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import unicodedata
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from hivebase.cli.output import colours, note, show
from hivebase.layers.sandbox.output import clean_line
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.progress import Event

_HEARTBEAT = 10.0
"""Seconds between signs of life of one running step: CI systems end jobs that are silent for long."""

_TAIL = 20
"""Lines of a step's output that are shown when it fails."""

_REFRESH = 0.1


class Display:
    """Takes events from any thread and shows them on stderr. Use as a context manager.

    Args:
        verbose: show every line that a step prints.
        quiet: show errors only.
    """

    def __init__(self, *, verbose: bool = False, quiet: bool = False) -> None:
        self._verbose = verbose
        self._quiet = quiet
        self._lock = threading.Lock()
        # Stages of one image run side by side: a step is known by its image and its text.
        self._running: dict[tuple[str, str], tuple[float, float]] = {}
        self._tails: dict[str, _Tail] = {}
        self._live = (
            sys.stderr.isatty() and not verbose and not quiet and os.environ.get("CI", "") in {"", "false"}
        )
        self._drawn = 0
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._ticker.join()
        with self._lock:
            self._erase()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if event.status == "log":
            self._line(event)
            return
        event = _without_credentials(event)
        with self._lock, self._above():
            if event.status == "started":
                now = time.monotonic()
                self._running[event.subject, event.step or event.text] = (now, now)
                self._tails.pop(event.subject, None)
                if not self._live:
                    self._say(event.subject, event.step or event.text)
            elif event.status == "failed":
                self._forget(event.subject, event.step)
                self._say(event.subject, f"failed: {event.text}", always=True)
                self._show_tail(event.subject)
            else:
                self._ended(event)

    def _show_tail(self, subject: str) -> None:
        """Show the end of what a failed step printed; with ``verbose`` it is on the screen already."""
        tail = self._tails.pop(subject, None)
        if tail is None or self._verbose:
            return
        if tail.count > _TAIL:
            note(f"{subject} | … {tail.count - _TAIL} lines before these: build -v shows all")
        for line in tail.lines:
            note(f"{subject} | {line}")

    def _line(self, event: Event) -> None:
        """Keep one line of a step's output: there may be millions, so nothing is drawn for it."""
        with self._lock:
            tail = self._tails.get(event.subject)
            if tail is None:
                tail = self._tails[event.subject] = _Tail()
            tail.lines.append(event.text)
            tail.count += 1
            if self._verbose:
                note(f"{event.subject} | {event.text}")

    def _ended(self, event: Event) -> None:
        if event.status != "note":
            self._forget(event.subject, event.step)
        what = event.step or event.text
        if event.status == "done":
            self._say(event.subject, f"{what}  {event.seconds:.1f}s")
        elif event.status == "cached":
            if self._verbose:
                self._say(event.subject, f"cached  {what}")
        else:
            self._say(event.subject, event.text)

    def _forget(self, subject: str, step: str) -> None:
        for key in [key for key in self._running if key[0] == subject and (not step or key[1] == step)]:
            del self._running[key]

    def _say(self, subject: str, text: str, *, always: bool = False) -> None:
        if not self._quiet or always:
            one_line = " ".join(text.split())
            note(f"{subject}: {one_line[:160]}")

    @contextlib.contextmanager
    def _above(self) -> Iterator[None]:
        """Take the live block away while lines are printed, then draw it again below them."""
        self._erase()
        yield
        self._draw()

    def _erase(self) -> None:
        show(self._erased())

    def _erased(self) -> str:
        """Return what takes the live block away."""
        drawn, self._drawn = self._drawn, 0
        return f"\x1b[{drawn}F\x1b[J" if drawn else ""

    def _draw(self) -> None:
        # One write for all: a terminal that shows a half would flicker.
        text = self._erased()
        columns = _columns()
        now = time.monotonic()
        for (subject, what), (since, _) in sorted(self._running.items()) if self._live else ():
            tail = self._tails.get(subject)
            line = f"  {subject}  {now - since:4.0f}s  {' '.join(what.split())}"
            if tail:
                line += f"  | {tail.lines[-1].strip()}"
            line = _fitting(clean_line(line), columns - 1)
            text += (f"\x1b[36m{line}\x1b[0m" if colours() else line) + "\n"
            self._drawn += 1
        show(text)

    def _tick(self) -> None:
        while not self._stop.wait(_REFRESH if self._live else 1.0):
            with self._lock:
                if self._live:
                    self._draw()
                    continue
                now = time.monotonic()
                for (subject, what), (since, told) in list(self._running.items()):
                    if now - told >= _HEARTBEAT:
                        self._say(subject, f"still running after {now - since:.0f}s: {what}")
                        self._running[subject, what] = (since, now)


@dataclass(slots=True)
class _Tail:
    """The last lines that a step printed, and how many it has printed in all."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    count: int = 0


def _without_credentials(event: Event) -> Event:
    """Return ``event`` as everybody may see it: a Dockerfile may have an address with a password."""
    from hivebase.transport.secrets import redact  # noqa: PLC0415 -- loaded anyway where there is progress

    return replace(event, step=redact(event.step), text=redact(event.text))


def _fitting(text: str, columns: int) -> str:
    """Return the start of ``text`` that fits: a line that wraps would be taken away by half only."""
    if text.isascii():
        return text[:columns]
    used = 0
    for position, sign in enumerate(text):
        used += 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        if used > columns:
            return text[:position]
    return text


def _columns() -> int:
    with contextlib.suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns
    return 80
