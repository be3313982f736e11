"""Keys as openssl and cosign write them, and everything that is not one."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest
from tests.cosign import Cosign
from tests.servers import need

from hivebase.errors import SystemFaultError, UsageError
from hivebase.release.signing.keys import PrivateKey, PublicKey, password_of
from hivebase.transport import Secret

PASSWORD = Secret("open sesame")
DATA = b"what is signed"


@pytest.fixture
def openssl(tmp_path):
    """Run openssl in the test's directory; return the path of its last word."""
    need("openssl")

    def run(*words):
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True, timeout=30)
        return tmp_path / words[-1]

    return run


@pytest.fixture
def plain(openssl):
    """A SEC1 key with its curve parameters in front, as openssl writes it."""
    return openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "plain.pem")


@pytest.fixture
def public(openssl, plain):
    return openssl("ec", "-in", plain.name, "-pubout", "-out", "public.pem")


@pytest.mark.parametrize(
    ("words", "password"),
    [
        (["ec", "-in", "plain.pem", "-out", "key.pem"], None),
        (["ec", "-in", "plain.pem", "-aes256", "-passout", "pass:open sesame", "-out", "key.pem"], PASSWORD),
        (["pkcs8", "-topk8", "-nocrypt", "-in", "plain.pem", "-out", "key.pem"], None),
        (
            ["pkcs8", "-topk8", "-in", "plain.pem", "-passout", "pass:open sesame", "-out", "key.pem"],
            PASSWORD,
        ),
    ],
    ids=["sec1", "sec1-encrypted", "pkcs8", "pkcs8-encrypted"],
)
def test_keys_of_openssl(openssl, plain, public, words, password):
    """Each form gives the same key; a password that is not needed does no harm, a missing or wrong one does."""
    path = openssl(*words)
    data = path.read_bytes()
    signature = PrivateKey.parse(data, PASSWORD).sign(DATA)
    assert PublicKey.load(public).verifies(signature, DATA)
    if password is None:
        assert signature == PrivateKey.parse(data, None).sign(DATA)
        return
    with pytest.raises(UsageError) as missing:
        PrivateKey.parse(data, None, where="key.pem")
    assert "HIVEBASE_KEY_PASSWORD" in missing.value.hint
    with pytest.raises(UsageError, match="cannot be read"):
        PrivateKey.parse(data, Secret("barley-open"))


def test_a_key_with_its_parameters_in_front(plain, public):
    assert plain.read_bytes().startswith(b"-----BEGIN EC PARAMETERS")
    assert PrivateKey.load(plain).public.pem() == public.read_bytes()


def test_openssl_verifies_what_is_signed(tmp_path, openssl, plain, public):
    """The signature is ECDSA over SHA-256 in DER, whoever looks at it."""
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "signature").write_bytes(PrivateKey.load(plain).sign(DATA))
    openssl("dgst", "-sha256", "-verify", public.name, "-signature", "signature", "data")


def test_signing_is_deterministic(plain):
    """What is signed again is recognised as the same."""
    assert PrivateKey.load(plain).sign(DATA) == PrivateKey.load(plain).sign(DATA)


def test_a_public_key_refuses_everything_else(plain, public):
    key, signature = PublicKey.load(public), PrivateKey.load(plain).sign(DATA)
    assert key.verifies(signature, DATA)
    assert not key.verifies(signature, DATA + b"!")
    assert not key.verifies(signature[:-1], DATA)
    assert not key.verifies(b"", DATA)


@pytest.mark.server
@pytest.mark.parametrize("password", ["correct horse", "", "pässwörd"])
def test_keys_of_cosign(tmp_path, password):
    """A pair that the real cosign made: both halves are read, and belong together."""
    private, public = Cosign(tmp_path).generate(password)
    key = PrivateKey.load(private, Secret(password))
    assert key.public.pem() == public.read_bytes()
    assert PublicKey.load(public).verifies(key.sign(DATA), DATA)
    with pytest.raises(UsageError, match="does not open"):
        PrivateKey.load(private, Secret("sesame-closed"))
    old = private.read_bytes().replace(b"SIGSTORE", b"COSIGN")
    assert PrivateKey.parse(old, Secret(password)).public.pem() == public.read_bytes()


