"""Opening what NaCl's ``secretbox`` has closed: XSalsa20 and Poly1305.

``cryptography`` has Poly1305 but no Salsa20. This one is for a key of two hundred bytes, not for speed.

Sources: D. J. Bernstein, "Extending the Salsa20 nonce" (HSalsa20, XSalsa20) and "Cryptography in NaCl" (secretbox).
"""

from __future__ import annotations

import struct

KEY = 32
"""Bytes of a key."""

NONCE = 24
"""Bytes of a nonce."""

_TAG = 16
_BLOCK = 64
_MASK = 0xFFFFFFFF
_CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")

# Which words a quarter round mixes: the columns, then the rows.
_QUARTERS = (
    (0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
    (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14),
)  # fmt: skip


def open_box(key: bytes, nonce: bytes, box: bytes) -> bytes | None:
    """Return what is in ``box``, or None if it was not closed with this key and nonce, or was changed since.

    Args:
        key: `KEY` bytes.
        nonce: `NONCE` bytes.
        box: 16 bytes of authenticator, and the ciphertext.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- heavy, and most keys need none of this
    from cryptography.hazmat.primitives.poly1305 import Poly1305  # noqa: PLC0415

    if len(key) != KEY or len(nonce) != NONCE:
        raise ValueError("a key has 32 bytes and a nonce 24")
    tag, ciphertext = box[:_TAG], box[_TAG:]
    stream = _salsa20(_hsalsa20(key, nonce[:16]), nonce[16:], KEY + len(ciphertext))
    try:
        Poly1305.verify_tag(stream[:KEY], ciphertext, tag)
    except InvalidSignature:
        return None
    return bytes(a ^ b for a, b in zip(ciphertext, stream[KEY:], strict=True))


def _salsa20(key: bytes, nonce: bytes, length: int) -> bytes:
    """Return the first ``length`` bytes of the stream for an 8-byte nonce."""
    stream = bytearray()
    for counter in range(-(-length // _BLOCK)):
        words = _matrix(key, nonce + struct.pack("<Q", counter))
        mixed = [(a + b) & _MASK for a, b in zip(_rounds(words), words, strict=True)]
        stream += struct.pack("<16I", *mixed)
    return bytes(stream[:length])


def _hsalsa20(key: bytes, block: bytes) -> bytes:
    """Return the key that XSalsa20 derives from a key and the first 16 bytes of its nonce."""
    mixed = _rounds(_matrix(key, block))
    return struct.pack("<8I", *(mixed[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))


def _matrix(key: bytes, block: bytes) -> list[int]:
    """Return the 16 words that the rounds begin with: constants on the diagonal, key, and 16 bytes of input."""
    k, n, c = struct.unpack("<8I", key), struct.unpack("<4I", block), _CONSTANTS
    return [c[0], *k[:4], c[1], *n, c[2], *k[4:], c[3]]


def _rounds(words: list[int]) -> list[int]:
    x = list(words)
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            x[b] ^= _left((x[a] + x[d]) & _MASK, 7)
            x[c] ^= _left((x[b] + x[a]) & _MASK, 9)
            x[d] ^= _left((x[c] + x[b]) & _MASK, 13)
            x[a] ^= _left((x[d] + x[c]) & _MASK, 18)
    return x


def _left(word: int, count: int) -> int:
    return ((word << count) & _MASK) | (word >> (32 - count))
