"""``WWW-Authenticate`` headers (RFC 9110, 11.6.1): what a registry asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 -- a token of the grammar
_SCHEME = re.compile(rf"\s*,?\s*({_TOKEN})(?=\s|$|,)(?!\s*=)", re.ASCII)
_PARAMETER = re.compile(rf'\s*,?\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))', re.ASCII)
_MAX_LENGTH = 16 * 1024


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: the scheme in lower case and its parameters, names in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a header in order; what does not parse ends the list."""
    text = header[:_MAX_LENGTH]
    challenges: list[Challenge] = []
    position = 0
    while match := _SCHEME.match(text, position):
        position = match.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(text, position):
            position = parameter.end()
            value = parameter[3] if parameter[2] is None else re.sub(r"\\(.)", r"\1", parameter[2])
            parameters.setdefault(parameter[1].lower(), value)
        challenges.append(Challenge(match[1].lower(), parameters))
    return tuple(challenges)
