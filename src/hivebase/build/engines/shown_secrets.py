"""Secrets as files, for engines that take nothing else: in memory, for their user only, and gone after the build."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import SystemFaultError
from hivebase.fs import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.build.secrets import Secrets

MEMORY = Path("/dev/shm")  # noqa: S108 -- a directory of random name is made in it
_PREFIX = "hivebase-secrets-"


@contextmanager
def shown(secrets: Secrets, memory: Path = MEMORY) -> Iterator[dict[str, Path]]:
    """Yield a file for each secret, by its id.

    A process that was killed cannot remove its own; the next one does.

    Raises:
        SystemFaultError: there is no file system in memory that could hold them.
    """
    if not secrets.values:
        yield {}
        return
    _sweep(memory)
    try:
        directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=memory))
    except OSError as error:
        raise SystemFaultError(
            "secrets cannot be shown to another engine",
            where=str(memory),
            why=f"they are never written to a disk, and memory cannot be used: {error.strerror}",
            hint="mount a tmpfs there, or build with --engine embedded",
        ) from error
    try:
        files = {}
        for name, data in secrets.values.items():
            file = directory / Digest.of(name.encode()).hex
            file.touch(mode=0o600)
            file.write_bytes(data)
            files[name] = file
        yield files
    finally:
        remove_tree(directory)


def _sweep(memory: Path) -> None:
    """Remove what processes left that are gone."""
    for path in memory.glob(f"{_PREFIX}*"):
        match = re.match(rf"{_PREFIX}(\d+)-", path.name)
        mine = not path.is_symlink() and path.stat().st_uid == os.geteuid()
        if match and mine and not Path(f"/proc/{match[1]}").exists():
            remove_tree(path)
