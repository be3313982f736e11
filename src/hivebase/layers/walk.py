"""Walking a directory that holds somebody else's files: sorted, and with two descriptors at any depth."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.fs import Directory

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Visit(NamedTuple):
    """One stop of a walk.

    Attributes:
        path: relative to where the walk started.
        parent: descriptor of the directory that holds it; valid until the walk goes on.
        name: last component of ``path``.
        status: as lstat tells it on arrival.
        leaving: a directory comes twice, before and after what is in it; this is the second time.
    """

    path: str
    parent: int
    name: str
    status: os.stat_result
    leaving: bool


def walk(root: Directory) -> Iterator[Visit]:
    """Visit everything below ``root``, parents first, names sorted.

    What is removed during its first visit is not entered. Names come as they are; depth is limited only by
    the length of paths that the kernel takes.

    Raises:
        OSError: a directory cannot be read.
    """
    fd = os.dup(root.fd)
    try:
        # One frame per level: the directory's path and status, and the names still to be visited in it.
        frames = [("", os.fstat(fd), _names(fd))]
        while frames:
            here, _, names = frames[-1]
            if not names:
                path, status, _ = frames.pop()
                if not frames:
                    break
                os.close(fd)
                fd = -1
                fd = root.open_beneath(frames[-1][0], _DIRECTORY)
                yield Visit(path, fd, path.rpartition("/")[2], status, leaving=True)
                continue
            name = names.pop()
            path = f"{here}/{name}" if here else name
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            yield Visit(path, fd, name, status, leaving=False)
            if stat.S_ISDIR(status.st_mode):
                try:
                    below = os.open(name, _DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
                except FileNotFoundError:
                    continue
                os.close(fd)
                fd = below
                frames.append((path, status, _names(fd)))
    finally:
        if fd >= 0:
            os.close(fd)


def _names(fd: int) -> list[str]:
    """Return the names in a directory, the one to visit first at the end."""
    return sorted(os.listdir(fd), reverse=True)
