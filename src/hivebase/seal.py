"""Files of our own caches that tell whether they are whole: a magic line, the SHA-256 of the rest, the rest."""

from __future__ import annotations

import hashlib

_SUM = hashlib.sha256().digest_size


def seal(magic: bytes, data: bytes) -> bytes:
    """Return ``data`` as the content of a file that begins with ``magic``."""
    return magic + hashlib.sha256(data).digest() + data


def unseal(magic: bytes, sealed: bytes) -> memoryview | None:
    """Return the data in ``sealed``, uncopied; None unless it is exactly what :func:`seal` made with ``magic``."""
    view, start = memoryview(sealed), len(magic) + _SUM
    data = view[start:]
    return data if sealed[:start] == magic + hashlib.sha256(data).digest() else None
