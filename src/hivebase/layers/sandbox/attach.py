"""Making the source of each mount of a step: a path in the helper's scratch space that the runtime binds.

Names that come from a Dockerfile or an image are resolved here, inside the helper's private namespace, by
descriptor and inside their own root (CVE-2024-1753, CVE-2024-23651, CVE-2024-9675): what is bound is what was
opened, whatever a concurrent step swaps meanwhile.
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH110, PTH112, PTH116 -- pathlib alone would make the helper process a fifth slower to start

from __future__ import annotations

import base64
import errno
import os
import stat
from typing import TYPE_CHECKING

from hivebase.layers.sandbox import syscalls
from hivebase.layers.sandbox.overlay import mount_overlay
from hivebase.layers.sandbox.targets import TargetError

if TYPE_CHECKING:
    from hivebase.layers.sandbox.protocol import AnyMount, FileMount, TreeMount, TreeSource

_CONFINED = ["nosuid", "nodev"]
_COPY = "/bin/cp"


class Sources:
    """Makes sources below ``directory``, in memory; copies to be written and thrown away below ``disk``."""

    def __init__(self, directory: str, disk: str) -> None:
        self._directory = directory
        self._disk = disk
        self._count = 0

    def make(self, mount: AnyMount) -> tuple[str, list[str]]:
        """Return the path to bind and the mount options.

        Raises:
            TargetError: the source does not exist inside its root, or is neither file nor directory.
            OSError: the machine cannot.
        """
        if mount["kind"] == "tmpfs":
            return self._tmpfs(mount["size"]), _CONFINED
        if mount["kind"] == "file":
            return self._file(mount), ["ro", "noexec", *_CONFINED] if not mount["mode"] & 0o111 else [
                "ro",
                *_CONFINED,
            ]
        if mount["kind"] == "socket":
            return mount["path"], ["noexec", *_CONFINED]
        return self._tree(mount)

    def _next(self) -> str:
        self._count += 1
        return f"{self._directory}/{self._count}"

    def _tmpfs(self, size: int) -> str:
        # Not left to the runtimes, of which one gives it the mode of the mount point and the other does not.
        path = self._next()
        os.mkdir(path)
        flags = syscalls.MS_NOSUID | syscalls.MS_NODEV
        syscalls.mount("tmpfs", path, "tmpfs", flags, "mode=1777" + (f",size={size}" if size else ""))
        return path

    def _file(self, mount: FileMount) -> str:
        path = self._next()
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(base64.b64decode(mount["content"]))
            os.fchown(fd, mount["uid"], mount["gid"])
            os.fchmod(fd, mount["mode"])
        finally:
            os.close(fd)
        return path

    def _tree(self, mount: TreeMount) -> tuple[str, list[str]]:
        if "seed" in mount:
            self._fill(mount["source"]["stack"][0], mount["seed"])
        source = self._resolved(mount["source"], mount["target"])
        if mount["writes"] == "keep":
            return source, _CONFINED
        if mount["writes"] == "discard":
            return self._throw_away_copy(source), _CONFINED
        return source, ["ro", *_CONFINED]

    def _resolved(self, source: TreeSource, target: str) -> str:
        """Bind the part of the tree that ``source`` names to a place of ours."""
        from hivebase.fs import Directory  # noqa: PLC0415 -- costs more than the rest; most steps do without

        with Directory.open(self._merged(source["stack"])) as root:
            try:
                fd = root.open_in_root(source["path"], os.O_PATH)
            except OSError as error:
                if error.errno not in {
                    errno.ENOENT,
                    errno.ENOTDIR,
                    errno.ELOOP,
                    errno.EACCES,
                    errno.ENAMETOOLONG,
                }:
                    raise
                raise TargetError(
                    f"the mount at {target} has no source: {source['path']}: {error.strerror}"
                ) from error
        try:
            mode = os.fstat(fd).st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise TargetError(
                    f"the source {source['path']} of the mount at {target} is no file or directory"
                )
            place = self._next()
            if stat.S_ISDIR(mode):
                os.mkdir(place)
            else:
                os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            syscalls.bind(f"/proc/self/fd/{fd}", place)
        finally:
            os.close(fd)
        return place

    def _merged(self, stack: list[str]) -> str:
        if len(stack) == 1:
            return stack[0]
        merged = self._next()
        os.mkdir(merged)
        if not stack:  # what is from scratch is empty
            return merged
        os.mkdir(f"{merged}-links")
        mount_overlay(merged, f"{merged}-links", stack)
        return merged

    def _throw_away_copy(self, source: str) -> str:
        place = self._next()
        private = f"{self._disk}/discard-{self._count}"
        os.mkdir(private, 0o700)
        if os.path.isdir(source):
            for name in ("upper", "work"):
                os.mkdir(f"{private}/{name}")
            os.mkdir(place)
            os.mkdir(f"{place}-links")
            facts = os.stat(source)
            os.chown(f"{private}/upper", facts.st_uid, facts.st_gid)
            os.chmod(f"{private}/upper", stat.S_IMODE(facts.st_mode))
            mount_overlay(place, f"{place}-links", [source], f"{private}/upper", f"{private}/work")
            return place
        self._copy(source, f"{private}/file")
        return f"{private}/file"

    def _fill(self, directory: str, seed: TreeSource) -> None:
        """Give a new cache its first content; a killed copy starts anew."""
        if os.path.exists(directory):
            return
        source = self._resolved(seed, "a cache")
        partial = f"{directory}.partial"
        if os.path.exists(partial):
            from hivebase.fs import remove_tree  # noqa: PLC0415 -- see above

            remove_tree(partial)
        self._copy(source, partial)
        os.rename(partial, directory)

    @staticmethod
    def _copy(source: str, target: str) -> None:
        """Copy with owners, modes, links and times: the host's ``cp``, in this namespace."""
        pid = os.fork()
        if pid == 0:
            try:
                os.execv(  # noqa: S606 -- a fixed program of the host, arguments as a list
                    _COPY, [_COPY, "-a", "--reflink=auto", "-T", "--", source, target]
                )
            finally:
                os._exit(126)
        if os.waitpid(pid, 0)[1] != 0:
            raise OSError(errno.EIO, "cannot copy", source)
