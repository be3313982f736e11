"""Runs a graph of jobs on a few threads; a failure cancels only what depends on it.

Knows nothing of images: names, dependencies and callables in; one outcome per name out.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, cast

from hivebase.build.failures import told
from hivebase.errors import InterruptedByUserError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")

_POLL = 0.2
"""Seconds between looks around while jobs run: a signal may wake another thread than the one that waits."""

_PATIENCE = 4.0
"""Seconds that running jobs get to end after Ctrl-C. A step is over in two; a download may hang for minutes."""


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """One unit of work.

    Attributes:
        needs: names of the jobs whose results it takes.
        run: called with the results of ``needs`` by name, on any thread.
    """

    needs: Collection[str]
    run: Callable[[Mapping[str, T]], T]


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How one job ended: with a ``result``, an ``error``, or ``skipped`` because of the job named ``blame``."""

    status: Literal["done", "failed", "skipped"]
    result: T | None = None
    error: BaseException | None = None
    blame: str = ""


def run_jobs(jobs: Mapping[str, Job[T]], workers: int, cancel: threading.Event) -> dict[str, Outcome[T]]:
    """Run ``jobs``, at most ``workers`` at once, each after what it needs.

    ``needs`` must name jobs of ``jobs`` and contain no cycle (the planner has refused those already).
    Setting ``cancel`` starts no further job and is how running jobs are asked to stop.

    Raises:
        InterruptedByUserError: Ctrl-C, or ``cancel`` was set. Running jobs were asked to stop and have ended; what
            did not end in time is on a thread that dies with the process.
    """
    return _Run(jobs, max(1, workers), cancel).run()


class _Run(Generic[T]):
    def __init__(self, jobs: Mapping[str, Job[T]], workers: int, cancel: threading.Event) -> None:
        self._waiting = dict(jobs)
        self._workers = workers
        self._cancel = cancel
        self._outcomes: dict[str, Outcome[T]] = {}
        self._running: set[str] = set()
        self._ended: queue.SimpleQueue[tuple[str, Outcome[T]]] = queue.SimpleQueue()

    def run(self) -> dict[str, Outcome[T]]:
        try:
            while True:
                self._start_ready()
                if not self._running or self._cancel.is_set():
                    break
                self._collect(_POLL)
        except KeyboardInterrupt:
            self._cancel.set()
        except BaseException:
            self._cancel.set()
            self._drain()
            raise
        if self._cancel.is_set():
            self._drain()
            raise InterruptedByUserError("interrupted; nothing was left half done")
        return self._outcomes

    def _start_ready(self) -> None:
        progressed = True
        while progressed:
            progressed = False
            for name, job in list(self._waiting.items()):
                blame = next(filter(self._is_lost, job.needs), None)
                if blame is not None:
                    self._outcomes[name] = Outcome("skipped", blame=self._outcomes[blame].blame or blame)
                elif len(self._running) < self._workers and all(need in self._outcomes for need in job.needs):
                    self._start(name, job)
                else:
                    continue
                del self._waiting[name]
                progressed = True

    def _is_lost(self, name: str) -> bool:
        return name in self._outcomes and self._outcomes[name].status != "done"

    def _start(self, name: str, job: Job[T]) -> None:
        # Every needed job is done, so each of them has a result, even if it is None.
        results = {need: cast("T", self._outcomes[need].result) for need in job.needs}

        def work() -> None:
            try:
                outcome = Outcome("done", result=job.run(results))
            except BaseException as error:  # noqa: BLE001 -- every end of a job is an outcome
                outcome = Outcome("failed", error=error)
            self._ended.put((name, outcome))

        try:
            # A daemon: what hangs in the network after Ctrl-C must not keep the process.
            threading.Thread(target=work, name=f"hivebase-{name}", daemon=True).start()
        except RuntimeError as error:
            self._outcomes[name] = Outcome("failed", error=told(error))
            return
        self._running.add(name)

    def _collect(self, timeout: float) -> None:
        try:
            name, outcome = self._ended.get(timeout=timeout)
        except queue.Empty:
            return
        self._outcomes[name] = outcome
        self._running.discard(name)

    def _drain(self) -> None:
        """Wait for the running jobs, which have been asked to stop, for as long as a user waits."""
        deadline = time.monotonic() + _PATIENCE
        while self._running and (left := deadline - time.monotonic()) > 0:
            self._collect(min(left, _POLL))
