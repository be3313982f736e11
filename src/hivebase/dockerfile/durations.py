"""Durations as Go writes them: ``1h30m``, ``1.5s``, ``300ms``. Source: Go's ``time.ParseDuration``."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # micro sign
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"([0-9]{0,20})(?:(\.)([0-9]{0,40}))?(ns|us|µs|μs|ms|s|m|h)")
_LARGEST = 2**63 - 1


def nanoseconds(text: str) -> int:
    """Return a Go duration in nanoseconds.

    Raises:
        ValueError: ``text`` is not a duration, or does not fit into 63 bits.
    """
    unsigned = text[1:] if text[:1] in {"+", "-"} else text
    if unsigned == "0":
        return 0
    total = position = 0
    while position < len(unsigned) or not position:
        part = _PART.match(unsigned, position)
        if not part or not (part[1] or part[3]):
            raise ValueError(text)
        scale = _UNITS[part[4]]
        fraction = part[3] or ""
        total += int(part[1] or "0") * scale + int(fraction or "0") * scale // 10 ** len(fraction)
        position = part.end()
    if total > _LARGEST:
        raise ValueError(text)
    return -total if text.startswith("-") else total
