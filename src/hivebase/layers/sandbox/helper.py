"""The process around one step: its namespaces, its mounts, its runtime, its end.

Three generations, so that nothing outlives a step, however it ends::

    hivebase ── guard ─────────────── root ──────────────── runtime, then the step itself
                own mount namespace    pid 1 of a pid         own namespaces of everything,
                makes and sweeps       namespace, mounts      made by the runtime
                the cgroups            of its own

The kernel kills ``root`` when the guard dies and the guard when hivebase dies; with ``root`` goes its whole
pid namespace, with the last process the mounts. The guard ends only after
every process of the step is dead, so whoever waited for it may read the upper directory.

Started as ``python -I -S`` with the standard library alone: it must not run code that an image, the
environment or a site directory provides, and it starts for every RUN.
"""

# ruff: noqa: PTH123 -- pathlib alone would make the helper process a fifth slower to start

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, NoReturn

from hivebase.layers.sandbox import cgroups, syscalls
from hivebase.layers.sandbox.stage import UnfitError, prepare

if TYPE_CHECKING:
    from hivebase.layers.sandbox.protocol import Report, Request


def main(request_fd: int, report_fd: int) -> None:
    """Run the request that is readable at one descriptor; report at the other."""
    with open(request_fd, encoding="utf-8") as stream:
        request: Request = json.load(stream)
    os.set_inheritable(report_fd, False)
    report = Reporter(report_fd)
    syscalls.die_with_parent(signal.SIGKILL)
    if os.getppid() != request["parent"]:  # it died before the line above
        return
    os.umask(0o022)
    legacy: list[str] = []
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID)
        syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
        legacy = cgroups.see_one_tree()
        cgroups.sweep(legacy, request["name"])
        cgroups.create(legacy, request["name"], pids=request["pids"], memory=request["memory"])
        _guard(request, legacy, report)
        cgroups.sweep(legacy, request["name"])
    except OSError as error:
        report({"event": "failed", "blame": "machine", "message": str(error)})


class Reporter:
    """Writes reports, one JSON document per line."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __call__(self, report: Report) -> None:
        """Write ``report``; lines are shorter than a pipe's atomic size or the only ones on their way."""
        os.write(self._fd, json.dumps(report).encode() + b"\n")


def _guard(request: Request, legacy: list[str], report: Reporter) -> None:
    """Start ``root``, pass signals on, and wait until everything is dead."""
    alive, hold = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hold)
        _root(request, legacy, report, alive)
    os.close(alive)

    def kill(_number: int, _frame: object) -> None:
        os.kill(pid, signal.SIGKILL)

    def stop(_number: int, _frame: object) -> None:
        os.kill(pid, signal.SIGTERM)
        signal.setitimer(signal.ITIMER_REAL, request["grace"])

    signal.signal(signal.SIGALRM, kill)
    signal.signal(signal.SIGTERM, stop)
    os.waitpid(pid, 0)  # the kernel lets init of a pid namespace be reaped only after all others in it
    os.close(hold)


def _root(request: Request, legacy: list[str], report: Reporter, alive: int) -> NoReturn:
    """Be pid 1: mount, start the runtime, wait for the step, report. Ends the process, and all below it."""
    try:
        syscalls.die_with_parent(signal.SIGKILL)
        os.set_blocking(alive, False)
        try:
            os.read(alive, 1)
        except BlockingIOError:  # the guard still holds the other end
            report(_run(request, legacy, report))
    except UnfitError as error:
        report({"event": "failed", "blame": "image", "message": str(error)})
    except OSError as error:
        report({"event": "failed", "blame": "machine", "message": str(error)})
    finally:
        os._exit(0)


def _run(request: Request, legacy: list[str], report: Reporter) -> Report:
    # In mounts of its own: the guard needs to go on seeing the host's /proc.
    syscalls.unshare(syscalls.CLONE_NEWNS)
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    syscalls.mount("proc", "/proc", "proc", flags)
    scratch = f"{request['work']}/scratch"
    prepare(request, scratch)
    syscalls.forbid_abstract_sockets_outside()
    attached = request["terminal"]
    command = [request["runtime"], "--root", f"{scratch}/state", "--log", f"{scratch}/log"]
    command += ["--log-format", "json"]
    if request["flavour"] == "crun":
        # crun insists on raising a limit for its cgroup work, which not every root may do; see cgroups.join.
        command += ["--cgroup-manager", "disabled"]
    command += ["run", "--bundle", f"{scratch}/bundle"]
    # Detached, the runtime hands our pipe to the step and leaves: the order of what it writes to stdout and
    # stderr is kept, nothing copies it, and the step becomes a child of this process.
    command += [] if attached else ["--detach", "--pid-file", f"{scratch}/pid"]
    groups = [*legacy, cgroups.ROOT] if request["flavour"] == "crun" else legacy
    runtime = _start([*command, request["name"].replace(".", "-")], groups, request, f"{scratch}/dev/null")

    stopping = [runtime]
    signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(stopping[0], number))
    ended: dict[int, int] = {}
    code = _wait_for(runtime, ended)
    failure = _failure(f"{scratch}/log") if code != 0 else ""
    if failure or (code != 0 and not attached):
        return _failed(failure or f"{request['flavour']} ended with exit code {code} and no message")
    if not attached:
        with open(f"{scratch}/pid", encoding="ascii") as file:
            step = int(file.read())
        stopping[0] = step
        report({"event": "started"})
        code = _wait_for(step, ended)
    return {
        "event": "exited",
        "code": code if code >= 0 else 128 - code,
        "out_of_memory": cgroups.out_of_memory(legacy, request["name"]),
    }


def _start(command: list[str], groups: list[str], request: Request, null: str) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            cgroups.join(groups, request["name"])  # this child alone: the limits must not kill its parent
            if not request["terminal"] and not request["stdin"]:
                os.dup2(os.open(null, os.O_RDONLY), 0)
            os.execv(command[0], command)  # noqa: S606 -- the runtime, arguments as a list
        finally:
            os._exit(126)
    return pid


def _wait_for(pid: int, ended: dict[int, int]) -> int:
    """Reap whatever ends until ``pid`` has; return its exit code, negative for a signal."""
    while pid not in ended:
        other, status = os.waitpid(-1, 0)
        ended[other] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def _failure(log: str) -> str:
    """Return the last error that the runtime logged, or an empty string."""
    message = ""
    try:
        with open(log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry.get("level") in {"error", "fatal"}:
                    message = str(entry.get("msg", ""))
    except FileNotFoundError:
        pass
    return message


_COMMAND_FAULTS = (
    ("executable file", "not found"),
    ("exec", "no such file or directory"),
    ("exec", "permission denied"),
    ("exec", "is a directory"),
    ("exec", "exec format error"),
    ("open executable", "not permitted"),
    ("open executable", "permission denied"),
    ("cwd", "permission denied"),
)


def _failed(message: str) -> Report:
    text = message.lower()
    command = any(first in text and second in text for first, second in _COMMAND_FAULTS)
    return {"event": "failed", "blame": "command" if command else "machine", "message": message}
