"""Several requests at a time: the first error ends the others, and is the one that is told."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from hivebase.errors import InterruptedByUserError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence


def run_all(calls: Sequence[Callable[[], object]], workers: int, name: str, stop: threading.Event) -> None:
    """Make all calls, and return when each has ended.

    Args:
        calls: each looks at ``stop`` now and then, and raises InterruptedByUserError when it is set.
        workers: calls at a time, at most.
        name: of the threads.
        stop: set as soon as a call failed, or this one was interrupted; clear again at the end.

    Raises:
        BaseException: of the first call that failed by itself, and not because of another.
    """
    if not calls:
        return
    with ThreadPoolExecutor(min(workers, len(calls)), name) as pool:
        futures = [pool.submit(call) for call in calls]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            # Also on Ctrl-C: leaving the pool waits for its workers, and they look at this.
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    stop.clear()
    errors = [e for future in futures if not future.cancelled() and (e := future.exception()) is not None]
    errors.sort(key=lambda error: isinstance(error, InterruptedByUserError))
    if errors:
        raise errors[0]
