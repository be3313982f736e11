"""What a user is told when something failed that no code foresaw: never a traceback, always an exit code."""

from __future__ import annotations

from hivebase.errors import HivebaseError, InternalError, SystemFaultError
from hivebase.fs import system_fault


def told(error: BaseException, *, where: str = "") -> HivebaseError:
    """Return the error to tell of ``error``, without credentials, should one have got into it.

    Args:
        error: anything that was raised.
        where: what it concerns, if the error does not say so itself: an image, a file.
    """
    from hivebase.transport.secrets import redact  # noqa: PLC0415 -- only where something failed

    made = _kind(error, where)
    for part in ("what", "where", "why", "hint", "source_line"):
        if text := getattr(made, part, ""):
            setattr(made, part, redact(text))
    return made


def _kind(error: BaseException, where: str) -> HivebaseError:
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
