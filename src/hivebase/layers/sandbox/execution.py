"""The library's side of the helper process: start it, feed it, listen to it, stop it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import hivebase

if TYPE_CHECKING:
    import io
    import threading
    from collections.abc import Mapping

    from hivebase.layers.sandbox.protocol import Report, Request

_CHUNK = 1 << 16
_POLL = 100  # milliseconds between two looks at the cancel event
_PATIENCE = 4.0  # seconds from cancelling until the guard itself is killed

_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from hivebase.layers.sandbox import helper;"
    " helper.main(int(sys.argv[2]), int(sys.argv[3]))"
)
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


Sink = Callable[[bytes], object]


def execute(
    request: Request,
    on_output: Sink,
    cancel: threading.Event,
    *,
    on_error: Sink | None = None,
    stdin: BinaryIO | None = None,
) -> Report | None:
    """Run ``request`` in a helper process, to its end.

    Args:
        request: what to run.
        on_output: takes what it writes.
        cancel: stops it when set.
        on_error: takes what it writes to stderr, instead of ``on_output``.
        stdin: what it reads, a file with a descriptor; nothing by default.

    Returns:
        The helper's last report, or None if it ended without one: cancelled, or killed by somebody else.

    Raises:
        OSError: the helper cannot be started.
    """
    with contextlib.ExitStack() as stack:
        request_out, request_in = _pipe(stack)
        report_out, report_in = _pipe(stack)
        output_out, output_in = _pipe(stack)
        sinks = {output_out: on_output}
        writers = [output_in]
        if on_error is not None:
            error_out, error_in = _pipe(stack)
            sinks[error_out] = on_error
            writers.append(error_in)
        library = str(Path(hivebase.__file__).parents[1])
        arguments = [library, str(request_out.fileno()), str(report_in.fileno())]
        terminal = request["terminal"]
        # The kernel kills the helper when this *thread* ends, and it stays here until the helper has ended.
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM, *arguments],
            stdin=None if terminal else stdin or subprocess.DEVNULL,
            stdout=None if terminal else writers[0],
            stderr=None if terminal else writers[-1],
            pass_fds=(request_out.fileno(), report_in.fileno()),
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=not terminal,  # Ctrl-C is for us: we stop the step in order
        )
        try:
            for pipe in (request_out, report_in, *writers):
                pipe.close()
            with contextlib.suppress(BrokenPipeError):  # it is dead, which the listening will find out
                request_in.write(json.dumps(request).encode())
            request_in.close()
            return _Listener(process, report_out, sinks).listen(cancel)
        finally:
            _stop(process)


def _pipe(stack: contextlib.ExitStack) -> tuple[io.BufferedReader, io.BufferedWriter]:
    reader, writer = os.pipe()
    # File objects, because closing one twice does not close what another thread opened meanwhile.
    return stack.enter_context(open(reader, "rb")), stack.enter_context(open(writer, "wb"))  # noqa: PTH123 -- descriptors


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Make sure that the helper, and with it the step, has ended."""
    if process.poll() is None:  # only when listening broke off: the output could not be taken, say
        process.send_signal(signal.SIGALRM)  # to the guard: without grace
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


class _Listener:
    """Reads reports and output until the helper and all its children are gone."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reports: io.BufferedReader,
        outputs: Mapping[io.BufferedReader, Sink],
    ) -> None:
        self._process = process
        self._reports = reports
        self._sinks = {output.fileno(): sink for output, sink in outputs.items()}
        self._unread = b""
        self._last: Report | None = None
        self._cancelled_at: float | None = None

    def listen(self, cancel: threading.Event) -> Report | None:
        poll = select.poll()
        poll.register(self._reports, select.POLLIN)
        open_pipes = {self._reports.fileno(), *self._sinks}
        while open_pipes:
            for fd, _ in poll.poll(_POLL):
                chunk = os.read(fd, _CHUNK)
                if fd in self._sinks:
                    self._take_output(self._sinks[fd], chunk)
                else:
                    started = self._last is not None
                    self._take_reports(chunk)
                    # Until the step has started, the pipe holds only the runtime's complaints, which its
                    # report repeats.
                    if not started and (self._last is not None or not chunk):
                        for output in self._sinks:
                            poll.register(output, select.POLLIN)
                if not chunk:
                    poll.unregister(fd)
                    open_pipes.discard(fd)
            self._look_at(cancel)
        return self._last if self._last is not None and self._last["event"] != "started" else None

    def _take_output(self, sink: Sink, chunk: bytes) -> None:
        if chunk and (self._last is None or self._last["event"] != "failed"):
            sink(chunk)

    def _take_reports(self, chunk: bytes) -> None:
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            self._last = json.loads(line)

    def _look_at(self, cancel: threading.Event) -> None:
        if not cancel.is_set():
            return
        if self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            self._process.terminate()
        elif time.monotonic() - self._cancelled_at > _PATIENCE:
            self._process.kill()
