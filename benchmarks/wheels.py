"""The directory of wheels that the mirror serves: all that the base images pin, and a few versions of protobuf.

They come from wherever this machine's pip gets its packages, once; the next run finds them.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands import BenchError, Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

PATCHES = ("7.36.2", "7.36.1", "7.36.0", "7.35.1", "7.35.0")
"""Versions of protobuf that satisfy every requirement of the hive; a patch goes from one to the next."""

UV = "0.13.9"
"""The version of uv with which the tuned Dockerfiles install."""

_PYTHON = "3.11"
_GLIBC = range(36, 4, -1)  # Debian 12 has 2.36; what comes first is preferred, as pip does in the image

_PLATFORMS = [
    *(f"manylinux_2_{minor}" for minor in _GLIBC if minor >= 17),
    "manylinux2014",
    *(f"manylinux_2_{minor}" for minor in _GLIBC if 12 <= minor < 17),
    "manylinux2010",
    *(f"manylinux_2_{minor}" for minor in _GLIBC if minor < 12),
    "manylinux1",
    "linux",
]


def cache_directory() -> Path:
    """Return where downloads are kept from one run to the next."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    return base / "hivebase" / "bench"


def gather(bases: Path, directory: Path, log: Path) -> None:
    """Bring the wheels for the requirement files below ``bases`` into ``directory``.

    Raises:
        BenchError: pip could not download them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    runner = Runner(log, {**os.environ, "PIP_CONSTRAINT": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    for path in sorted(bases.rglob("requirements*.txt")):
        _download(runner, directory, path.read_bytes(), "--require-hashes", "-r", path)
    for wanted in [*(f"protobuf=={version}" for version in PATCHES), f"uv=={UV}"]:
        _download(runner, directory, wanted.encode(), wanted)


def _download(runner: Runner, directory: Path, content: bytes, *what: object) -> None:
    stamp = directory / f".{hashlib.sha256(content + repr(list(_tags())).encode()).hexdigest()[:16]}"
    if stamp.exists():
        return
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", directory]
    runner.run(*pip, *_tags(), *what)
    stamp.touch()


def _tags() -> Iterator[str]:
    """Yield the options that make pip choose wheels for the base image, whatever Python runs the benchmark."""
    machine = platform.machine()
    yield from ("--only-binary", ":all:", "--implementation", "cp", "--python-version", _PYTHON)
    for name in _PLATFORMS:
        yield from ("--platform", f"{name}_{machine}")


def unpack_uv(wheels: Path, directory: Path) -> Path:
    """Put the program ``uv`` of its wheel into ``directory``, and return that.

    Raises:
        BenchError: there is no such wheel.
    """
    directory.mkdir()
    for path in wheels.glob(f"uv-{UV}-*.whl"):
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
            with archive.open(member) as source, (directory / "uv").open("wb") as target:
                shutil.copyfileobj(source, target)
        (directory / "uv").chmod(0o755)
        return directory
    raise BenchError(f"no wheel of uv {UV} in {wheels}")


def warm(directory: Path) -> int:
    """Read every wheel once, so that no side pays for the disk; return the bytes."""
    total = 0
    for path in directory.glob("*.whl"):
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                total += len(chunk)
    return total
