"""Tokens of ECR where the client looks for passwords: whose, how long, and what happens when one is refused.

That ECR refuses an expired token with 403 and in which words is documented; the servers here are made to do the same.
"""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from contextlib import contextmanager
from io import BytesIO

import pytest
from tests.clocks import FakeClock
from tests.registry.ecr.conftest import HOST
from tests.registry_simulator import Reply, Seen, Simulator, status
from tests.servers import docker_registry

from hivebase.digest import Digest
from hivebase.oci.model import Descriptor, Platform
from hivebase.oci.store import Store
from hivebase.reference import Reference
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.client import RegistryClient
from hivebase.registry.credentials import Credential, Keychain
from hivebase.registry.ecr import credentials
from hivebase.registry.ecr.control import Control, Token
from hivebase.registry.ecr.credentials import LIFETIME, EcrKeychain, Tokens
from hivebase.registry.manifests import digest_of
from hivebase.registry.upload import has_blob, upload_blob
from hivebase.transport import Secret, Transport

AMD64 = Platform(os="linux", architecture="amd64")
HOUR = 3600.0
EXPIRED = json.dumps(
    {"errors": [{"code": "DENIED", "message": "Your authorization token has expired. Reauthenticate and try again."}]}
).encode()  # fmt: skip


class Issuer(Control):
    """Another token each time, and no API behind it."""

    def __init__(self, clock: FakeClock, *, life: float = LIFETIME) -> None:
        self.clock = clock
        self.life = life
        self.issued: list[str] = []

    def token(self) -> Token:
        self.issued.append(f"ecr-token-number-{len(self.issued)}")
        expires = self.clock.time() + self.life if self.life else 0.0
        return Token("AWS", Secret(self.issued[-1]), expires, "123456789012")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def issuer(clock):
    return Issuer(clock)


@pytest.fixture
def tokens(issuer, clock):
    return Tokens(issuer, clock=clock)


def nobody(tmp_path) -> Keychain:
    """A user who keeps nothing."""
    return Keychain({"REGISTRY_AUTH_FILE": str(tmp_path / "none.json")})


@pytest.mark.parametrize(
    ("life", "expected"),
    [(LIFETIME, 10.8), (HOUR, 0.9), (0.0, 10.8), (-50.0, 10.8), (99 * HOUR, 10.8)],
    ids=["twelve hours", "of a role", "not said", "past by our clock", "too far away"],
)
def test_a_token_serves_for_nine_tenths_of_its_life(clock, life, expected):
    """By the answer where that makes sense, else by the rule; all by the clock that nobody sets."""
    issuer = Issuer(clock, life=life)
    tokens = Tokens(issuer, clock=clock)
    first = tokens.current()
    clock.now += expected * HOUR - 1
    assert tokens.current() is first
    clock.now += 2
    assert tokens.current().secret.reveal() == "ecr-token-number-1"
    assert len(issuer.issued) == 2


def test_a_refused_token_is_renewed_unless_it_is_young(tokens, issuer, clock):
    """One that was got a moment ago did not expire: another would be refused as well."""
    first = tokens.current()
    assert tokens.instead_of(first) is None
    clock.now += credentials._YOUNG + 1
    second = tokens.instead_of(first)
    assert second is not None
    assert second.secret != first.secret
    assert tokens.instead_of(second) is None
    assert tokens.instead_of(first) is second  # another worker, whose request began earlier
    assert len(issuer.issued) == 2


