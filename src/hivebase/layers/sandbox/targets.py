"""Where mounts go in the image's tree, and the mount points that the image lacks.

A runtime makes missing mount points in the tree it is given, where they would end in the layer, and a
cleaner that removes them afterwards can be fooled by the step (CVE-2024-23652). So they are put into a
directory of their own, which becomes the topmost *lower* layer of the overlay: the step sees them, its upper
directory never does, and nothing needs to be cleaned. Used by the helper process alone.
"""

# ruff: noqa: PTH101, PTH102, PTH112, PTH115, PTH116 -- pathlib alone would make the helper process a fifth slower to start

from __future__ import annotations

import contextlib
import os
import stat

MAX_LINKS = 255
"""Symbolic links followed for one target, as runtimes do."""


class TargetError(Exception):
    """A mount cannot go where it should; the message says why, in the words of the Dockerfile."""


class MountPoints:
    """Resolves mount targets and collects the mount points that are missing.

    Args:
        tree: a view of the image's tree, empty string for an empty tree.
        stubs: an empty directory that becomes the topmost lower layer.
    """

    def __init__(self, tree: str, stubs: str) -> None:
        self._tree = tree
        self._stubs = stubs
        self._copied: list[tuple[str, str]] = []
        self._taken: list[str] = []
        if tree:
            self._copy_directory("")

    def place(self, target: str, *, directory: bool) -> str:
        """Return where ``target`` is without symbolic links, and make sure that something is there.

        Raises:
            TargetError: a component is not a directory, the target is of the other kind, or links go in
                circles.
        """
        path = self._resolve(target)
        inside_a_mount = any(path == taken or path.startswith(taken + "/") for taken in self._taken)
        self._taken.append(path)
        if inside_a_mount:  # its mount point is the business of the earlier mount's content
            return path
        mode = self._mode(path)
        if mode is None:
            self._make(path, directory=directory)
        elif stat.S_ISDIR(mode) != directory:
            kinds = ("a directory", "a file") if directory else ("a file", "a directory")
            raise TargetError(
                f"the mount target {target} must be {kinds[0]}, but the image has {kinds[1]} there"
            )
        return path

    def check_directory(self, path: str) -> None:
        """Make sure that a step may start in ``path``, which the runtime makes if it is missing.

        Raises:
            TargetError: it is not a directory, or in ``/proc``, where links lead anywhere (CVE-2024-21626).
        """
        resolved = self._resolve(path)
        mode = self._mode(resolved)
        if mode is not None and not stat.S_ISDIR(mode):
            raise TargetError(f"the working directory {path} is not a directory in the image")
        if f"{resolved}/".startswith("/proc/"):
            raise TargetError(f"the working directory {path} is in /proc")

    def finish(self) -> None:
        """Give the directories copied from the image their times back, once all stubs are made."""
        for origin, copy in reversed(self._copied):
            facts = os.stat(origin)
            os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def _resolve(self, target: str) -> str:
        """Follow links as a process inside the image would; what does not exist is taken literally."""
        pending = [part for part in reversed(target.split("/")) if part]
        done: list[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                del done[-1:]
            elif part != ".":
                path = "/".join(["", *done, part])
                mode = self._mode(path)
                if mode is not None and stat.S_ISLNK(mode):
                    links += 1
                    if links > MAX_LINKS:
                        raise TargetError(f"the mount target {target} goes through too many symbolic links")
                    link = os.readlink(self._tree + path)
                    if link.startswith("/"):
                        done.clear()
                    pending.extend(part for part in reversed(link.split("/")) if part)
                elif mode is not None and pending and not stat.S_ISDIR(mode):
                    raise TargetError(
                        f"the mount target {target} goes through {path}, which is not a directory"
                    )
                else:
                    done.append(part)
        return "/" + "/".join(done)

    def _mode(self, path: str) -> int | None:
        if not self._tree:
            return None
        try:
            return os.lstat(self._tree + path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _make(self, path: str, *, directory: bool) -> None:
        *parents, last = path.strip("/").split("/")
        here = ""
        for part in parents:
            here = f"{here}/{part}"
            if os.path.isdir(self._stubs + here):
                continue
            if self._mode(here) is None:
                os.mkdir(self._stubs + here, 0o755)
            else:
                os.mkdir(self._stubs + here)
                self._copy_directory(here)
        stub = f"{self._stubs}{here}/{last}"
        if directory:
            with contextlib.suppress(FileExistsError):  # a later target's parent came first
                os.mkdir(stub, 0o755)
        else:
            os.close(os.open(stub, os.O_CREAT | os.O_WRONLY, 0o644))

    def _copy_directory(self, path: str) -> None:
        """Make the directory in the stub layer look like the image's, which it hides in the overlay."""
        origin, copy = self._tree + path, self._stubs + path
        copy_metadata(origin, copy)
        self._copied.append((origin, copy))


def copy_metadata(origin: str, copy: str) -> None:
    """Give ``copy`` the owner, mode, extended attributes and times of ``origin``.

    Raises:
        OSError: as of the calls.
    """
    facts = os.stat(origin)
    os.chown(copy, facts.st_uid, facts.st_gid)
    os.chmod(copy, stat.S_IMODE(facts.st_mode))
    for name in os.listxattr(origin):
        with contextlib.suppress(OSError):  # not every file system keeps every name
            os.setxattr(copy, name, os.getxattr(origin, name))
    os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns))
