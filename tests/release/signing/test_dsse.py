"""Envelopes, bundles and payloads as their specifications have them."""

from __future__ import annotations

import base64
import json

import pytest

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.release.signing import bundle, dsse, simple
from hivebase.release.signing.keys import PrivateKey

DATA = b'{"a": 1}'
KIND = "application/vnd.in-toto+json"


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 -- beside the one use

    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


def test_the_encoding_of_the_specification():
    """The example of DSSE's protocol.md."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert dsse.encoding("http://example.com/HelloWorld", b"hello world") == expected


def test_lengths_are_those_of_bytes():
    assert dsse.encoding("é", b"\xff\n") == b"DSSEv1 2 \xc3\xa9 2 \xff\n"


def test_an_envelope_comes_back(key):
    made = dsse.envelope(key, KIND, DATA)
    read = dsse.parse(made.document())
    assert read == made
    assert read.content() == DATA
    assert read.signed_by(key.public)
    assert dsse.envelope(key, KIND, DATA) == made


def test_one_good_signature_among_others_is_enough(key):
    made = dsse.envelope(key, KIND, DATA)
    document = json.loads(made.document())
    document["signatures"].insert(0, {"keyid": "x", "sig": base64.b64encode(b"nonsense").decode()})
    assert dsse.parse(json.dumps(document).encode()).signed_by(key.public)
    document["signatures"].pop()
    assert not dsse.parse(json.dumps(document).encode()).signed_by(key.public)
    document["signatures"].clear()
    assert not dsse.parse(json.dumps(document).encode()).signed_by(key.public)


def test_both_alphabets_are_read(key):
    """The specification lets a writer choose."""
    data = b"\xfb\xff\xfe" * 5
    document = json.loads(dsse.envelope(key, KIND, data).document())
    assert "+" in document["payload"] or "/" in document["payload"]
    for name in ("+-", "/_"):
        document["payload"] = document["payload"].replace(*name)
        for item in document["signatures"]:
            item["sig"] = item["sig"].replace(*name)
    read = dsse.parse(json.dumps(document).encode())
    assert read.content() == data
    assert read.signed_by(key.public)


@pytest.mark.parametrize("text", ["§", "AAA", "A A=", "AAAA\n"])
def test_what_is_not_base64(key, text):
    envelope = dsse.Envelope(text, KIND, ())
    with pytest.raises(CorruptContentError, match="envelope is damaged"):
        envelope.content()


def test_a_bundle_comes_back(key):
    made = dsse.envelope(key, KIND, DATA)
    data = bundle.bundle(made, key.public)
    assert bundle.envelope_of(data).signed_by(key.public)
    document = json.loads(data)
    assert document["verificationMaterial"] == {"publicKey": {"hint": key.public.hint}}
    assert document["dsseEnvelope"]["signatures"][0].keys() == {"sig"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"mediaType": "application/json", "dsseEnvelope": {"payload": "", "payloadType": "", "signatures": []}}',
        b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {}}',
    ],
)
def test_what_is_no_bundle(data):
    with pytest.raises(CorruptContentError):
        bundle.envelope_of(data)


def test_the_payload_is_that_of_cosign():
    """Byte for byte what cosign 2.5 was seen to sign."""
    digest = Digest("sha256:3c208adda7febe3990ae6264c8dfff3ac94906bedd470ca842385dbb385f7e89")
    expected = (
        b'{"critical":{"identity":{"docker-reference":"localhost:5000/team/app"},"image":{"docker-manifest-digest":'
        b'"sha256:3c208adda7febe3990ae6264c8dfff3ac94906bedd470ca842385dbb385f7e89"},'
        b'"type":"cosign container image signature"},"optional":null}'
    )
    data = simple.payload("localhost:5000/team/app", digest)
    assert data == expected
    assert simple.signed_digest(data) == digest
