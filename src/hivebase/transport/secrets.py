"""Credentials as a type that does not print, and the filter that keeps them out of every message.

Two nets. A credential travels as a `Secret`, whose ``repr`` and ``str`` are ``***``. And `redact` removes
from a text each value that any `Secret` of this process ever held, user information in URLs, and every query
parameter that is not on an allow-list (a presigned URL is a credential). Errors pass through `redact` when they are
made; whoever prints something else applies it.
"""

from __future__ import annotations

import base64
import hmac
import re
import threading
from typing import NoReturn, Self
from urllib.parse import quote

from hivebase.errors import HivebaseError

MASK = "***"

# Shorter values would mask ordinary words of every message, and protect nothing.
_SHORTEST = 4

# Parameters of the registry and token protocols that say what was asked for and never who asked.
_SHOWN_PARAMETERS = frozenset(
    {"account", "client_id", "digest", "from", "grant_type", "last", "mount", "n", "offline_token", "scope",
     "service", "tag"}
)  # fmt: skip

# What is searched may be an answer's body of 64 KiB: neither pattern may be begun again within what it just looked
# through, or the time would grow with the square of the length.
_USER_INFORMATION = re.compile(
    r"(?<![A-Za-z0-9+.-])(?P<scheme>[A-Za-z0-9+.-]+://)[^/?#\s@'\"]*(?:@[^/?#\s@'\"]*)*@"
)
_QUERY = re.compile(r"(?<=[?&])(?P<name>[^=&?\s#'\"]+)=(?P<value>[^&\s#'\"]*)")

# Global on purpose: a value must be masked wherever it surfaces, however it got there.
_values: set[str] = set()
_lock = threading.Lock()


class Secret:
    """A credential. `reveal` is the only way to the value, so that uses can be found by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _SHORTEST:
            with _lock:
                _values.update(_spellings(value))

    @classmethod
    def basic(cls, username: str, password: Secret) -> Self:
        """Return the ``Authorization`` header of HTTP Basic (RFC 7617, UTF-8)."""
        pair = cls(base64.b64encode(f"{username}:{password.reveal()}".encode()).decode())
        return cls(f"Basic {pair.reveal()}")

    @classmethod
    def bearer(cls, token: Secret) -> Self:
        """Return the ``Authorization`` header of a bearer token (RFC 6750)."""
        return cls(f"Bearer {token.reveal()}")

    def reveal(self) -> str:
        """Return the value, to be put into a request and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


def _spellings(value: str) -> set[str]:
    """Return ``value`` as it stands in a text, in a URL, in JSON, and in Python's representations."""
    doubled = value.replace("\\", "\\\\")
    in_python = {repr(value)[1:-1], repr(value.encode("utf-8", "surrogatepass"))[2:-1]}
    return {value, quote(value, safe="", errors="replace"), doubled, doubled.replace('"', '\\"'), *in_python}


def redact(text: str) -> str:
    """Return ``text`` without credentials."""
    with _lock:
        values = sorted(_values, key=len, reverse=True)
    for value in values:
        if value in text:
            text = text.replace(value, MASK)
    text = _USER_INFORMATION.sub(rf"\g<scheme>{MASK}@", text)
    return _QUERY.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    return match[0] if match["name"].lower() in _SHOWN_PARAMETERS else f"{match['name']}={MASK}"


HivebaseError.mask = redact
