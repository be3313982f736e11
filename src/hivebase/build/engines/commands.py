"""Runs the command of a foreign engine: its output as events, its end as one of our errors."""

from __future__ import annotations

import contextlib
import io
import os
import select
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

from hivebase.build.printed import Printed
from hivebase.errors import BuildError, InterruptedByUserError, SystemFaultError
from hivebase.layers.sandbox.output import Masker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from _typeshed import ReadableBuffer

_KEPT = 5
_POLL = 0.1
_GRACE = 10.0
_CHUNK = 1 << 16


class Command(msgspec.Struct, frozen=True):
    """A program with the words and variables that every call of it has.

    Attributes:
        words: the program first.
        env: its whole environment.
        cancel: ends what is running.
    """

    words: tuple[str, ...]
    env: Mapping[str, str]
    cancel: threading.Event

    def output(self, *words: str | Path) -> str:
        """Return what a short call printed.

        Raises:
            SystemFaultError: it cannot be started, or failed.
        """
        done = self.attempt(*words)
        if done.returncode != 0:
            why = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
            raise SystemFaultError(f"'{self._shown(words)}' failed", why=why[-500:])
        return done.stdout.decode("utf-8", "replace").strip()

    def attempt(self, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
        """Return how a short call ended.

        Raises:
            SystemFaultError: it cannot be started.
        """
        try:
            return subprocess.run(
                [*self.words, *map(str, words)],
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise SystemFaultError(f"{self.words[0]} cannot be started", why=str(error)) from error

    def run(
        self,
        *words: str | Path,
        told: Callable[[str], object] = lambda _: None,
        secrets: Iterable[bytes] = (),
        stdout: Path | None = None,
        cwd: Path | None = None,
        feed: Callable[[BinaryIO], object] | None = None,
    ) -> None:
        """Run a long call.

        Args:
            words: behind those of every call.
            told: takes each line that it prints, as :class:`~hivebase.build.printed.Printed` gives it out.
            secrets: masked in these lines.
            stdout: a file for its standard output, which is told otherwise.
            cwd: the directory to start it in.
            feed: writes its standard input, which is empty otherwise. What it raises ends the program and is raised,
                except that the program reads no more: then its exit code says why.

        Raises:
            BuildError: it failed; the last lines say why.
            SystemFaultError: it cannot be started, or the file cannot be written.
            InterruptedByUserError: the build was stopped.
        """
        lines: deque[str] = deque(maxlen=_KEPT)
        try:
            output = stdout.open("wb") if stdout is not None else subprocess.PIPE
            process = subprocess.Popen(
                [*self.words, *map(str, words)],
                env=dict(self.env),
                stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
                bufsize=0,
                stdout=output,
                stderr=subprocess.PIPE if stdout is not None else subprocess.STDOUT,
                start_new_session=True,
                cwd=cwd,
            )
        except OSError as error:
            raise SystemFaultError(f"'{self._shown(words)}' cannot be started", why=str(error)) from error
        finally:
            if stdout is not None and not isinstance(output, int):
                output.close()

        def line(text: str) -> None:
            if text:
                lines.append(text)
                told(text)

        reader = threading.Thread(target=_read, args=(process, Masker(secrets), Printed(line)), daemon=True)
        reader.start()
        try:
            if feed is not None and process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    feed(cast("BinaryIO", _Input(process.stdin.fileno(), self.cancel)))
                process.stdin.close()
            self._wait(process)
        except BaseException:
            _end(process)  # it is in a session of its own, so the terminal's Ctrl-C has not reached it
            raise
        finally:
            if process.stdin is not None:
                process.stdin.close()  # after the program's end, which must not take a part for the whole
        reader.join()
        if self.cancel.is_set():
            raise InterruptedByUserError("interrupted")
        if process.returncode != 0:
            why = "\n".join(lines) or f"exit code {process.returncode}"
            raise BuildError(f"'{self._shown(words)}' failed", why=why)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            try:
                process.wait(_POLL)
            except subprocess.TimeoutExpired:
                if not self.cancel.is_set():
                    continue
                _end(process)
            return

    def _shown(self, words: Sequence[str | Path]) -> str:
        name = os.path.basename(self.words[0])  # noqa: PTH119 -- a word, not a file
        return " ".join([name, *map(str, words[:1])])


class _Input(io.RawIOBase):
    """The standard input of a program. Writing ends when the build is stopped, even if the program does not read."""

    def __init__(self, pipe: int, cancel: threading.Event) -> None:
        self._pipe = pipe
        self._cancel = cancel
        self._room = select.poll()
        self._room.register(pipe, select.POLLOUT)
        os.set_blocking(pipe, False)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of ``data``."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            if self._cancel.is_set():
                raise InterruptedByUserError("interrupted")
            if self._room.poll(_POLL * 1000):
                left = left[os.write(self._pipe, left) :]
        return size


def _read(process: subprocess.Popen[bytes], masker: Masker, printed: Printed) -> None:
    stream = process.stdout or process.stderr
    if stream is None:
        return
    while chunk := os.read(stream.fileno(), _CHUNK):
        printed.feed(masker.feed(chunk))
    printed.feed(masker.close())
    printed.close()
    stream.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
