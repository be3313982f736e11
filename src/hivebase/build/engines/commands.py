"""Runs the command of a foreign engine: its output as events, its end as one of our errors."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import BuildError, InterruptedByUserError, SystemFaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_KEPT = 30
_LINE = 2000
_POLL = 0.1
_GRACE = 10.0
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


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

    def output(self, *words: str | Path, stdin: bytes = b"") -> str:
        """Return what a short call printed.

        Raises:
            SystemFaultError: it cannot be started, or failed.
        """
        done = self.attempt(*words, stdin=stdin)
        if done.returncode != 0:
            why = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
            raise SystemFaultError(f"'{self._shown(words)}' failed", why=why[-500:])
        return done.stdout.decode("utf-8", "replace").strip()

    def attempt(self, *words: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Return how a short call ended.

        Raises:
            SystemFaultError: it cannot be started.
        """
        try:
            return subprocess.run(
                [*self.words, *map(str, words)],
                env=dict(self.env),
                input=stdin,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise SystemFaultError(f"{self.words[0]} cannot be started", why=str(error)) from error

    def run(
        self,
        *words: str | Path,
        told: Callable[[str], object] = lambda _: None,
        stdout: Path | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Run a long call.

        Args:
            words: behind those of every call.
            told: takes each line that it prints.
            stdout: a file for its standard output, which is told otherwise.
            cwd: the directory to start it in.

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
                stdin=subprocess.DEVNULL,
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
        reader = threading.Thread(target=self._read, args=(process, lines, told), daemon=True)
        reader.start()
        try:
            self._wait(process)
        except BaseException:
            _end(process)  # it is in a session of its own, so the terminal's Ctrl-C has not reached it
            raise
        reader.join()
        if self.cancel.is_set():
            raise InterruptedByUserError("interrupted")
        if process.returncode != 0:
            why = "\n".join(list(lines)[-5:]) or f"exit code {process.returncode}"
            raise BuildError(f"'{self._shown(words)}' failed", why=why)

    def _read(
        self, process: subprocess.Popen[bytes], lines: deque[str], told: Callable[[str], object]
    ) -> None:
        stream = process.stdout or process.stderr
        if stream is None:
            return
        for data in stream:
            line = _CONTROL.sub("", data.decode("utf-8", "replace").rstrip("\r\n"))[:_LINE]
            if line:
                lines.append(line)
                told(line)
        stream.close()

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


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
