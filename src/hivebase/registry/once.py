"""Work that several threads ask for and one does."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Once(Generic[T]):
    """What was done, by key; how it ended, well or not, holds for all who ask. Safe between threads."""

    def __init__(self) -> None:
        self._done: dict[Hashable, Future[T]] = {}
        self._lock = threading.Lock()

    def do(self, key: Hashable, work: Callable[[], T]) -> T:
        """Return what ``work`` returned, or raise what it raised, when it was first asked for under ``key``."""
        mine: Future[T] = Future()
        with self._lock:
            future = self._done.setdefault(key, mine)
        if future is mine:
            try:
                mine.set_result(work())
            except BaseException as error:  # noqa: BLE001 -- whoever waits is told
                mine.set_exception(error)
        return future.result()

    def forget(self, key: Hashable) -> None:
        """Let the next one who asks do it again."""
        with self._lock:
            self._done.pop(key, None)
