"""Content digests (OCI image-spec, "Digests"): parsing, computing, checking."""

from __future__ import annotations

import hashlib
import re
from typing import BinaryIO, Self

from hivebase.errors import CorruptContentError, UsageError

# The image-spec registers sha256 and sha512. sha512 is read nowhere in practice, and one algorithm means
# one blob directory and one way to be wrong.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z", re.ASCII)

CHUNK = 1 << 20
"""Bytes read at a time when hashing a stream: large enough that hashing, not calls, is the cost."""


class Digest(str):
    """A validated ``sha256:<64 lower-case hex>`` string; safe to use as a blob's file name."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check ``text`` against the grammar.

        Raises:
            UsageError: it is not a sha256 digest in canonical form.
        """
        if not _DIGEST.match(text):
            raise UsageError(
                f"not a sha256 digest: {text[:100]!r}", hint="expected sha256: and 64 lower-case hex digits"
            )
        return cls(text)

    @classmethod
    def of(cls, data: bytes | memoryview) -> Self:
        """Return the digest of ``data``."""
        return cls("sha256:" + hashlib.sha256(data).hexdigest())

    @classmethod
    def from_hash(cls, state: hashlib._Hash) -> Self:
        """Return the digest of what a sha256 ``state`` has been fed."""
        return cls("sha256:" + state.hexdigest())

    @classmethod
    def of_stream(cls, stream: BinaryIO) -> tuple[Self, int]:
        """Read ``stream`` to its end; return its digest and its size in bytes."""
        state, size = hashlib.sha256(), 0
        while chunk := stream.read(CHUNK):
            state.update(chunk)
            size += len(chunk)
        return cls.from_hash(state), size

    @property
    def hex(self) -> str:
        """The 64 hex digits."""
        return self[7:]

    @property
    def short(self) -> str:
        """The first twelve hex digits, as people read them."""
        return self[7:19]

    def check(self, data: bytes, what: str) -> bytes:
        """Return ``data`` if it has this digest.

        Raises:
            CorruptContentError: it has another one; both are named.
        """
        actual = Digest.of(data)
        if actual != self:
            raise CorruptContentError(f"{what} has digest {actual}, expected {self}")
        return data
