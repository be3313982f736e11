"""Runs a graph of jobs on a few threads; a failure cancels only what depends on it.

Knows nothing of images: names, dependencies and callables in; one outcome per name out.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, cast

from hivebase.errors import InterruptedByUserError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")

_POLL = 0.2
"""Seconds between looks at the clock while jobs run: Python delivers Ctrl-C only between waits."""


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
        InterruptedByUserError: Ctrl-C; running jobs were asked to stop and have ended.
    """
    outcomes: dict[str, Outcome[T]] = {}
    waiting = dict(jobs)
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="hivebase") as pool:
        running: dict[Future[T], str] = {}
        try:
            while waiting or running:
                _start_ready(waiting, running, outcomes, pool, workers, cancel)
                if not running:
                    break
                finished, _ = wait(running, timeout=_POLL, return_when=FIRST_COMPLETED)
                for future in finished:
                    outcomes[running.pop(future)] = _outcome_of(future)
        except KeyboardInterrupt:
            cancel.set()
            # The pool's exit waits for the running jobs, which now end by themselves.
            raise InterruptedByUserError("interrupted; nothing was left half done") from None
    if cancel.is_set():
        raise InterruptedByUserError("interrupted; nothing was left half done")
    return outcomes


def _start_ready(
    waiting: dict[str, Job[T]],
    running: dict[Future[T], str],
    outcomes: dict[str, Outcome[T]],
    pool: ThreadPoolExecutor,
    workers: int,
    cancel: threading.Event,
) -> None:
    progressed = True
    while progressed:
        progressed = False
        for name, job in list(waiting.items()):
            blame = next(
                (need for need in job.needs if need in outcomes and outcomes[need].status != "done"), None
            )
            if blame is not None:
                outcomes[name] = Outcome("skipped", blame=outcomes[blame].blame or blame)
                del waiting[name]
                progressed = True
            elif (
                len(running) < workers and not cancel.is_set() and all(need in outcomes for need in job.needs)
            ):
                # Every needed job is done, so each of them has a result, even if it is None.
                results = {need: cast("T", outcomes[need].result) for need in job.needs}
                running[pool.submit(job.run, results)] = name
                del waiting[name]
    if cancel.is_set():
        waiting.clear()


def _outcome_of(future: Future[T]) -> Outcome[T]:
    error = future.exception()
    return Outcome("failed", error=error) if error is not None else Outcome("done", result=future.result())
