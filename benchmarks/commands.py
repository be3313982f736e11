"""Runs programs: timed ones with their output in a log, and daemons for the length of a ``with``."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_TAIL = 3000


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""


@dataclass(frozen=True)
class Runner:
    """Runs one side's programs.

    Attributes:
        log: takes what they print.
        env: their whole environment.
        prefix: words before each command.
        timeout: seconds for one program.
    """

    log: Path
    env: Mapping[str, str]
    prefix: tuple[str, ...] = ()
    timeout: float = 1800.0

    def run(self, *words: object, cwd: Path | None = None) -> None:
        """Run a program.

        Raises:
            BenchError: it failed or took too long; the end of its output is in the message.
        """
        command = [*self.prefix, *map(str, words)]
        with self.log.open("ab") as log:
            start = log.tell()
            log.write(f"$ {' '.join(command)}\n".encode())
            log.flush()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(self.env), cwd=cwd
            )
            code: object
            try:
                code = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                code = f"none after {self.timeout:.0f} s"
            finally:
                end(process)
        if code != 0:
            with self.log.open("rb") as log:
                log.seek(start)
                said = log.read().decode("utf-8", "replace")
            raise BenchError(f"{' '.join(command)}: exit code {code}\n{said[-_TAIL:]}")

    def output(self, *words: object) -> str:
        """Run a program; return its standard output.

        Raises:
            BenchError: it failed or took too long.
        """
        command = [*self.prefix, *map(str, words)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                env=dict(self.env),
                check=False,
                timeout=self.timeout,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BenchError(f"{' '.join(command)}: {error}") from error
        if done.returncode:
            raise BenchError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-_TAIL:]}")
        return done.stdout


def end(process: subprocess.Popen[bytes], ask: int = signal.SIGTERM) -> None:
    """End a program that was started here, if it still runs: politely first, so that it can tidy up."""
    if process.poll() is None:
        process.send_signal(ask)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)


def seconds(action: Callable[[], object]) -> float:
    """Return how long ``action`` takes, from a disk that has nothing left to write."""
    os.sync()
    start = time.monotonic()
    action()
    return time.monotonic() - start


def need(program: str, package: str) -> str:
    """Return the path of ``program``.

    Raises:
        BenchError: it is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise BenchError(f"{program} is not installed: apt-get install {package}")
    return found


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Return whether something takes connections at a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def daemon(
    command: Sequence[str],
    log: Path,
    ready: Callable[[subprocess.Popen[bytes]], bool],
    stop: Callable[[subprocess.Popen[bytes]], None] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon until the end of the ``with``; the kernel ends it should this process be killed.

    Args:
        command: its words.
        log: takes what it prints.
        ready: whether it can be used.
        stop: asks it to end; SIGTERM by default.

    Raises:
        BenchError: it did not start.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not ready(process):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-_TAIL:]}")
            time.sleep(0.05)
        yield process
    finally:
        if stop is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                stop(process)
                process.wait(_STOP_SECONDS)
        end(process)
