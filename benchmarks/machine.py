"""What the measurements were taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def facts() -> list[str]:
    """Return lines about this machine, none of which names it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        f"{_system()}, Linux {platform.release().partition('-')[0]}, {platform.machine()}",
        f"{_processor()}, {os.cpu_count()} processors, {memory:.0f} GiB of memory",
        f"load average at the start: {load}",
    ]


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"