@pytest.mark.server
def test_the_password_comes_from_the_environment(tmp_path, monkeypatch):
    """Ours first, then cosign's; an empty one is one."""
    private, public = Cosign(tmp_path).generate("correct horse")
    monkeypatch.delenv("HIVEBASE_KEY_PASSWORD", raising=False)
    monkeypatch.setenv("COSIGN_PASSWORD", "correct horse")
    assert PrivateKey.load(private).public.pem() == public.read_bytes()
    assert password_of({"COSIGN_PASSWORD": "one", "HIVEBASE_KEY_PASSWORD": "two"}) == Secret("two")
    assert password_of({"COSIGN_PASSWORD": ""}) == Secret("")
    assert password_of({}) is None


def wrapped(document, label="ENCRYPTED SIGSTORE PRIVATE KEY"):
    text = base64.b64encode(json.dumps(document).encode()).decode()
    return f"-----BEGIN {label}-----\n{text}\n-----END {label}-----\n".encode()


def encrypted(**changes):
    document: dict[str, Any] = {
        "kdf": {"name": "scrypt", "params": {"N": 1024, "r": 8, "p": 1}, "salt": "AAAA"},
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(bytes(24)).decode()},
        "ciphertext": base64.b64encode(bytes(64)).decode(),
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document
        for parent in parents:
            place = place[parent]
        place[last] = value
    return wrapped(document)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (encrypted(), "does not open"),
        (encrypted(kdf__params__N=1 << 40), "more work"),
        (encrypted(kdf__params__p=1000), "more work"),
        (encrypted(kdf__params__N=1000), "damaged"),
        (encrypted(kdf__params__N=-1), "damaged"),
        (encrypted(kdf__params__r=0), "damaged"),
        (encrypted(kdf__name="argon2"), "not known"),
        (encrypted(cipher__name="aes"), "not known"),
        (encrypted(cipher__nonce="AAAA"), "not known"),
        (encrypted(ciphertext="§"), "damaged"),
        (encrypted(ciphertext="AAAA"), "does not open"),
        (wrapped({"kdf": {}}), "damaged"),
        (wrapped([]), "damaged"),
        (wrapped({}, "PRIVATE KEY"), "cannot be read"),
        (wrapped({}, "OPENSSH PRIVATE KEY"), "is not a private key"),
        (wrapped({}, "PUBLIC KEY"), "is not a private key"),
        (b"-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n", "damaged"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n", "there is no private key"),
        (b"", "there is no private key"),
        (b"\0\xff", "there is no private key"),
    ],
)
def test_what_is_no_private_key(data, words):
    """Whatever is in the file, one clear message, which does not repeat the password."""
    with pytest.raises(UsageError, match=words) as caught:
        PrivateKey.parse(data, PASSWORD, where="cosign.key")
    assert caught.value.where == "cosign.key"
    assert PASSWORD.reveal() not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["genpkey", "-algorithm", "ed25519", "-out", "other.pem"], "another algorithm"),
        (
            ["genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "other.pem"],
            "another alg",
        ),
        (["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "other.pem"], "secp384r1"),
    ],
)
def test_keys_of_other_kinds(openssl, words, why):
    """Private or public, they are refused, and the message says what was expected."""
    path = openssl(*words)
    public = openssl("pkey", "-in", path.name, "-pubout", "-out", "other.pub")
    for load, file in ((PrivateKey.load, path), (PublicKey.load, public)):
        with pytest.raises(UsageError, match="not an ECDSA key") as caught:
            load(file)
        assert why in caught.value.why


def test_a_private_key_is_no_public_one(plain):
    with pytest.raises(UsageError, match="is not a public key") as caught:
        PublicKey.load(plain)
    assert "cosign.pub" in caught.value.hint


def test_a_damaged_public_key(public):
    data = public.read_bytes().replace(b"MFkw", b"MFkx")
    with pytest.raises(UsageError, match="damaged"):
        PublicKey.parse(data)


def test_files_that_cannot_be_keys(tmp_path):
    with pytest.raises(UsageError, match="no such key file"):
        PrivateKey.load(tmp_path / "none")
    with pytest.raises(SystemFaultError, match="cannot read the key"):
        PublicKey.load(tmp_path)
    (tmp_path / "long").write_bytes(bytes(100_000))
    with pytest.raises(UsageError, match="too long"):
        PrivateKey.load(tmp_path / "long")


def test_a_private_key_does_not_print(plain):
    assert repr(PrivateKey.load(plain)) == "PrivateKey(***)"