def test_many_workers_get_one_new_token(tokens, issuer, clock):
    """All of them are refused at the same moment."""
    first = tokens.current()
    clock.now += HOUR
    found: list[Credential | None] = []
    threads = [threading.Thread(target=lambda: found.append(tokens.instead_of(first))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(issuer.issued) == 2
    assert {credential.secret.reveal() for credential in found if credential} == {"ecr-token-number-1"}


def test_a_token_that_was_got_before_is_used_first(issuer, clock):
    """The look before the push has one already."""
    tokens = Tokens(issuer, issuer.token(), clock)
    assert tokens.current().secret.reveal() == "ecr-token-number-0"
    assert len(issuer.issued) == 1


def test_whose_credentials(tokens, tmp_path, monkeypatch):
    """The bound registry takes tokens; others what the user keeps; ECR's own hosts tokens where there is nothing."""
    login = base64.b64encode(b"AWS:old-login-of-docker").decode()
    file = tmp_path / "auth.json"
    other = HOST.replace("123456789012", "999999999999")
    file.write_text(json.dumps({"auths": {"localhost:1": {"auth": login}, other: {"auth": login}}}))
    monkeypatch.setattr(
        Control, "token", lambda self: Token("AWS", Secret(f"token-of-{self._settings.account}"), 0.0, "")
    )
    keychain = EcrKeychain(Keychain({"REGISTRY_AUTH_FILE": str(file)}), {"localhost:1": tokens})

    def found(registry: str) -> str | None:
        credential = keychain.find(registry, "x")
        return credential.secret.reveal() if credential else None

    assert found("localhost:1") == "ecr-token-number-0"
    assert found("localhost:2") is None
    assert found(f"{HOST}.evil.example") is None
    assert found(HOST) == "token-of-123456789012"
    assert found(other) == "old-login-of-docker"
    stale = keychain.find(other)
    assert stale is not None
    renewed = keychain.renewed(other, "x", stale)
    assert renewed is not None
    assert renewed.secret.reveal() == "token-of-999999999999"
    assert keychain.renewed("localhost:2", "x", stale) is None
    assert keychain.paths() == (file,)


@contextmanager
def connected(registry: str, tokens: Tokens, clock: FakeClock, tmp_path):
    """Yield a client of a registry that is bound to the tokens."""
    with Transport(environ={}, clock=clock) as transport:
        keychain = EcrKeychain(nobody(tmp_path), {registry: tokens})
        yield RegistryClient(transport=transport, keychain=keychain)


@pytest.fixture
def simulated():
    """A registry that knows the first two tokens."""
    with Simulator(auth="basic", users={"AWS": "ecr-token-number-0"}) as made:
        made.add_image("production/app", "1.0.0")
        yield made


def shown(request: Seen) -> str:
    """Return user and password of a request."""
    return base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()


def test_403_for_an_expired_token_is_answered_with_a_new_one(simulated, tokens, issuer, clock, tmp_path):
    """As ECR refuses it, in the middle of a pull: once renewed, once repeated."""

    def as_ecr(handler, reply):
        kept = (
            handler.headers["Authorization"]
            == f"Basic {base64.b64encode(b'AWS:ecr-token-number-0').decode()}"
        )
        handler.send(Reply(403, {"Content-Type": "application/json"}, EXPIRED) if kept else reply)

    reference = Reference.parse(f"{simulated.host}/production/app:1.0.0")
    with connected(simulated.host, tokens, clock, tmp_path) as client:
        client.resolve(reference, AMD64)
        clock.now += HOUR
        simulated.users = {"AWS": "ecr-token-number-1"}
        simulated.fault("GET .*/blobs/", as_ecr, forever=True)
        client.pull(reference, Store.open(tmp_path / "store"), platform=AMD64)
    assert len(issuer.issued) == 2
    passwords = [shown(seen) for seen in simulated.seen("GET .*/blobs/")]
    assert passwords.count("AWS:ecr-token-number-1") == 2  # a layer and the config
    assert 1 <= passwords.count("AWS:ecr-token-number-0") <= 2


def test_an_old_token_is_not_even_shown(simulated, tokens, issuer, clock, tmp_path):
    """After eleven of its twelve hours another one is got before the request: nothing is refused."""
    reference = Reference.parse(f"{simulated.host}/production/app:1.0.0")
    with connected(simulated.host, tokens, clock, tmp_path) as client:
        repository = client.repository(reference)
        assert digest_of(repository, "1.0.0") is not None
        clock.now += 11 * HOUR
        simulated.users = {"AWS": "ecr-token-number-1"}
        assert digest_of(repository, "1.0.0") is not None
    assert len(issuer.issued) == 2
    assert [shown(seen) for seen in simulated.seen("HEAD .*/manifests/")] == [
        "AWS:ecr-token-number-0",
        "AWS:ecr-token-number-1",
    ]


def test_403_for_a_missing_permission_is_told_and_not_repeated_for_ever(
    simulated, tokens, issuer, clock, tmp_path
):
    """An old token may be the reason, so another is tried, once; a young one cannot be."""
    denied = b'{"errors":[{"code":"DENIED","message":"not authorized to perform: ecr:BatchGetImage"}]}'
    simulated.fault("GET .*/manifests/", status(403, {}, denied), forever=True)
    reference = Reference.parse(f"{simulated.host}/production/app:1.0.0")
    for age, attempts in ((0.0, 1), (HOUR, 2)):
        before = len(simulated.seen("GET .*/manifests/"))
        with connected(simulated.host, tokens, clock, tmp_path) as client:
            tokens.current()
            clock.now += age
            with pytest.raises(AuthenticationError, match="does not let us read") as caught:
                client.resolve(reference, AMD64)
        assert "ecr:BatchGetImage" in caught.value.why
        assert len(simulated.seen("GET .*/manifests/")) - before == attempts
    assert len(issuer.issued) == 2


@pytest.mark.server
def test_a_token_expires_between_two_blobs(tokens, issuer, clock, tmp_path):
    """Against docker-registry, whose passwords are changed in the middle of a push: R-24 and R-25."""
    with docker_registry(tmp_path, user=("AWS", "ecr-token-number-0")) as host:
        (file,) = tmp_path.glob("registry-*/htpasswd")
        with connected(host, tokens, clock, tmp_path) as client:
            repository = client.repository(Reference.parse(f"{host}/production/app"), push=True)

            def push(data: bytes) -> Descriptor:
                made = Descriptor("application/octet-stream", Digest.of(data), len(data))
                assert upload_blob(repository, made, lambda: BytesIO(data)) == "sent"
                return made

            first = push(b"one")
            again = subprocess.run(
                ["htpasswd", "-Bbn", "AWS", "ecr-token-number-1"], capture_output=True, text=True, check=True
            )
            file.write_text(again.stdout)
            clock.now += HOUR
            second = push(b"two")
            assert has_blob(repository, first)
            assert has_blob(repository, second)
    assert len(issuer.issued) == 2
