"""How a wheel is refused: always the same error, always with the wheel's name."""

from __future__ import annotations

from hivebase.errors import CorruptContentError

_SHOWN = 200


def refused(where: str, what: str, *, hint: str = "") -> CorruptContentError:
    """Return the error for the wheel ``where``, of which ``what`` ("it has ...") is not acceptable."""
    return CorruptContentError(
        f"this wheel is not acceptable: {what}",
        where=where,
        hint=hint or "download it again; if it stays like this, tell whoever published it",
    )


def shown(name: str | bytes) -> str:
    """Return an untrusted name for a message: quoted, escaped, not endless."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
