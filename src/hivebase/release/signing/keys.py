"""ECDSA keys on P-256, which is what cosign makes: private ones to sign with, public ones to verify with.

Signing is deterministic (RFC 6979): the same bytes and the same key give the same signature, so that what is signed
again is recognised as what is there already.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import TYPE_CHECKING, Any, Self

from hivebase.errors import UsageError
from hivebase.fs import system_fault
from hivebase.transport import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

PASSWORDS = ("HIVEBASE_KEY_PASSWORD", "COSIGN_PASSWORD")
"""Environment variables that have the password of a private key; the first one that is set counts."""

_MOST = 64 << 10  # bytes of a file with one key
_CURVE = "secp256r1"
_PEM = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]+)-----\s(?P<body>.*?)-----END (?P=label)-----", re.DOTALL)
_PRIVATE = ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY")


def password_of(environ: Mapping[str, str] = os.environ) -> Secret | None:
    """Return the password that the environment has for private keys, which may be empty, or None."""
    return next((Secret(environ[name]) for name in PASSWORDS if name in environ), None)


class PublicKey:
    """A key to verify with."""

    __slots__ = ("_key",)

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a PEM file (SubjectPublicKeyInfo), as ``cosign.pub`` is.

        Raises:
            UsageError: there is none, or of another kind.
            SystemFaultError: it cannot be read.
        """
        return cls.parse(_read(path), where=str(path))

    @classmethod
    def parse(cls, data: bytes, *, where: str = "") -> Self:
        """Read the text of a PEM file; as `load`."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- heavy; only what signs needs it
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

        label, block, _ = _block(data, where, "public key")
        if label != "PUBLIC KEY":
            hint = "the public key is the other file (cosign.pub)" if label.endswith("PRIVATE KEY") else ""
            raise UsageError(f"{label!r} is not a public key", where=where, hint=hint)
        try:
            key = load_pem_public_key(block)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise UsageError(
                "the public key is damaged, or of a kind that is not known", where=where
            ) from error
        return cls(_on_curve(key, where))

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Tell whether ``signature`` (DER) is of this key and over ``data``."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- heavy; only what signs needs it
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        try:
            self._key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """Return the key as a PEM file."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 -- heavy; only what signs needs it

        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def hint(self) -> str:
        """What a Sigstore bundle calls the key: base64 of the sha256 of its DER form."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 -- heavy; only what signs needs it

        der = self._key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(hashlib.sha256(der).digest()).decode()


class PrivateKey:
    """A key to sign with. It is never written anywhere.

    Attributes:
        public: verifies what this one signs.
    """

    __slots__ = ("_key", "public")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def load(cls, path: Path, password: Secret | None = None) -> Self:
        """Read a PEM file: PKCS8, SEC1 (``EC PRIVATE KEY``), or what cosign writes.

        Args:
            path: the file.
            password: that it is encrypted with; if None, what `password_of` finds.

        Raises:
            UsageError: there is no key in it, or of another kind; or the password is missing or wrong.
            SystemFaultError: it cannot be read.
        """
        return cls.parse(_read(path), password if password is not None else password_of(), where=str(path))

    @classmethod
    def parse(cls, data: bytes, password: Secret | None, *, where: str = "") -> Self:
        """Read the text of a PEM file; as `load`, without a look at the environment."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- heavy; only what signs needs it
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

        from hivebase.release.signing import cosign_key  # noqa: PLC0415 -- only what signs needs it

        label, block, body = _block(data, where, "private key")
        sealed = label in cosign_key.LABELS
        if not sealed and label not in _PRIVATE:
            raise UsageError(f"{label!r} is not a private key", where=where)
        if not (sealed or label.startswith("ENCRYPTED") or b"DEK-Info" in block):
            password = None  # of another key, perhaps; cryptography refuses one that is not needed
        elif password is None:
            raise UsageError(
                "the private key is encrypted, and there is no password",
                where=where,
                hint=f"set {PASSWORDS[0]} (or {PASSWORDS[1]})",
            )
        try:
            if sealed and password is not None:
                key: Any = serialization.load_der_private_key(
                    cosign_key.decrypt(body, password, where=where), None
                )
            else:
                secret = password.reveal().encode() if password is not None else None
                key = serialization.load_pem_private_key(block, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            why = "the password is wrong, or the key is" if password is not None else "it is"
            raise UsageError(
                "the private key cannot be read",
                where=where,
                why=f"{why} damaged or of a kind that is not known",
            ) from error
        return cls(_on_curve(key, where))

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``, DER."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- heavy; only what signs needs it
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        try:
            scheme = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        except (
            UnsupportedAlgorithm
        ):  # with an OpenSSL before 3.2, which cryptography's own wheels do not have
            scheme = ec.ECDSA(hashes.SHA256())
        return self._key.sign(data, scheme)

    def __repr__(self) -> str:
        return "PrivateKey(***)"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except FileNotFoundError as error:
        raise UsageError("there is no such key file", where=str(path)) from error
    except OSError as error:
        raise system_fault(error, "cannot read the key", where=path) from error
    if len(data) > _MOST:
        raise UsageError("the file is too long for a key", where=str(path))
    return data


def _block(data: bytes, where: str, what: str) -> tuple[str, bytes, bytes]:
    """Return the label of the first PEM block, the block, and what is in it.

    Curve parameters, which OpenSSL writes in front of a SEC1 key, are skipped.
    """
    for match in _PEM.finditer(data):
        label = match["label"].decode()
        if label == "EC PARAMETERS":
            continue
        lines = [line for line in match["body"].splitlines() if b":" not in line]
        try:
            return label, match[0] + b"\n", base64.b64decode(b"".join(lines), validate=True)
        except ValueError as error:
            raise UsageError(f"the {what} is damaged", where=where) from error
    raise UsageError(f"there is no {what}", where=where, hint="a PEM file is expected")


def _on_curve(key: Any, where: str) -> Any:
    curve = getattr(getattr(key, "curve", None), "name", "")
    if curve != _CURVE:
        raise UsageError(
            "the key is not an ECDSA key on the curve P-256",
            where=where,
            why=f"it is on {curve}" if curve else "it is for another algorithm",
            hint="make one with: cosign generate-key-pair",
        )
    return key
