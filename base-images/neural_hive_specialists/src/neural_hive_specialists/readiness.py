"""Is this service able to do its work? A switch, and checks of what it depends on; a check must be able to fail."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Check = Callable[[], Awaitable[object]] | Callable[[], object]


class Status(StrEnum):
    """``degraded``: something optional is missing, the service still answers."""

    READY = "ready"
    DEGRADED = "degraded"
    NOT_READY = "not_ready"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one look: the status, and for each check ``ok`` or what went wrong."""

    status: Status
    checks: dict[str, str] = field(default_factory=dict)


class Readiness:
    """A switch that starts off, and named checks that are run each time somebody asks.

    Args:
        check_seconds: a check that takes longer has failed.
    """

    def __init__(self, check_seconds: float = 2.0) -> None:
        self._check_seconds = check_seconds
        self._checks: dict[str, tuple[Check, bool]] = {}
        self._on = False
        self._why = "starting"

    def add_check(self, name: str, check: Check, *, required: bool = True) -> None:
        """Register ``check``; it fails by raising, and may be a coroutine function.

        A synchronous check runs in a thread, so that a slow one does not stop the answers to others.
        """
        if name in self._checks:
            raise ValueError(f"there is a check named {name!r} already")
        self._checks[name] = (check, required)

    def switch_on(self) -> None:
        """Start-up is over: from now on, the checks decide."""
        self._on, self._why = True, ""

    def switch_off(self, why: str) -> None:
        """Take no more work, for the reason ``why``."""
        self._on, self._why = False, why

    async def report(self) -> Report:
        """Run all checks at once and return the outcome."""
        if not self._on:
            return Report(Status.NOT_READY, {"switch": self._why})
        names = list(self._checks)
        outcomes = await asyncio.gather(*(self._run(self._checks[name][0]) for name in names))
        results = dict(zip(names, outcomes, strict=True))
        failed = [name for name in names if results[name] != "ok"]
        if any(self._checks[name][1] for name in failed):
            return Report(Status.NOT_READY, results)
        return Report(Status.DEGRADED if failed else Status.READY, results)

    async def _run(self, check: Check) -> str:
        try:
            async with asyncio.timeout(self._check_seconds):
                if inspect.iscoroutinefunction(check):
                    await check()
                else:
                    await asyncio.to_thread(check)
        except TimeoutError:
            return f"no answer in {self._check_seconds:g} s"
        except Exception as error:  # noqa: BLE001 -- a check may fail in any way; that is its answer
            # The type alone: messages of database drivers contain addresses and passwords.
            return f"failed: {type(error).__name__}"
        return "ok"
