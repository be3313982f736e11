"""What a step changed, from an overlay's upper directory to the entries of a layer.

BuildKit's rules (``util/overlay``, containerd's ``ChangeWriter``): the directories above a change are part
of the layer, with their real owner and mode; a file is stored whole, even if only its mode changed; of
several names of one inode the first in sorted order is the file and the others are hard links to it, but
never to a file of a lower layer, which may not be where the layer is unpacked. Other than BuildKit, which
lists every file that an opaque directory hides, the directory is marked opaque.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from hivebase.fs import Directory, system_fault
from hivebase.layers.normalise import normalise
from hivebase.layers.tree import entry_of, is_opaque
from hivebase.layers.walk import walk
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from hivebase.layers.layer import LayerWriter
    from hivebase.layers.tree import Tree
    from hivebase.layers.walk import Visit
    from hivebase.tar import Entry

_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC
_SMALL = 1 << 20


def layer_from_upper(upper: Path, lower: Tree, writer: LayerWriter, *, ignore: Collection[str] = ()) -> None:
    """Add the changes in ``upper`` over ``lower`` to ``writer``.

    ``upper`` is normalised first (:func:`~hivebase.layers.normalise.normalise`), so that it can be kept as
    the unpacked form of the layer.

    Args:
        upper: an overlay's upper directory; every process that could write to it is dead.
        lower: the tree that it was mounted over.
        writer: takes the entries, sorted.
        ignore: paths that are not the step's, such as mount points made for it.

    Raises:
        BuildError: a file has a name that would delete others (fault A-6).
        SystemFaultError: the directory cannot be read.
    """
    normalise(upper, lower, writer.epoch, ignore=ignore)
    inodes: dict[tuple[int, int], str] = {}
    try:
        with Directory.open(upper) as root:
            for visit in walk(root):
                if not visit.leaving:
                    _add(visit, writer, inodes)
    except OSError as error:
        raise system_fault(error, "cannot read what the step changed", where=upper) from error


def _add(visit: Visit, writer: LayerWriter, inodes: dict[tuple[int, int], str]) -> None:
    status = visit.status
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        writer.whiteout(visit.path)
        return
    readable = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    fd = os.open(visit.name, _OPEN | (os.O_RDONLY if readable else os.O_PATH), dir_fd=visit.parent)
    try:
        entry = entry_of(visit.path, fd)
        if entry is None:
            return
        if entry.kind == "dir":
            writer.add(entry)
            if is_opaque(fd):
                writer.opaque(visit.path)
            return
        first = visit.path
        if status.st_nlink > 1:
            first = inodes.setdefault((status.st_dev, status.st_ino), visit.path)
        if first != visit.path:
            # The attributes are repeated: unpackers set the owner of a link too, which removes capabilities.
            writer.add(replace(entry, kind="hardlink", size=0, link=first, major=0, minor=0))
        else:
            _add_file(entry, fd, writer)
    finally:
        os.close(fd)


def _add_file(entry: Entry, fd: int, writer: LayerWriter) -> None:
    if entry.kind != "file":
        writer.add(entry)
    elif entry.size <= _SMALL:
        writer.add(entry, os.read(fd, _SMALL))
    else:
        with os.fdopen(fd, "rb", buffering=0, closefd=False) as file:
            writer.add(entry, file)
