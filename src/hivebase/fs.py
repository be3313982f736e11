"""Files, safely: the one module that turns untrusted names into files, and that writes and removes.

Untrusted names (out of an image, a build context, a tar) are resolved against a :class:`Directory`, never
joined to a path: the kernel (``openat2(2)``, Linux 5.6) keeps the walk inside even while another process
swaps directories for links. Older kernels get the same walk one component at a time, each opened with
``O_NOFOLLOW``. What becomes visible is synced first (:func:`atomic_write`).

Functions on untrusted names raise plain :class:`OSError`, because their callers decide by ``errno``;
functions on the program's own files raise :class:`~hivebase.errors.SystemFaultError`, because only a person
can help.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hivebase.errors import SystemFaultError

if TYPE_CHECKING:
    from collections.abc import Callable

_SYS_OPENAT2 = 437  # the same number on every architecture
_AT_FDCWD = -100
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RESOLVE_IN_ROOT = 0x10

MAX_LINKS = 40
"""Symbolic links followed in one walk: the kernel's own limit, so that both ways of walking agree."""

_SWAP_RETRIES = 128  # openat2 says EAGAIN when a rename anywhere raced with a '..' of the walk

UNSAFE_NO_SYNC = "HIVEBASE_UNSAFE_NO_SYNC"
"""Set to 1, it turns every fsync off. For tests only: after a power cut nothing written is certain."""


