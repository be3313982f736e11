"""How near composing comes to what the machine can do at all.

The limit: every wheel of the specialist stack is read and inflated once, and two SHA-256 are taken over the
inflated bytes (of the layer's content, and of the files that RECORD lists), on all processors.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from isal import isal_zlib

from benchmarks.commands import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LOCAL_HEADER = struct.Struct("<26xHH")
_ENTRY = re.compile(r"(?m)^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")
_STACK = ("python-ml-base", "python-grpc-base", "python-nlp-base", "python-specialist-base")


def stack(bases: Path, wheels: Path) -> list[Path]:
    """Return the wheels that are installed in the specialist base, large ones first."""
    wanted = set()
    for image in _STACK:
        text = (bases / image / "requirements.txt").read_text(encoding="utf-8")
        wanted |= {(_normal(name), version) for name, version in _ENTRY.findall(text)}
    # Two installers may have chosen two files of one release; an image has one of them.
    found = {name: path for path in sorted(wheels.glob("*.whl")) if (name := _identity(path)) in wanted}
    return sorted(found.values(), key=lambda path: path.stat().st_size, reverse=True)


def _identity(path: Path) -> tuple[str, str]:
    name, version = path.name.split("-")[:2]
    return _normal(name), version


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def touch(wheel: Path) -> int:
    """Read and inflate ``wheel`` and take two digests of what comes out; return the inflated bytes."""
    data = wheel.read_bytes()
    content, files, size = hashlib.sha256(), hashlib.sha256(), 0
    with zipfile.ZipFile(wheel) as archive:
        members = archive.infolist()
    for member in members:
        name, extra = _LOCAL_HEADER.unpack_from(data, member.header_offset)
        start = member.header_offset + 30 + name + extra
        raw = memoryview(data)[start : start + member.compress_size]
        if member.compress_type == zipfile.ZIP_DEFLATED:
            inflated: bytes | memoryview = isal_zlib.decompress(raw, wbits=-15, bufsize=member.file_size or 1)
        else:
            inflated = raw
        content.update(inflated)
        files.update(inflated)
        size += len(inflated)
    return size


def limit(wheels: Sequence[Path]) -> tuple[float, int]:
    """Return the seconds that the machine needs at least for ``wheels``, and their inflated bytes."""
    sizes: list[int] = []

    def run() -> None:
        sizes[:] = _in_parallel(wheels)

    best = min(seconds(run) for _ in range(3))
    return best, sum(sizes)


def _in_parallel(wheels: Iterable[Path]) -> list[int]:
    # Threads are enough: inflating and hashing both let go of the interpreter's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(touch, wheels))


def ours(wheels: Sequence[Path], work: Path) -> dict[str, float]:
    """Return our seconds for the same wheels by metric."""
    from benchmarks.compose import compose_stack  # noqa: PLC0415 -- the other scenarios use the command alone

    return compose_stack(wheels, work)
