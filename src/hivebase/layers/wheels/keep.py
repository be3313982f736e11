"""Taking a wheel that was made or found on this machine into the directory of wheel files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.digest import CHUNK
from hivebase.fs import sync, system_fault
from hivebase.layers.wheels.names import parse
from hivebase.plan.wheels import LockedWheel

if TYPE_CHECKING:
    from typing import BinaryIO


def keep(directory: Path, stream: BinaryIO, file: str) -> LockedWheel:
    """Copy ``stream`` into ``directory`` under the name of its hash; return which wheel it is.

    Raises:
        CorruptContentError: ``file`` is no name of a wheel.
        SystemFaultError: it cannot be written.
    """
    name = parse(file)
    state, size = hashlib.sha256(), 0
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(prefix=".keep-", dir=directory)
        try:
            with os.fdopen(fd, "wb") as copy:
                while data := stream.read(CHUNK):
                    state.update(data)
                    size += len(data)
                    copy.write(data)
                copy.flush()
                sync(copy.fileno())
            Path(temporary).rename(directory / f"{state.hexdigest()}.whl")
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise system_fault(error, f"cannot keep {file}", where=directory) from error
    return LockedWheel(name.name, name.version, file, state.hexdigest(), size)