class Directory:
    """An open directory that names are resolved against. Use as a context manager, or call :meth:`close`.

    Attributes:
        fd: the descriptor (``O_DIRECTORY``).
        path: where it was opened, for messages only.
    """

    __slots__ = ("fd", "path")

    def __init__(self, fd: int, path: Path | str) -> None:
        self.fd = fd
        self.path = path

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open the trusted ``path``.

        Raises:
            OSError: it cannot be opened or is not a directory.
        """
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path)

    def open_in_root(self, name: str, flags: int, mode: int = 0) -> int:
        """Open ``name`` as a process whose root is this directory would.

        Symbolic links are followed, and absolute ones and ``..`` stop at this directory. The links of
        ``/proc`` that lead anywhere (*magic links*) are refused.

        Args:
            name: with or without a leading slash; empty means the directory itself.
            flags: of ``open(2)``; ``O_CLOEXEC`` is added.
            mode: permission bits for ``O_CREAT``.

        Raises:
            OSError: as of ``open(2)``; ``ELOOP`` after too many links.
        """
        return self._open(name, flags, mode, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)

    def open_beneath(self, name: str, flags: int, mode: int = 0) -> int:
        """Open ``name`` below this directory, refusing every symbolic link on the way and at its end.

        Raises:
            OSError: as of ``open(2)``; ``ELOOP`` for a link, ``EXDEV`` for a name that is absolute or leaves
                the directory.
        """
        resolve = _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
        return self._open(name, flags, mode, resolve)

    def parent_in_root(self, name: str) -> tuple[int, str]:
        """Open the directory that holds ``name``; the last component itself is not looked at.

        Returns:
            A descriptor, which the caller closes, and the last component: never empty, ``.`` or ``..``.

        Raises:
            OSError: the parent cannot be opened; ``EINVAL`` if ``name`` has no last component.
        """
        parent, _, last = name.rstrip("/").rpartition("/")
        if last in {"", ".", ".."}:
            raise OSError(errno.EINVAL, "the name ends in no file name", name)
        return self.open_in_root(parent, os.O_RDONLY | os.O_DIRECTORY), last

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, name: str, flags: int, mode: int, resolve: int) -> int:
        if "\0" in name:  # C would silently see a shorter, different name
            raise OSError(errno.EINVAL, "the name contains a NUL", name)
        name = name or "."
        flags |= os.O_CLOEXEC
        call = _openat2()
        if call is not None:
            return call(self.fd, name, flags, mode, resolve)
        return _walk(self.fd, name, flags, mode, in_root=bool(resolve & _RESOLVE_IN_ROOT))


@functools.cache
def _openat2() -> Callable[[int, str, int, int, int], int] | None:
    """Return a function ``(fd, name, flags, mode, resolve) -> fd``, or None on a kernel without openat2."""
    import ctypes  # noqa: PLC0415 -- costs more than the rest of this module together; most runs need no walk

    class OpenHow(ctypes.Structure):
        _fields_ = (
            ("flags", ctypes.c_uint64),
            ("mode", ctypes.c_uint64),
            ("resolve", ctypes.c_uint64),
        )

    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long

    def openat2(dir_fd: int, name: str, flags: int, mode: int, resolve: int) -> int:
        how = OpenHow(flags, mode if flags & (os.O_CREAT | os.O_TMPFILE) else 0, resolve)
        encoded = os.fsencode(name)
        for _ in range(_SWAP_RETRIES):
            fd: int = syscall(
                ctypes.c_long(_SYS_OPENAT2),
                ctypes.c_int(dir_fd),
                ctypes.c_char_p(encoded),
                ctypes.byref(how),
                ctypes.c_size_t(ctypes.sizeof(how)),
            )
            if fd >= 0:
                return fd
            if ctypes.get_errno() not in {errno.EAGAIN, errno.EINTR}:
                break
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)

    try:  # an old kernel says ENOSYS, an old container runtime's filter EPERM
        os.close(openat2(_AT_FDCWD, ".", os.O_PATH | os.O_CLOEXEC, 0, 0))
    except OSError:
        return None
    return openat2


def _walk(root: int, name: str, flags: int, mode: int, *, in_root: bool) -> int:
    """Do what openat2 does, with ``O_NOFOLLOW`` per component: IN_ROOT, or BENEATH without links."""
    if name.startswith("/") and not in_root:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), name)
    pending, links_left = _components(name), MAX_LINKS if in_root else 0
    # The directories walked through, below the root. '..' goes back to the one we came from, so that a
    # directory moved elsewhere meanwhile cannot lead out.
    stack: list[int] = []
    try:
        while pending:
            part, here = pending.pop(), (stack or [root])[-1]
            if part == "..":
                _step_back(stack, name, in_root=in_root)
            elif part != ".":
                last = not pending
                looks = not (last and flags & (os.O_NOFOLLOW | os.O_EXCL))
                if looks and (target := _link_target(part, here)) is not None:
                    links_left -= 1
                    if links_left < 0:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
                    if target.startswith("/"):
                        _close_all(stack)
                    pending.extend(_components(target))
                elif last:
                    return _open_last(part, flags, mode, here)
                else:
                    way = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                    stack.append(os.open(part, way, dir_fd=here))
        return os.open(".", flags, dir_fd=(stack or [root])[-1])
    finally:
        _close_all(stack)


def _step_back(stack: list[int], name: str, *, in_root: bool) -> None:
    if stack:
        os.close(stack.pop())
    elif not in_root:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), name)


def _open_last(part: str, flags: int, mode: int, here: int) -> int:
    fd = os.open(part, flags | os.O_NOFOLLOW, mode, dir_fd=here)
    # O_PATH|O_NOFOLLOW opens the link itself: as the caller asked, else a swap after we looked.
    if flags & os.O_PATH and not flags & os.O_NOFOLLOW and stat.S_ISLNK(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), part)
    return fd


def _components(name: str) -> list[str]:
    """Split ``name``, last component first. A trailing slash stays as ``.``: it demands a directory."""
    *front, last = name.split("/")
    return [last or ".", *(part for part in reversed(front) if part)]


def _link_target(part: str, here: int) -> str | None:
    try:
        return os.readlink(part, dir_fd=here)
    except OSError as error:
        if error.errno in {errno.EINVAL, errno.ENOENT}:  # no link, or nothing there (which open will say)
            return None
        raise


def _close_all(stack: list[int]) -> None:
    while stack:
        os.close(stack.pop())


def system_fault(error: OSError, doing: str, *, where: Path | str = "", hint: str = "") -> SystemFaultError:
    """Turn an operating system error into one that says what to do.

    Args:
        error: as caught.
        doing: what failed, as the start of a sentence (``cannot write the blob``).
        where: the file or directory concerned.
        hint: used instead of the hint that fits the error number.
    """
    why = error.strerror or str(error)
    return SystemFaultError(doing, where=str(where), why=why, hint=hint or _HINTS.get(error.errno or 0, ""))


_HINTS = {
    errno.ENOSPC: "free some disk space (hivebase prune removes what no image uses) and run again",
    errno.EDQUOT: "the disk quota is used up: free some space and run again",
    errno.EROFS: "the file system is read-only: choose another place or mount it writable",
    errno.EACCES: "check the owner and the permissions, or choose another place",
    errno.EPERM: "check the owner and the permissions, or choose another place",
    errno.EMFILE: "raise the limit of open files (ulimit -n 1024) and run again",
    errno.ENFILE: "the machine is out of file descriptors: close other programs and run again",
    errno.EIO: "the disk reports a failure: check it (dmesg) before trusting what is stored there",
}


def is_machine_fault(error: OSError) -> bool:
    """Tell an error that is about the state of the machine from one that is about the file that was asked for."""
    return error.errno in _MACHINE_FAULTS


_MACHINE_FAULTS = frozenset({errno.EAGAIN, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC})


def sync(fd: int) -> None:
    """Make the file or directory ``fd`` durable, unless :data:`UNSAFE_NO_SYNC` is set.

    Raises:
        OSError: the kernel could not write it. The pages are then marked clean although they are not on the
            disk, so a second fsync would lie: the caller must throw the file away.
    """
    if os.environ.get(UNSAFE_NO_SYNC) != "1":
        os.fsync(fd)


def fsync_directory(path: Path | str) -> None:
    """Make the entries of the directory ``path`` durable.

    Raises:
        SystemFaultError: the kernel could not.
    """
    try:
        with Directory.open(path) as directory:
            sync(directory.fd)
    except OSError as error:
        raise system_fault(error, "cannot make the directory durable", where=path) from error


def atomic_write(directory: Path, name: str, data: bytes, *, mode: int = 0o600) -> None:
    """Put ``data`` at ``directory/name``: a reader, or a power cut, sees the old file or the new one whole.

    Args:
        directory: exists; the temporary file lives here too.
        name: one trusted file name.
        data: the whole content.
        mode: permission bits, whatever the umask.

    Raises:
        SystemFaultError: nothing was changed, and the temporary file is gone; or, when it is the directory
            that cannot be synced, the new file is there but may not survive a power cut.
    """
    _put(directory, name, data, mode, sync)


def atomic_write_unsynced(directory: Path, name: str, data: bytes) -> None:
    """Put ``data`` at ``directory/name`` as :func:`atomic_write` does, in the kernel's own time.

    A reader sees the old file or the new one whole. After a power cut it may see neither, so this is for files
    that can be made again and that tell whether they are whole (:mod:`hivebase.seal`). A sync takes a
    millisecond or more, and a build writes several such files for every layer.

    Raises:
        SystemFaultError: nothing was changed.
    """
    _put(directory, name, data, 0o600, lambda _: None)


def _put(directory: Path, name: str, data: bytes, mode: int, settle: Callable[[int], None]) -> None:
    temporary = f".{name[:100]}.{secrets.token_hex(8)}.tmp"
    try:
        with Directory.open(directory) as here:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(temporary, flags, 0o600, dir_fd=here.fd)
            try:
                try:
                    write_all(fd, data)
                    os.fchmod(fd, mode)
                    settle(fd)
                finally:
                    os.close(fd)
                os.rename(temporary, name, src_dir_fd=here.fd, dst_dir_fd=here.fd)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=here.fd)
                raise
            settle(here.fd)
    except OSError as error:
        raise system_fault(error, "cannot write the file", where=directory / name) from error


def stamp(facts: os.stat_result) -> str:
    """Return what no write to a file leaves as it is: inode number, size, modification and change time."""
    return f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of ``data``; ``write(2)`` may stop half way on a full disk or a signal.

    Raises:
        OSError: as of ``write(2)``.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def remove_tree(path: Path | str) -> None:
    """Remove whatever is at ``path``; nothing there is fine. Links are removed, never followed.

    Each directory found is first moved up to the top and emptied there, so that neither depth nor the length
    of paths is a limit, and two descriptors are enough.

    Raises:
        OSError: something could not be removed; ``EBUSY`` for a mount point, whose content is left alone.
    """
    parent, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 -- resolve() would follow the link
    with Directory.open(parent) as above:
        try:
            if not stat.S_ISDIR(os.stat(name, dir_fd=above.fd, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=above.fd)
                return
        except FileNotFoundError:
            return
        top = _open_for_removal(name, above.fd)
        try:
            if _mount_id(top) != _mount_id(above.fd):
                raise OSError(errno.EBUSY, "a file system is mounted here", str(path))
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(name, dir_fd=above.fd)


def _open_for_removal(name: str, parent: int) -> int:
    """Open the directory ``name``, giving ourselves the rights on it that an image may have taken away."""
    probe = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if os.fstat(probe).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            Path(f"/proc/self/fd/{probe}").chmod(stat.S_IRWXU)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=probe)
    finally:
        os.close(probe)


def _mount_id(fd: int) -> str:
    with Path(f"/proc/self/fdinfo/{fd}").open(encoding="ascii") as info:
        return next(line for line in info if line.startswith("mnt_id:"))


def _empty(top: int) -> None:
    while names := os.listdir(top):
        for name in names:
            if _removed(name, top):
                continue
            inner = _open_for_removal(name, top)
            try:
                for child in os.listdir(inner):  # noqa: PTH208 -- a descriptor, not a path
                    if not _removed(child, inner):
                        os.close(_open_for_removal(child, inner))  # only its owner may move a directory
                        # A mount point cannot be moved (EBUSY), so nothing mounted is ever emptied.
                        moved = f".removing-{secrets.token_hex(8)}"
                        os.rename(child, moved, src_dir_fd=inner, dst_dir_fd=top)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=top)


def _removed(name: str, parent: int) -> bool:
    """Remove a file or an empty directory; return False for a directory that is not empty."""
    try:
        os.unlink(name, dir_fd=parent)
    except IsADirectoryError:
        try:
            os.rmdir(name, dir_fd=parent)
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                return False
            raise
    return True
