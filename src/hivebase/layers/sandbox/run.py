"""Running one step: what is asked of the sandbox, and how the step ended.

Limits of the sandbox: with ``network`` default or host a step is in the host's network namespace (an address
of its own would need a daemon, or a program for user-space networking), so it can reach what listens on the
host's loopback and the machine's metadata address. Abstract sockets of the host are out of its reach from
Linux 6.12 on. Memory and processes are limited where the machine offers the cgroup controllers.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from hivebase.errors import BuildError, InterruptedByUserError, SystemFaultError, UsageError
from hivebase.fs import remove_tree, system_fault
from hivebase.layers.sandbox import spec
from hivebase.layers.sandbox.cgroups import start_time
from hivebase.layers.sandbox.execution import execute
from hivebase.layers.sandbox.host import HostConfiguration
from hivebase.layers.sandbox.mounts import BoundMount, Caches, SecretMount, as_request
from hivebase.layers.sandbox.output import Masker
from hivebase.layers.sandbox.remap import TARGET
from hivebase.layers.sandbox.runtime import Runtime, find
from hivebase.values import replace

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Sequence

    from hivebase.layers.sandbox.protocol import Report, Request

DEFAULT_PIDS = 4096
"""Processes and threads of a step: many times what a parallel compiler run needs."""

_GRACE = 1.5  # seconds between SIGTERM and SIGKILL; the step's work is thrown away in any case
_POLL = 0.1  # seconds between two tries to get a cache
_SPARED = 20  # of the machine's memory a twentieth stays out of a step's reach

_NOT_FOUND = 127
_NOT_EXECUTABLE = 126

_COUNTER = itertools.count()


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """One step.

    Attributes:
        lowers: unpacked layers, lowest first, at most 498. Not changed.
        upper: directory (made if missing) that takes the changes; its own owner, mode and times are set to
            those of the tree's root. A directory above it should be closed to other users.
        work: a name on the same file system for what exists during the step only; made and removed.
        process: what to run.
        hostname: as the step sees it.
        network: ``none`` has loopback alone; the others are the host's network, see the module's text.
        privileged: no confinement but the namespaces.
        mounts: in order.
        host: the host's configuration that the step may see.
        caches: where cache mounts live; needed if there are any.
        masked: further secret values to mask in the output.
        pids: processes and threads at most, 0 for no limit.
        memory: bytes at most, 0 for no limit, None for nearly all that the machine has.
        runtime: None to look for one.
    """

    lowers: Sequence[Path]
    upper: Path
    work: Path
    process: spec.Process
    hostname: str = spec.HOSTNAME
    network: Literal["default", "none", "host"] = "default"
    privileged: bool = False
    mounts: Sequence[BoundMount] = ()
    host: HostConfiguration = field(default_factory=HostConfiguration)
    caches: Path | None = None
    masked: Sequence[bytes] = ()
    pids: int = DEFAULT_PIDS
    memory: int | None = None
    runtime: Runtime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How a step ended.

    Attributes:
        exit_code: of the command; 128 + signal if it was killed; 127 if there is no such command, 126 if it
            cannot be executed.
        out_of_memory: the kernel killed a process of the step because of the memory limit.
    """

    exit_code: int
    out_of_memory: bool = False


def run(
    request: SandboxRequest,
    on_output: Callable[[bytes], object],
    cancel: threading.Event,
    *,
    on_error: Callable[[bytes], object] | None = None,
    stdin: BinaryIO | None = None,
) -> Result:
    """Run the step to its end. No process or mount of it is left when this returns or raises.

    Nothing but the step's own changes is in ``upper`` then: mount points that the image lacked, the host's
    configuration and secrets never get there. What the step wrote may not be on the disk yet: syncing is a
    no-op inside the sandbox, so who keeps ``upper`` calls ``syncfs(2)`` once.

    Args:
        request: what to run. With a terminal, the step gets this process' own; ``on_output`` is not called.
        on_output: takes what the step writes to stdout and stderr, in order, with secrets masked. While it
            does not return, the step waits.
        cancel: when set, the step is stopped: SIGTERM, and SIGKILL for all its processes within two seconds.
        on_error: takes what the step writes to stderr, which then is not in ``on_output``.
        stdin: what the step reads, a file with a descriptor; nothing by default.

    Raises:
        BuildError: the image cannot be run, or a mount does not fit it.
        UsageError: a mount or a secret is refused.
        SystemFaultError: the machine or its runtime cannot run the step.
        InterruptedByUserError: the step was cancelled.
    """
    runtime = request.runtime or find()
    if runtime.refused:
        raise SystemFaultError("this OCI runtime is not used for RUN steps", why=runtime.refused)
    secrets = _secrets(request)
    give, end = _masked(secrets, on_output)
    give_error, end_error = _masked(secrets, on_error) if on_error is not None else (None, end)
    try:
        with _caches(request, cancel) as caches, _directories(request):
            document = _document(request, runtime, caches)
            document["stdin"] = stdin is not None
            report = execute(document, give, cancel, on_error=give_error, stdin=stdin)
    except OSError as error:
        raise system_fault(error, "cannot prepare the sandbox", where=request.work) from error
    result = _judge(report, runtime, cancel, give_error or give)
    end()
    end_error()
    return result


