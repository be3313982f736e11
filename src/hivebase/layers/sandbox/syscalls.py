"""The few system calls that Python 3.11 has no name for, through ctypes. Used by the helper process alone.

The numbers above 424 are the same on every architecture that Linux gained the calls for.
"""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x0002_0000
CLONE_NEWPID = 0x2000_0000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1

_SYS_MOVE_MOUNT = 429
_SYS_FSOPEN = 430
_SYS_FSCONFIG = 431
_SYS_FSMOUNT = 432
_SYS_LANDLOCK_CREATE_RULESET = 444
_SYS_LANDLOCK_RESTRICT_SELF = 446

_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6
_MOVE_MOUNT_F_EMPTY_PATH = 4
_AT_FDCWD = -100

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mount.argtypes = [
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
]


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def _syscall(what: str, number: int, *args: object) -> int:
    return _check(_libc.syscall(ctypes.c_long(number), *args), what)


def unshare(flags: int) -> None:
    """Leave namespaces (``unshare(2)``); a new pid namespace starts with the next child.

    Raises:
        OSError: as of the call.
    """
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def die_with_parent(signal: int) -> None:
    """Get ``signal`` when the thread that started this process ends (``PR_SET_PDEATHSIG``).

    Raises:
        OSError: as of the call.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal), 0, 0, 0), "prctl")


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """Call ``mount(2)``.

    Raises:
        OSError: as of the call; names the target.
    """
    encoded = [os.fsencode(text) for text in (source, target, kind, data)]
    _check(_libc.mount(encoded[0], encoded[1], encoded[2], flags, encoded[3] or None), f"mount {target}")


def bind(source: str, target: str) -> None:
    """Show the file or directory ``source`` at ``target`` as well, without what is mounted below it.

    Raises:
        OSError: as of ``mount(2)``.
    """
    mount(source, target, "", MS_BIND)


def unmount(target: str, flags: int = 0) -> None:
    """Call ``umount2(2)``.

    Raises:
        OSError: as of the call.
    """
    _check(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), f"unmount {target}")


def mount_configured(
    kind: str, settings: list[tuple[str, str]], flags: list[str], target: str, attributes: int
) -> None:
    """Mount a file system through ``fsopen(2)``, which takes any number of settings (Linux 5.2).

    Args:
        kind: file system type.
        settings: ``(key, value)``, in order; a value is at most 255 bytes.
        flags: settings without a value.
        target: an existing directory.
        attributes: ``MOUNT_ATTR_*``.

    Raises:
        OSError: as of the calls; ``ENOSYS`` on an older kernel, ``EINVAL`` for an unknown setting.
    """
    context = _syscall("fsopen", _SYS_FSOPEN, os.fsencode(kind), ctypes.c_uint(_FSOPEN_CLOEXEC))
    try:
        for key, value in settings:
            _fsconfig(context, _FSCONFIG_SET_STRING, key, value)
        for key in flags:
            _fsconfig(context, _FSCONFIG_SET_FLAG, key, None)
        _fsconfig(context, _FSCONFIG_CMD_CREATE, None, None)
        detached = _syscall(
            "fsmount",
            _SYS_FSMOUNT,
            ctypes.c_int(context),
            ctypes.c_uint(_FSMOUNT_CLOEXEC),
            ctypes.c_uint(attributes),
        )
    finally:
        os.close(context)
    try:
        _syscall(
            f"move_mount {target}",
            _SYS_MOVE_MOUNT,
            ctypes.c_int(detached),
            b"",
            ctypes.c_int(_AT_FDCWD),
            os.fsencode(target),
            ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH),
        )
    finally:
        os.close(detached)


def _fsconfig(context: int, command: int, key: str | None, value: str | None) -> None:
    _syscall(
        f"fsconfig {key or 'create'}={value}",
        _SYS_FSCONFIG,
        ctypes.c_int(context),
        ctypes.c_uint(command),
        None if key is None else os.fsencode(key),
        None if value is None else os.fsencode(value),
        ctypes.c_int(0),
    )


def forbid_abstract_sockets_outside() -> bool:
    """Keep this process and its children from the abstract Unix sockets of others (Landlock, Linux 6.12).

    Only those sockets are concerned: no file and no port is restricted.

    Returns:
        Whether the kernel could.
    """

    class Ruleset(ctypes.Structure):
        _fields_ = (
            ("handled_access_fs", ctypes.c_uint64),
            ("handled_access_net", ctypes.c_uint64),
            ("scoped", ctypes.c_uint64),
        )

    scope_abstract_unix_socket = 1
    rules = Ruleset(0, 0, scope_abstract_unix_socket)
    try:
        ruleset = _syscall(
            "landlock",
            _SYS_LANDLOCK_CREATE_RULESET,
            ctypes.byref(rules),
            ctypes.c_size_t(ctypes.sizeof(rules)),
            ctypes.c_uint(0),
        )
    except OSError:
        return False
    try:
        _syscall("landlock", _SYS_LANDLOCK_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    except OSError:
        return False
    finally:
        os.close(ruleset)
    return True
