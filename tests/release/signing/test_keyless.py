"""Signing without a key, as far as it can be tried without Sigstore's service: how it fails.

What stands in for the package raises as the real one does (sigstore 4.5); it is not installed where the suite runs.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest

from hivebase.errors import SystemFaultError, UsageError
from hivebase.release.signing.keyless import keyless


class SigstoreError(Exception):
    """As ``sigstore.errors.Error``."""


@pytest.fixture
def sigstore(monkeypatch):
    """A package in place of sigstore; its functions can be replaced."""
    signed = []

    def sign_dsse(statement):
        signed.append(statement)
        return SimpleNamespace(to_json=lambda: '{"bundle": true}')

    @contextmanager
    def signer(identity):
        yield SimpleNamespace(sign_dsse=sign_dsse, identity=identity)

    context = SimpleNamespace(signer=signer)
    made = SimpleNamespace(
        errors=SimpleNamespace(Error=SigstoreError),
        oidc=SimpleNamespace(detect_credential=lambda: None, IdentityToken=lambda token: ("identity", token)),
        models=SimpleNamespace(ClientTrustConfig=SimpleNamespace(production=lambda: "trust")),
        sign=SimpleNamespace(SigningContext=SimpleNamespace(from_trust_config=lambda _: context)),
        dsse=SimpleNamespace(Statement=lambda data: ("statement", data)),
        signed=signed,
        context=context,
    )
    monkeypatch.setitem(sys.modules, "sigstore", ModuleType("sigstore"))
    for name in ("errors", "oidc", "models", "sign", "dsse"):
        monkeypatch.setitem(sys.modules, f"sigstore.{name}", getattr(made, name))
    return made


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "sigstore", None)
    with pytest.raises(UsageError, match="needs the package sigstore") as caught:
        keyless({})
    assert "hivebase[keyless]" in caught.value.hint


def test_without_an_identity(sigstore):
    with pytest.raises(UsageError, match="no identity") as caught, keyless({}):
        pass
    assert "SIGSTORE_ID_TOKEN" in caught.value.hint


def test_each_statement_gets_its_bundle(sigstore):
    with keyless({"SIGSTORE_ID_TOKEN": "a.b.c"}) as sign:
        assert sign(b"one") == b'{"bundle": true}'
        sign(b"two")
    assert sigstore.signed == [("statement", b"one"), ("statement", b"two")]


def test_the_identity_of_the_surroundings(sigstore):
    sigstore.oidc.detect_credential = lambda: "ambient"
    seen, signer = [], sigstore.context.signer

    def watched(identity):
        seen.append(identity)
        return signer(identity)

    sigstore.context.signer = watched
    with keyless({}):
        pass
    assert seen == [("identity", "ambient")]


@pytest.mark.parametrize("error", [SigstoreError("tuf refresh failed"), ConnectionError("no route")])
def test_without_the_network(sigstore, error):
    """Where the roots of trust come from, and where signatures are made, are told alike."""

    def fail(*_):
        raise error

    working = sigstore.models.ClientTrustConfig.production
    sigstore.models.ClientTrustConfig.production = fail
    with (
        pytest.raises(SystemFaultError, match="did not sign") as caught,
        keyless({"SIGSTORE_ID_TOKEN": "a.b.c"}),
    ):
        pass
    assert str(error) in caught.value.why
    sigstore.models.ClientTrustConfig.production = working
    sigstore.dsse.Statement = fail
    with pytest.raises(SystemFaultError), keyless({"SIGSTORE_ID_TOKEN": "a.b.c"}) as sign:
        sign(b"one")


def test_errors_of_others_stay_what_they_are(sigstore):
    """What fails while the identity is in use, and has nothing to do with it."""
    with pytest.raises(ConnectionError), keyless({"SIGSTORE_ID_TOKEN": "a.b.c"}):
        raise ConnectionError("of somebody else")
