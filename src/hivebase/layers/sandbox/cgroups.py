"""Limits for a step, whatever the machine's cgroup layout. Used by the helper process alone.

The runtime always sees one cgroup2 tree, mounted for it in a private mount namespace: runc handles that
fastest, and crun refuses the mixed layouts. The limits are set here, one level above, in whichever
hierarchy holds the controller: cgroup2, or the machine's own v1 mounts. Where the machine offers neither (an
unprivileged container, say), a step is not limited.
"""

# ruff: noqa: PTH102, PTH103, PTH106, PTH110, PTH123, PTH208 -- pathlib alone would make the helper process a fifth slower to start

from __future__ import annotations

import contextlib
import os

from hivebase.layers.sandbox import syscalls

ROOT = "/sys/fs/cgroup"
GROUP = "hivebase"
"""Name of our directory at the top of each hierarchy."""


def see_one_tree() -> list[str]:
    """Make sure that :data:`ROOT` is a cgroup2 tree in this mount namespace.

    Returns:
        The tops of the v1 hierarchies that hold the limits on this machine, if any.
    """
    legacy: dict[str, str] = {}
    unified = ""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            front, _, back = line.partition(" - ")
            place, kind, options = front.split(" ")[4], back.split(" ")[0], back.rpartition(" ")[2]
            if kind == "cgroup2":
                unified = unified or place
            elif kind == "cgroup":
                for controller in {"pids", "memory"} & set(options.strip().split(",")):
                    legacy.setdefault(controller, place)
    # The v1 mounts disappear below the new one, so hold on to them by descriptor.
    held = [
        f"/proc/self/fd/{os.open(path, os.O_PATH | os.O_DIRECTORY)}" for path in sorted(set(legacy.values()))
    ]
    with contextlib.suppress(OSError):
        if not unified:
            flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
            syscalls.mount("cgroup2", ROOT, "cgroup2", flags)
        elif unified != ROOT:
            # Mounting it anew would reset the options of the one tree there is, for the whole machine.
            syscalls.bind(unified, ROOT)
    return held


def create(legacy: list[str], name: str, *, pids: int, memory: int) -> None:
    """Make the step's group with its limits in every hierarchy; what the machine refuses is left out.

    Args:
        legacy: as returned by :func:`see_one_tree`.
        name: of the step, unique on the machine.
        pids: processes and threads at most, 0 for no limit.
        memory: bytes at most, 0 for no limit.
    """
    for top in (ROOT, *legacy):
        _enable(top)
        with contextlib.suppress(OSError):
            os.makedirs(f"{top}/{GROUP}", exist_ok=True)
            _enable(f"{top}/{GROUP}")
            os.mkdir(f"{top}/{GROUP}/{name}")
        for file, limit in (("pids.max", pids), ("memory.max", memory), ("memory.limit_in_bytes", memory)):
            if limit and os.path.exists(f"{top}/{GROUP}/{name}/{file}"):
                _write(f"{top}/{GROUP}/{name}/{file}", str(limit))


def join(tops: list[str], name: str) -> None:
    """Move this process, and with it its children to come, into the step's group below each of ``tops``."""
    for top in tops:
        _write(f"{top}/{GROUP}/{name}/cgroup.procs", "0")


def out_of_memory(legacy: list[str], name: str) -> bool:
    """Whether the kernel killed a process of the step for its memory limit."""
    for top in (ROOT, *legacy):
        for file in ("memory.events", "memory.oom_control"):
            with (
                contextlib.suppress(OSError),
                open(f"{top}/{GROUP}/{name}/{file}", encoding="ascii") as lines,
            ):
                if any(line.split()[:1] == ["oom_kill"] and int(line.split()[1]) for line in lines):
                    return True
    return False


def sweep(legacy: list[str], name: str) -> None:
    """Remove the step's group, and those that killed runs left behind: a group of a dead owner.

    Names start with the owner's process id and start time, joined by a dot.
    """
    for top in (ROOT, *legacy):
        with contextlib.suppress(OSError):
            for group in os.listdir(f"{top}/{GROUP}"):
                pid, _, rest = group.partition(".")
                if group == name or start_time(pid) != rest.partition(".")[0]:
                    _remove(f"{top}/{GROUP}/{group}")


def start_time(pid: str) -> str:
    """When the process ``pid`` started, in clock ticks since boot; empty if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _enable(directory: str) -> None:
    """Let the groups below ``directory`` be limited; a v1 hierarchy has no such file."""
    if os.path.exists(f"{directory}/cgroup.subtree_control"):
        for controller in ("+pids", "+memory"):
            _write(f"{directory}/cgroup.subtree_control", controller)


def _write(path: str, text: str) -> None:
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def _remove(group: str) -> None:
    """Remove ``group`` and the groups below it; one that still has processes stays."""
    for parent, directories, _ in os.walk(group, topdown=False):
        for directory in directories:
            with contextlib.suppress(OSError):
                os.rmdir(f"{parent}/{directory}")
    with contextlib.suppress(OSError):
        os.rmdir(group)
