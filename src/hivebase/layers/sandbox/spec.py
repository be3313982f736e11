"""The runtime's config.json (runtime-spec 1.0.2) for one step, before the helper adds what it mounts."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hivebase.layers.sandbox.seccomp import profile

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTNAME = "buildkitsandbox"
"""What a step sees as its host's name in BuildKit, and so here."""

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Docker's and containerd's default. Bounding, effective and permitted only: inheritable ones would survive in
# files and children (CVE-2022-24769), ambient ones in the programs of other users.
CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)

# Linux numbers them; a privileged step gets those that we have ourselves.
_ALL_CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
)

# What Docker hides: the machine's memory, keys, timers and firmware.
_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_OPEN_FILES = 1 << 20
_OOM_SCORE = 500  # when memory is short, a step dies before what builds it


@dataclass(frozen=True, slots=True)
class Process:
    """What to run and as whom.

    Attributes:
        argv: complete; looked up in the ``PATH`` of ``env`` when it has no slash.
        env: the whole environment.
        cwd: absolute path in the image, created by the runtime if missing.
        uid, gid, groups: numbers; names were looked up in the image by the caller.
        terminal: the process gets the caller's terminal.
    """

    argv: Sequence[str]
    env: Sequence[tuple[str, str]]
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    groups: Sequence[int] = ()
    terminal: bool = False


def config(
    process: Process,
    *,
    name: str,
    hostname: str,
    network: Literal["default", "none", "host"],
    privileged: bool,
) -> dict[str, Any]:
    """Return the config.json of a step.

    ``NoNewPrivs`` is set, which Docker's builder does not do: a set-user-id program then does nothing for
    another user than root (``USER app`` followed by ``RUN sudo ...`` fails), and no file of the image can
    give a step more than it started with. Steps of root do not notice.

    Args:
        process: what to run.
        name: of the step, for its cgroup.
        hostname: of the step's UTS namespace.
        network: ``none`` is a network namespace with loopback alone; the others are the host's network.
        privileged: all capabilities, no filter, nothing hidden (``RUN --security=insecure``).
    """
    namespaces = ["pid", "mount", "ipc", "uts", "cgroup", *(["network"] if network == "none" else [])]
    return {
        "ociVersion": "1.0.2",
        "process": _process(process, privileged=privileged),
        "hostname": hostname,
        "mounts": _mounts(privileged=privileged),
        "linux": {
            "namespaces": [{"type": kind} for kind in namespaces],
            "cgroupsPath": f"/hivebase/{name}/step",
            "rootfsPropagation": "private",
            "resources": {"devices": _device_rules(privileged=privileged)},
            **(
                {}
                if privileged
                else {"maskedPaths": _MASKED, "readonlyPaths": _READ_ONLY, "seccomp": profile()}
            ),
        },
    }


def _process(process: Process, *, privileged: bool) -> dict[str, Any]:
    env = [f"{name}={value}" for name, value in process.env]
    if not any(entry.startswith("PATH=") for entry in env):
        env.append(DEFAULT_PATH)
    capabilities = _own_capabilities() if privileged else list(CAPABILITIES)
    # A program may always lower its limits; raising them takes a capability that not every root has.
    files = min(_OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    limits = {
        "RLIMIT_NOFILE": files,
        "RLIMIT_CORE": 0,
    }  # a core file would put memory, secrets too, in a layer
    return {
        "terminal": process.terminal,
        "user": {
            "uid": process.uid,
            "gid": process.gid,
            "additionalGids": list(process.groups),
            "umask": 0o022,
        },
        "args": list(process.argv),
        "env": env,
        "cwd": process.cwd,
        "capabilities": {
            "bounding": capabilities,
            "effective": capabilities,
            "permitted": capabilities,
            "inheritable": [],
            "ambient": [],
        },
        "rlimits": [{"type": kind, "hard": value, "soft": value} for kind, value in limits.items()],
        "noNewPrivileges": not privileged,
        "oomScoreAdj": _OOM_SCORE,
    }


def _own_capabilities() -> list[str]:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 -- a kernel file
        bounding = next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd:"))
    return [f"CAP_{name}" for number, name in enumerate(_ALL_CAPABILITIES) if bounding >> number & 1]


def _mounts(*, privileged: bool) -> list[dict[str, Any]]:
    confined = ["nosuid", "noexec", "nodev"]
    writable = "rw" if privileged else "ro"
    # No device works anywhere but those that the helper binds into /dev: that does not even need a cgroup.
    dev = ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k", *([] if privileged else ["nodev"])]
    terminals = ["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    return [
        _mount("/proc", "proc", *confined),
        _mount("/dev", "tmpfs", *dev),
        _mount("/dev/pts", "devpts", "nosuid", "noexec", *terminals),
        _mount("/dev/shm", "tmpfs", *confined, "mode=1777", "size=65536k", source="shm"),  # noqa: S108 -- in the image
        _mount("/dev/mqueue", "mqueue", *confined),
        _mount("/sys", "sysfs", *confined, writable),
        _mount("/sys/fs/cgroup", "cgroup", *confined, writable),
    ]


def _mount(destination: str, kind: str, *options: str, source: str = "") -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source or kind, "options": list(options)}


def _device_rules(*, privileged: bool) -> list[dict[str, Any]]:
    if privileged:
        return [{"allow": True, "access": "rwm"}]
    # Docker's: any node may be made (archives of other systems hold some), none opened but those of /dev.
    return [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "access": "m"},
        {"allow": True, "type": "b", "access": "m"},
    ]