def _masked(
    secrets: list[bytes], sink: Callable[[bytes], object]
) -> tuple[Callable[[bytes], None], Callable[[], None]]:
    """Return what takes chunks for ``sink``, and what is called at their end. It may be called twice."""
    masker = Masker(secrets)

    def give(chunk: bytes) -> None:
        if shown := masker.feed(chunk):
            sink(shown)

    def end() -> None:
        if rest := masker.close():
            sink(rest)

    return give, end


def _judge(
    report: Report | None, runtime: Runtime, cancel: threading.Event, give: Callable[[bytes], object]
) -> Result:
    if cancel.is_set() and (report is None or report.get("code") != 0):
        raise InterruptedByUserError("the step was cancelled")
    if report is None:
        raise SystemFaultError(
            "the sandbox was killed",
            why="its helper process ended without a report; something killed it from outside",
            hint="look for the out-of-memory killer in dmesg",
        )
    if report["event"] == "exited":
        return Result(report["code"], report["out_of_memory"])
    message = report["message"]
    if report["blame"] == "command":
        give(f"{message}\n".encode())
        missing = "not found" in message or "no such file" in message.lower()
        return Result(_NOT_FOUND if missing else _NOT_EXECUTABLE)
    if report["blame"] == "image":
        raise BuildError("the step cannot start in this image", why=message)
    raise SystemFaultError(
        "cannot start the step in a sandbox",
        where=runtime.path,
        why=message,
        hint="hivebase doctor shows what this machine lacks",
    )


@contextlib.contextmanager
def _caches(request: SandboxRequest, cancel: threading.Event) -> Generator[Caches]:
    def pause() -> None:
        if cancel.wait(_POLL):
            raise InterruptedByUserError("cancelled while waiting for a cache")

    with Caches(request.caches, pause) as caches:
        caches.hold(request.mounts)
        yield caches


@contextlib.contextmanager
def _directories(request: SandboxRequest) -> Generator[None]:
    request.upper.mkdir(mode=0o755, parents=True, exist_ok=True)
    remove_tree(request.work)  # of a killed run
    request.work.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        remove_tree(request.work)


def _document(request: SandboxRequest, runtime: Runtime, caches: Caches) -> Request:
    own = str(os.getpid())
    name = f"{own}.{start_time(own)}.{next(_COUNTER)}"
    process = request.process
    env = [*process.env, *_secret_variables(request)]
    env += request.host.additions(env)
    online = request.network != "none"
    hosts = f"127.0.0.1 localhost {request.hostname}\n::1 localhost ip6-localhost ip6-loopback\n"
    return {
        "parent": os.getpid(),
        "name": name,
        "runtime": runtime.path,
        "flavour": runtime.flavour,
        "lowers": [str(path.absolute()) for path in request.lowers],
        "upper": str(request.upper.absolute()),
        "work": str(request.work.absolute()),
        "config": spec.config(
            replace(process, env=env),
            name=name,
            hostname=request.hostname,
            network=request.network,
            privileged=request.privileged,
        ),
        "mounts": [entry for mount in request.mounts if (entry := as_request(mount, caches)) is not None],
        "hosts": hosts + (_read("/etc/hosts") if online else ""),
        "resolv": _read("/etc/resolv.conf") if online else "",
        "host": {
            "target": TARGET,
            "texts": dict(request.host.texts),
            "ca": request.host.ca,
            "directories": [(place, path) for place, path in request.host.directories],
        },
        "pids": request.pids,
        "memory": _memory() if request.memory is None else request.memory,
        "devices": request.privileged,
        "terminal": process.terminal,
        "stdin": False,
        "grace": _GRACE,
    }


def _secrets(request: SandboxRequest) -> list[bytes]:
    secrets = [mount.value for mount in request.mounts if isinstance(mount, SecretMount)]
    return [*secrets, *request.masked, *(value.encode() for value in request.host.secrets)]


def _secret_variables(request: SandboxRequest) -> list[tuple[str, str]]:
    variables = []
    for mount in request.mounts:
        if isinstance(mount, SecretMount) and mount.env:
            if b"\0" in mount.value:
                raise UsageError(f"the secret for the variable {mount.env} contains a NUL byte")
            variables.append((mount.env, mount.value.decode("utf-8", "surrogateescape")))
    return variables


def _memory() -> int:
    """Nearly all of the machine's memory, so that a runaway step is killed and not what builds it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total - total // _SPARED


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
