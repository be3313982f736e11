"""A tiny image (busybox, or perl for raw system calls) and a short way to run steps in it."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from hivebase.fs import remove_tree
from hivebase.layers.sandbox import runtime
from hivebase.layers.sandbox.run import Result, SandboxRequest, run
from hivebase.layers.sandbox.spec import Process

PATH = ("PATH", "/bin")


@functools.cache
def busybox() -> Path:
    """Return the unpacked layer of an image with busybox alone."""
    program = shutil.which("busybox")
    if program is None or "statically linked" not in _describe(program):
        pytest.skip("needs a static busybox: apt-get install busybox-static")
    root = _directory("busybox")
    (root / "bin").mkdir()
    shutil.copy(program, root / "bin/busybox")
    applets = subprocess.run([program, "--list"], capture_output=True, check=True, text=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    for name in ("dev", "etc", "proc", "root", "run", "sys", "tmp"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return root


@functools.cache
def perl() -> Path:
    """Return a layer that adds perl, which can make any system call."""
    program = shutil.which("perl")
    if program is None:
        pytest.skip("needs perl, which every Debian has")
    root = _directory("perl")
    libraries = subprocess.run(["ldd", program], capture_output=True, check=True, text=True).stdout
    files = [word for word in libraries.split() if word.startswith("/")]
    for path in [program, *files]:
        target = root / ("bin/perl" if path == program else path.lstrip("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return root


def _describe(program: str) -> str:
    linked = subprocess.run(["ldd", program], capture_output=True, check=False, text=True)
    return "statically linked" if "not a dynamic" in linked.stderr + linked.stdout else linked.stdout


def _directory(name: str) -> Path:
    path = Path(tempfile.mkdtemp(prefix=f"hivebase-test-{name}-"))
    path.chmod(0o755)
    atexit.register(remove_tree, path)
    return path


@dataclass
class Ran:
    """What a step did.

    Attributes:
        result: as :func:`run` returned it.
        text: all output.
        upper: the directory with its changes.
    """

    result: Result
    text: str
    upper: Path

    @property
    def code(self) -> int:
        return self.result.exit_code

    @property
    def changes(self) -> list[str]:
        """Paths in the upper directory, sorted."""
        return sorted(str(path.relative_to(self.upper)) for path in self.upper.rglob("*"))


@dataclass
class Box:
    """Runs steps below one temporary directory."""

    home: Path
    lowers: list[Path] = field(default_factory=lambda: [busybox()])
    cancel: threading.Event = field(default_factory=threading.Event)
    count: int = 0

    def request(self, script: str = "true", **changes: Any) -> SandboxRequest:
        """Return a request to run ``script`` in a shell, with fields of it or of its process changed."""
        self.count += 1
        process: dict[str, Any] = {"argv": ["/bin/sh", "-c", script], "env": [PATH]}
        process |= {name: changes.pop(name) for name in list(changes) if name in Process.__slots__}
        base = self.home / str(self.count)
        return SandboxRequest(
            **{
                "lowers": self.lowers,
                "upper": base / "upper",
                "work": base / "work",
                "process": Process(**process),
                "network": "none",
                "caches": self.home / "caches",
                **changes,
            }
        )

    def run(self, script: str = "true", **changes: Any) -> Ran:
        """Run ``script`` and return what it did."""
        request = self.request(script, **changes)
        output = bytearray()
        result = run(request, output.extend, self.cancel)
        return Ran(result, output.decode("utf-8", "replace"), request.upper)


def processes_with(marker: str) -> list[int]:
    """Return the processes whose command line contains ``marker``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in command:
                found.append(int(entry.name))
    return found


def names(directory: Path) -> list[str]:
    """Return the names in ``directory``, sorted."""
    return sorted(path.name for path in directory.iterdir())


def runtime_of(flavour: Literal["runc", "crun"]) -> runtime.Runtime:
    """Return the named runtime of this machine."""
    found = runtime._probe(flavour, os.environ["PATH"])
    if found is None:
        pytest.skip(f"needs {flavour}: apt-get install {flavour}")
    return found
