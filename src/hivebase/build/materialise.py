"""A part of a build context as a plain directory, for ``RUN --mount=type=bind``.

The directory on disk cannot be mounted itself: it holds what the ignore file leaves out, its modes depend on the
checkout, and none of that is part of the cache key.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from hivebase.digest import CHUNK
from hivebase.plan.files import follow

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.layers.sources import Source


def materialise(source: Source, path: str, target: Path, epoch: int) -> str:
    """Copy what ``source`` has at ``path`` into the empty directory ``target``, under its own path.

    Returns:
        The path below ``target``, links in ``path`` resolved.

    Raises:
        UsageError: a file cannot be read or changed since it was listed.
    """
    real = follow(source, path)
    # Names come from a listing of single components, and nothing below a link is ever listed: no name can lead
    # out of ``target``, which is ours alone.
    for depth in range(1, real.count("/") + 1):
        (target / "/".join(real.split("/")[:depth])).mkdir(mode=0o755)
    pending = [real]
    while pending:
        name = pending.pop()
        fact = source.get(name)
        if fact is None:
            continue
        place = target / name if name else target
        if fact.kind == "dir":
            place.mkdir(mode=0o755, exist_ok=not name)
            pending += [f"{name}/{child}" if name else child for child in source.children(name)]
        elif fact.kind == "symlink":
            place.symlink_to(fact.link)
        else:
            with source.open(name) as stream, place.open("xb") as copy:
                shutil.copyfileobj(stream, copy, CHUNK)
        if fact.kind != "symlink":
            place.chmod(fact.mode)
            os.utime(place, (epoch, epoch))
    return real
