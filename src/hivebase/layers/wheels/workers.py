"""As many worker processes as there are processors, started when the first large job comes."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Self

import msgspec

from hivebase.errors import SystemFaultError
from hivebase.layers.wheels.worker import Done, Failure, receive, send

if TYPE_CHECKING:
    from hivebase.layers.wheels.jobs import LayerJob, LayerMade
    from hivebase.oci.store import Store

_PATIENCE = 5.0
"""Seconds for a worker to end once its input has."""


class Workers:
    """A pool. Close it, or use it as a context manager. Safe between threads.

    Args:
        store: where layers go.
        count: processes at most; 0 for one per processor.
    """

    def __init__(self, store: Store, count: int = 0) -> None:
        self._store = store
        self._count = count or os.cpu_count() or 1
        self._idle: queue.LifoQueue[subprocess.Popen[bytes]] = queue.LifoQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._closed = False

    def run(self, job: LayerJob) -> LayerMade:
        """Make one layer; blocks while all workers are busy.

        Raises:
            HivebaseError: as :func:`hivebase.layers.wheels.compose.make_layer`.
            SystemFaultError: the worker was killed.
        """
        worker = self._take()
        data = None
        try:
            if worker.stdin is not None and worker.stdout is not None:
                send(worker.stdin, job)
                data = receive(worker.stdout)
        except OSError:
            data = None
        if data is None:
            self._idle.put(self._replace(worker))
            raise SystemFaultError(
                "a process that makes layers was ended from outside",
                why=f"exit status {worker.poll()}; the machine may be out of memory",
                hint="build again; what was finished is kept",
            )
        self._idle.put(worker)
        answer = msgspec.msgpack.decode(data, type=Done | Failure)
        if isinstance(answer, Failure):
            raise answer.error()
        # Into our own lease before the worker's ends.
        self._store.size(answer.made.descriptor.digest)
        return answer.made

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                for stream in (worker.stdin, worker.stdout):
                    if stream is not None:
                        stream.close()
            for worker in self._all:
                try:
                    worker.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    worker.kill()
                    worker.wait()
            self._all.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> subprocess.Popen[bytes]:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            with self._lock:
                if len(self._all) < self._count:
                    return self._start()
        return self._idle.get()

    def _replace(self, dead: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            self._all.remove(dead)
            dead.kill()
            dead.wait()
            for stream in (dead.stdin, dead.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what was not read is lost with it
                        stream.close()
            return self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise SystemFaultError("the pool of workers is closed")
        try:
            worker = subprocess.Popen(
                [sys.executable, "-m", "hivebase.layers.wheels.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            if worker.stdin is not None:
                send(worker.stdin, os.fsencode(self._store.root))
        except OSError as error:
            raise SystemFaultError("cannot start a worker process", why=str(error)) from error
        self._all.append(worker)
        return worker
