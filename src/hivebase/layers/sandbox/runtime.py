"""Which OCI runtime this machine has, and whether it will do."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hivebase.errors import SystemFaultError
from hivebase.fs import is_machine_fault, system_fault

_INSTALL = "install one: apt-get install runc"
_ONE = threading.Lock()
_TIMEOUT = 20.0  # seconds; a runtime that cannot even say its version in that time is broken

# Below the first number a runtime lacks what we ask of it (a umask, ENOSYS for unknown calls). Below the
# second, upstream has fixed ways out of containers since; a distribution's build may hold the fixes under an
# older number, so that is a remark and not a refusal.
_REQUIRED = {"runc": (1, 0, 3), "crun": (1, 0, 0)}
_FIXED = {
    # Ranges [from, to) of upstream versions with all known fixes.
    "runc": (((1, 2, 8), (1, 3, 0)), ((1, 3, 3), (99,))),
    "crun": (((1, 20), (99,)),),
}
_WHY_FIXED = {
    "runc": "CVE-2024-21626, CVE-2025-31133, CVE-2025-52565, CVE-2025-52881 (fixed in 1.2.8 and 1.3.3)",
    "crun": "CVE-2025-24965 (fixed in 1.20)",
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """An OCI runtime on this machine.

    Attributes:
        flavour: runc or crun.
        path: absolute.
        version: numbers, as far as they could be read.
        build: the build's own name, which tells distribution patches.
    """

    flavour: Literal["runc", "crun"]
    path: str
    version: tuple[int, ...]
    build: str

    @property
    def refused(self) -> str:
        """Why a step cannot run with it, or an empty string."""
        required = _REQUIRED[self.flavour]
        if not self.version:
            return f"{self.path} does not tell its version"
        if self.version < required:
            return f"{self.path} is version {_text(self.version)}; {_text(required)} or newer is needed"
        return ""

    @property
    def warning(self) -> str:
        """What the user should know about it, or an empty string."""
        if any(start <= self.version < end for start, end in _FIXED[self.flavour]):
            return ""
        return (
            f"upstream's {self.flavour} {_text(self.version)} has {_WHY_FIXED[self.flavour]};"
            f" the distribution's changelog tells whether {self.build} has the fixes"
        )


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that running steps needs, for ``hivebase doctor``.

    Attributes:
        name: what was looked at.
        state: ``ok``, ``warning`` (works, with a remark) or ``missing`` (RUN is refused; all else works).
        detail: what was found.
        hint: what to do about it.
    """

    name: str
    state: Literal["ok", "warning", "missing"]
    detail: str
    hint: str = ""


def find() -> Runtime:
    """Return the runtime to use: the first of runc and crun on ``PATH`` that will do.

    Raises:
        SystemFaultError: there is none, it cannot be started, or this process is not root.
    """
    if os.geteuid() != 0:
        raise SystemFaultError(
            "RUN steps need root",
            why="mounting layers and starting a container is not allowed for other users",
            hint="run hivebase as root (sudo -E); builds without RUN steps need no root",
        )
    reasons = []
    for flavour in ("runc", "crun"):
        runtime = _probe(flavour, os.environ.get("PATH", os.defpath))
        if runtime is not None:
            if not runtime.refused:
                return runtime
            reasons.append(runtime.refused)
    raise SystemFaultError(
        "no OCI runtime for RUN steps",
        why="; ".join(reasons) or "neither runc nor crun is on PATH",
        hint=f"{_INSTALL}; hivebase doctor shows what else is missing",
    )


def checks() -> list[Check]:
    """Look at everything that RUN steps need on this machine; never raises."""
    return [_check_root(), _check_runtime(), _check_overlay(), _check_limits()]


def _probe(flavour: Literal["runc", "crun"], path: str) -> Runtime | None:
    with _ONE:  # asking twice at the same time would take twice as long
        return _asked(flavour, path)


@functools.cache
def _asked(flavour: Literal["runc", "crun"], path: str) -> Runtime | None:
    program = shutil.which(flavour, path=path + ":/usr/sbin:/sbin")
    if program is None:
        return None
    try:
        output = subprocess.run(
            [program, "--version"],
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            text=True,
            errors="replace",
        ).stdout
    except OSError as error:
        if is_machine_fault(error):
            raise system_fault(error, f"cannot start {program}") from error
        output = ""
    except subprocess.TimeoutExpired:
        output = ""
    match = re.search(rf"{flavour} version (\d+)\.(\d+)(?:\.(\d+))?(\S*)", output)
    version = tuple(int(number) for number in match.groups()[:3] if number) if match else ()
    commit = re.search(r"commit: (\d\S*)", output)  # Debian puts its package version there
    build = commit[1] if commit else match[0].rpartition(" ")[2] if match else "of unknown version"
    return Runtime(flavour, str(Path(program).absolute()), version, build)


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _check_root() -> Check:
    if os.geteuid() == 0:
        return Check("root", "ok", "yes")
    return Check("root", "missing", "RUN steps need root", "run hivebase as root (sudo -E)")


def _check_runtime() -> Check:
    path = os.environ.get("PATH", os.defpath)
    try:
        found = [runtime for flavour in ("runc", "crun") if (runtime := _probe(flavour, path))]
    except SystemFaultError as error:
        return Check("runtime", "missing", f"{error.what}: {error.why}", error.hint)
    usable = [runtime for runtime in found if not runtime.refused]
    if not usable:
        reasons = "; ".join(runtime.refused for runtime in found) or "neither runc nor crun is on PATH"
        return Check("runtime", "missing", reasons, _INSTALL)
    runtime = usable[0]
    detail = f"{runtime.flavour} {runtime.build} ({runtime.path})"
    if runtime.warning:
        return Check("runtime", "warning", detail, runtime.warning)
    return Check("runtime", "ok", detail)


def _check_overlay() -> Check:
    release = os.uname().release
    kinds = Path("/proc/filesystems").read_text(encoding="ascii").split()
    if "overlay" in kinds or Path(f"/lib/modules/{release}/kernel/fs/overlayfs").exists():
        return Check("overlay", "ok", f"Linux {release}")
    return Check(
        "overlay", "missing", f"Linux {release} has no overlayfs", "modprobe overlay, or another kernel"
    )


def _check_limits() -> Check:
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    tops = [
        (line.split()[4], line.rpartition(" - ")[2]) for line in mounts.splitlines() if " - cgroup" in line
    ]
    controllers = set()
    for top, back in tops:
        if back.startswith("cgroup2 "):
            listing = Path(top) / "cgroup.controllers"
            controllers |= set(listing.read_text(encoding="ascii").split()) if listing.exists() else set()
        else:
            controllers |= set(back.split()[2].split(","))
    missing = sorted({"memory", "pids"} - controllers)
    if not missing:
        return Check("limits", "ok", "memory and processes of a step are limited")
    return Check(
        "limits",
        "warning",
        f"no {' and '.join(missing)} controller",
        "a runaway RUN can take the machine down",
    )
