"""The image's own interpreter, in one sandbox for the whole build, compiling wheels as they come."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

from hivebase.errors import BuildError, HivebaseError, InterruptedByUserError
from hivebase.layers.sandbox.mounts import BindMount, FileMount, Tree
from hivebase.layers.sandbox.run import SandboxRequest, run
from hivebase.layers.sandbox.spec import Process
from hivebase.layers.wheels import inside
from hivebase.layers.wheels.layout import shebang

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hivebase.digest import Digest
    from hivebase.layers.wheels.scheme import Scheme

_SCRIPT, _WHEELS, _OUT = "/run/hivebase/compile.py", "/run/hivebase/wheels", "/hivebase-bytecode"
_KEPT_LINES = 20


class Compiler:
    """Compiles the modules of wheels. Safe between threads; close it after use.

    The sandbox has no network, and sees nothing but the layers and the directory of wheels.

    Args:
        lowers: returns the unpacked layers that hold the interpreter, lowest first; called when the
            sandbox starts.
        binary: absolute path of the interpreter in them.
        wheels: the directory that all wheel files are in, or will be; made if it is missing.
        work: an empty directory on the store's file system.
        most: wheels compiled at once; 0 for one per processor.
    """

    def __init__(
        self, lowers: Callable[[], Sequence[Path]], binary: str, wheels: Path, work: Path, *, most: int = 0
    ) -> None:
        self._lowers = lowers
        self._binary = binary
        self._wheels = wheels
        self._work = work
        self._most = most or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._waiting: dict[int, Future[Path]] = {}
        self._asked: dict[Digest, Future[Path]] = {}
        self._count = 0
        self._line = b""
        self._told: list[str] = []
        self._jobs = -1
        self._thread: threading.Thread | None = None
        self._ended: HivebaseError | None = None

    def compile(self, key: Digest, wheel: Path, scheme: Scheme, name: str, epoch: int) -> Future[Path]:
        """Begin to compile all modules of ``wheel``, into a file of :mod:`hivebase.layers.wheels.bytecode`.

        Args:
            key: what the result depends on; what was asked for before is not compiled again.
            wheel: a verified file below the directory of wheels.
            scheme: where its modules will be.
            name: of the distribution, for its headers.
            epoch: the modification time that the sources will have.

        The future raises HivebaseError where the interpreter cannot be run, or failed.
        """
        future: Future[Path] = Future()
        with self._lock:
            before = self._asked.setdefault(key, future)
            if before is not future:
                return before
            if self._ended is not None:
                future.set_exception(self._ended)
                return future
            if self._thread is None:
                self._start()
            self._count += 1
            number = self._count
            self._waiting[number] = future
            job = {
                "wheel": f"{_WHEELS}/{wheel.relative_to(self._wheels)}",
                "out": f"{_OUT}/{number}",
                "roots": {
                    key: scheme.root(key, name)
                    for key in ("purelib", "platlib", "scripts", "data", "headers")
                },
                "shebang": shebang(scheme.executable).decode("utf-8", "surrogateescape"),
                "mtime": epoch,
            }
            line = b"%d %b\n" % (number, json.dumps(job).encode())
            try:
                while line:
                    line = line[os.write(self._jobs, line) :]
            except OSError:
                pass  # the sandbox has ended, which is told to all who wait
        return future

    def start(self) -> None:
        """Start the sandbox, which takes longer than compiling a small wheel, before the first wheel is there."""
        with self._lock:
            if self._thread is None and self._ended is None:
                self._start()

    def finish(self) -> None:
        """Let the sandbox end by itself once everything that was asked for is compiled; nothing more may be."""
        with self._lock:
            if self._jobs >= 0:
                os.close(self._jobs)
                self._jobs = -1

    def close(self) -> None:
        """End the sandbox."""
        self.finish()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(1.0)
            self._cancel.set()
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        theirs, self._jobs = os.pipe()
        self._thread = threading.Thread(target=self._run, args=(theirs,), name="compiler", daemon=True)
        self._thread.start()

    def _run(self, jobs: int) -> None:
        script = inside.program("compile_modules.py")
        error: HivebaseError = BuildError(
            "the interpreter of the image ended before it had compiled everything"
        )
        try:
            with os.fdopen(jobs, "rb", buffering=0) as stdin:
                self._wheels.mkdir(
                    mode=0o700, parents=True, exist_ok=True
                )  # the first wheel may be on its way
                result = run(
                    SandboxRequest(
                        lowers=self._lowers(),
                        upper=self._work / "upper",
                        work=self._work / "sandbox",
                        process=Process(
                            # No site, so that nothing of the image's packages takes part.
                            [self._binary, "-S", "-s", "-B", _SCRIPT, str(self._most)],
                            [("PYTHONHASHSEED", "0"), ("PATH", "/usr/bin:/bin"), ("LC_ALL", "C.UTF-8")],
                        ),
                        network="none",
                        mounts=[
                            FileMount(_SCRIPT, script),
                            BindMount(_WHEELS, Tree([self._wheels])),
                        ],
                    ),
                    self._take,
                    self._cancel,
                    on_error=self._note,
                    stdin=stdin,
                )
            if result.exit_code != 0:
                error = BuildError(
                    "the image's interpreter cannot compile modules",
                    where=self._binary,
                    why="; ".join(self._told[-3:]) or f"it ended with exit code {result.exit_code}",
                    hint="--no-compose runs the installation instead",
                )
        except InterruptedByUserError as interrupted:
            error = interrupted
        except HivebaseError as fault:
            error = fault
        except OSError as fault:
            error = BuildError("the compiling sandbox failed", why=str(fault))
        with self._lock:
            self._ended = error
            waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            future.set_exception(error)

    def _take(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            number, _, status = line.partition(b" ")
            with self._lock:
                future = self._waiting.pop(int(number), None) if number.isdigit() else None
            if future is None:
                continue
            if status == b"0":
                future.set_result(self._work / "upper" / _OUT.lstrip("/") / number.decode())
            else:
                why = "; ".join(self._told[-3:])
                future.set_exception(BuildError("the image's interpreter failed to compile a wheel", why=why))

    def _note(self, data: bytes) -> None:
        lines = data.decode("utf-8", "replace").splitlines()
        self._told = [*self._told, *lines][-_KEPT_LINES:]
