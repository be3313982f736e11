"""Work on threads that die with the process: what hangs in the network after Ctrl-C must not keep it."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
R = TypeVar("R")

_POLL = 0.2
"""Seconds between looks around while waiting: a signal may wake another thread than the one that waits."""


class Background(Generic[T]):
    """A queue and a few threads. Safe between threads; no thread is started before there is work.

    Args:
        work: called with each item, on any thread; must not raise.
        workers: threads at most.
        waiting: items that may wait, 0 for any number; who puts one more waits as well.
    """

    def __init__(self, work: Callable[[T], object], *, workers: int, waiting: int) -> None:
        self._work = work
        self._workers = workers
        self._queue: queue.Queue[T] = queue.Queue(waiting)
        self._abandoned = threading.Event()
        self._lock = threading.Lock()
        self._threads = 0

    def put(self, item: T) -> None:
        """Hand over one item; it is dropped if the work was given up."""
        with self._lock:
            if self._threads < self._workers:
                self._threads += 1
                threading.Thread(target=self._run, name="background", daemon=True).start()
        while not self._abandoned.is_set():
            try:
                self._queue.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return

    @property
    def left(self) -> int:
        """How many items are not done yet."""
        return self._queue.unfinished_tasks

    def finish(self) -> None:
        """Wait until everything is done."""
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and not self._abandoned.is_set():
                self._queue.all_tasks_done.wait(_POLL)

    def abandon(self) -> None:
        """Do nothing more; what is being done is left to itself."""
        self._abandoned.set()

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            try:
                if not self._abandoned.is_set():
                    self._work(item)
            finally:
                self._queue.task_done()


def started(crew: Background[Callable[[], None]], work: Callable[[], R]) -> Future[R]:
    """Let ``crew``, whose work is to call its items, do ``work``; return what will be its result."""
    future: Future[R] = Future()

    def call() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- whoever waits is told
            future.set_exception(error)

    crew.put(call)
    return future


def awaited(future: Future[R], check: Callable[[], object]) -> R:
    """Return the result of ``future``; while it is waited for, ``check`` is called, which may raise."""
    while not future.done():
        check()
        wait([future], _POLL)
    return future.result()
