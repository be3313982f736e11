"""What a user is told when something failed that no code foresaw: never a traceback, always an exit code."""

from __future__ import annotations

from hivebase.errors import HivebaseError, InternalError, SystemFaultError
from hivebase.fs import system_fault


def told(error: BaseException, *, where: str = "") -> HivebaseError:
    """Return the error to tell of ``error``.

    Args:
        error: anything that was raised.
        where: what it concerns, if the error does not say so itself: an image, a file.
    """
    match error:
        case HivebaseError():
            return error
        case OSError():
            doing = f"the system refused ({error.filename})" if error.filename else "the system refused"
            return system_fault(error, doing, where=where)
        case MemoryError():
            return SystemFaultError(
                "not enough memory",
                where=where,
                hint="build fewer stages at once (-j 1), or close other programs",
            )
        case RuntimeError() if "start new thread" in str(error):
            return SystemFaultError(
                "cannot start a thread",
                where=where,
                why=str(error),
                hint="build fewer stages at once (-j 1); ulimit -u tells how many processes are allowed",
            )
        case _:
            return InternalError.of(error, where=where)
