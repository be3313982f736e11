"""The encrypted private keys that ``cosign generate-key-pair`` writes.

A PEM block around JSON: how scrypt makes a key of the password, and a NaCl secretbox with a PKCS8 document in it.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import CorruptContentError, UsageError
from hivebase.oci import strict_json
from hivebase.release.signing import secretbox

if TYPE_CHECKING:
    from hivebase.transport import Secret

LABELS = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
"""Of the PEM blocks; the second one was written until 2022."""

# What cosign uses is N = 2^15 or 2^16, r = 8, p = 1, for which scrypt needs up to 64 MiB.
_MOST_MEMORY = 256 << 20
_MOST_PASSES = 16


class _Parameters(msgspec.Struct, frozen=True):
    cost: int = msgspec.field(name="N")
    r: int
    p: int


class _Derivation(msgspec.Struct, frozen=True):
    name: str
    params: _Parameters
    salt: str


class _Cipher(msgspec.Struct, frozen=True):
    name: str
    nonce: str


class _Encrypted(msgspec.Struct, frozen=True):
    kdf: _Derivation
    cipher: _Cipher
    ciphertext: str


def decrypt(data: bytes, password: Secret, *, where: str) -> bytes:
    """Return the PKCS8 document (DER) in a key file of cosign.

    Args:
        data: the JSON inside the PEM block.
        password: that it was made with.
        where: the file, for messages.

    Raises:
        UsageError: the password is wrong, or the file is damaged or of a kind that is not known.
    """
    try:
        document = strict_json.decode(data, _Encrypted, what="the encrypted key")
        salt, nonce, box = (
            base64.b64decode(text, validate=True)
            for text in (document.kdf.salt, document.cipher.nonce, document.ciphertext)
        )
    except (CorruptContentError, ValueError) as error:
        raise UsageError("the encrypted key is damaged", where=where) from error
    names, params = (document.kdf.name, document.cipher.name), document.kdf.params
    if names != ("scrypt", "nacl/secretbox") or len(nonce) != secretbox.NONCE:
        raise UsageError(
            "the key is encrypted in a way that is not known",
            where=where,
            why="scrypt and nacl/secretbox are what cosign uses",
        )
    memory = 128 * params.cost * params.r
    if memory > _MOST_MEMORY or not 1 <= params.p <= _MOST_PASSES:
        raise UsageError(
            "the encrypted key asks for more work than any password needs",
            where=where,
            why=f"scrypt with N={params.cost}, r={params.r}, p={params.p}",
        )
    try:
        key = hashlib.scrypt(
            password.reveal().encode(),
            salt=salt,
            n=params.cost,
            r=params.r,
            p=params.p,
            maxmem=memory + (params.p * 128 * params.r) + (1 << 20),
            dklen=secretbox.KEY,
        )
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "the encrypted key is damaged", where=where, why="its scrypt parameters are wrong"
        ) from error
    opened = secretbox.open_box(key, nonce, box)
    if opened is None:
        raise UsageError("the password does not open the key", where=where)
    return opened
