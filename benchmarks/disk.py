"""A file system of the run's own, the same for all sides and new each time.

Every side deletes what it has built before a cold start, tens of thousands of files. On an ext4 without a journal, as
some virtual machines have, the kernel gives no inode out again for a minute or more and asks for each one that it
passes over: making files took up to five times as long, and longest for who had deleted most. A new ext4 with the
journal that nearly all machines have keeps one side's past out of another's figures.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

from benchmarks.commands import Runner, need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST = 64 << 30
_SPARED = 10  # a tenth of what is free stays free
_BYTES_PER_INODE = 1 << 14


@contextlib.contextmanager
def file_system(directory: Path, log: Path) -> Iterator[Path]:
    """Make and mount one below ``directory``; yield where. It takes only as much room as is written to it.

    Raises:
        BenchError: it could not be made or mounted.
    """
    image, point = directory / "disk.img", directory / "disk"
    disk = os.statvfs(directory)
    free = disk.f_bavail * disk.f_frsize
    with image.open("wb") as file:
        file.truncate(min(_MOST, free - free // _SPARED))
    runner = Runner(log, os.environ)
    options = ["-q", "-F", "-i", _BYTES_PER_INODE, "-E", "lazy_itable_init=0,lazy_journal_init=0"]
    runner.run(need("mkfs.ext4", "e2fsprogs"), *options, image)
    point.mkdir()
    runner.run(need("mount", "mount"), "-o", "loop,discard", image, point)
    try:
        yield point
    finally:
        # What still has a file open is about to end, and the mount goes with it.
        if subprocess.run(["umount", point], check=False, capture_output=True).returncode != 0:
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
