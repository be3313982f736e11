"""Anonymous, Basic and Bearer, and who gets to see the credentials."""

from __future__ import annotations

import base64
import json
import logging

import pytest
from tests.registry_simulator import Simulator, changed, cut, redirect, reset, silence, status
from tests.servers import Authority

from hivebase.errors import HivebaseError, SystemFaultError
from hivebase.oci.model import Platform
from hivebase.reference import Reference
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.errors import RegistryUnreachableError
from hivebase.registry.settings import RegistrySettings
from hivebase.transport import LIMITS, HostPolicy, NoAnswerError, RefusedTargetError, Secret
from hivebase.values import replace

AMD64 = Platform(os="linux", architecture="amd64")
PASSWORD = "correct-horse-battery"


def ref(registry: Simulator, text: str = "team/app:1.0") -> Reference:
    return Reference.parse(f"{registry.host}/{text}")


def login(registry: Simulator, password: str = PASSWORD) -> dict[str, dict[str, str]]:
    return {registry.host: {"auth": base64.b64encode(f"me:{password}".encode()).decode()}}


@pytest.fixture(params=["basic", "bearer"])
def guarded(request):
    with Simulator(auth=request.param, users={"me": PASSWORD}) as made:
        made.add_image("team/app", "1.0", layers=[b"one", b"two"])
        yield made


@pytest.fixture
def bearer():
    with Simulator(auth="bearer") as made:
        made.add_image("team/app", "1.0", layers=[b"one", b"two"])
        made.add_image("team/other", "1.0", layers=[b"other"])
        yield made


def test_the_users_credentials_open_the_registry(guarded, connect, store):
    """Basic and token flow, for manifests and for blobs."""
    with connect(auths=login(guarded)) as client:
        client.pull(ref(guarded), store, platform=AMD64)


@pytest.mark.parametrize("auths", [{}, {"wrong": 1}], ids=["none", "wrong"])
def test_without_the_right_credentials_the_error_says_how_to_log_in(guarded, connect, auths):
    """Refusal is not unreachability; the command to run is in the hint; the password is not."""
    auths = login(guarded, "not-the-password") if auths else {}
    with connect(auths=auths) as client, pytest.raises(AuthenticationError) as caught:
        client.resolve(ref(guarded), AMD64)
    assert not isinstance(caught.value, NoAnswerError)
    assert "hivebase login" in caught.value.hint
    assert "not-the-password" not in str(caught.value)


def test_anonymous_tokens(bearer, connect):
    """A public repository needs a token and no password; the scope names the repository."""
    with connect() as client:
        client.resolve(ref(bearer), AMD64)
    (asked,) = bearer.seen("GET /token")
    assert "authorization" not in asked.headers
    assert "scope=repository%3Ateam%2Fapp%3Apull" in asked.path
    assert "service=simulator" in asked.path


def test_one_token_serves_a_whole_pull(bearer, connect, store):
    """Kept by scope: another repository needs another one."""
    with connect() as client:
        client.pull(ref(bearer), store, platform=AMD64)
        assert len(bearer.seen("GET /token")) == 1
        client.resolve(ref(bearer, "team/other:1.0"), AMD64)
        assert len(bearer.seen("GET /token")) == 2


def test_an_identity_token_is_exchanged_by_post(bearer, connect):
    """OAuth 2: the token is in the body, never in a URL."""
    bearer.users = {"<token>": "identity-token-1234"}
    auths = {bearer.host: {"identitytoken": "identity-token-1234", "auth": ""}}
    with connect(auths=auths) as client:
        client.resolve(ref(bearer), AMD64)
    (asked,) = bearer.seen("POST /token")
    assert b"grant_type=refresh_token" in asked.body
    assert b"refresh_token=identity-token-1234" in asked.body
    assert all("identity-token" not in seen.path for seen in bearer.requests)


def test_r24_an_expired_token_is_renewed_once(bearer, connect, store):
    """A 401 in the middle: one new token, the request again, everybody else goes on."""
    with connect() as client:
        client.resolve(ref(bearer), AMD64)
        bearer.tokens.clear()
        client.pull(ref(bearer), store, platform=AMD64)
    assert len(bearer.seen("GET /token")) == 2


def test_r24_the_wider_scope_of_the_new_challenge_is_asked_for(bearer, connect):
    """What the registry asks for is added to what we needed."""
    wanted = f'Bearer realm="{bearer.url}/token",scope="repository:team/base:pull repository:team/app:pull"'
    bearer.fault("GET .*/manifests/", status(401, {"WWW-Authenticate": wanted}))
    with connect() as client:
        client.resolve(ref(bearer), AMD64)
    asked = bearer.seen("GET /token")[-1]
    assert "scope=repository%3Ateam%2Fapp%3Apull&scope=repository%3Ateam%2Fbase%3Apull" in asked.path


def test_r24_a_registry_that_never_has_enough_is_given_up(bearer, connect):
    """One renewal for a request, not a hundred."""
    header = {"WWW-Authenticate": f'Bearer realm="{bearer.url}/token"'}
    bearer.fault("GET .*/manifests/", status(401, header), forever=True)
    with connect() as client, pytest.raises(AuthenticationError):
        client.resolve(ref(bearer), AMD64)
    assert len(bearer.seen("GET .*/manifests/")) == 2


def test_r24_tokens_are_renewed_before_they_expire(bearer, connect):
    """No request is begun with a token that is about to end."""
    bearer.token_seconds = 100
    with connect() as client:
        client.resolve(ref(bearer), AMD64)
        client._transport.clock.now += 85
        client.current_digest(ref(bearer))
        client._repositories(ref(bearer))
    assert len(bearer.seen("GET /token")) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"not json",
        b'{"token": 5}',
        b'{"token": "a\\nb"}',
        b'{"token": "' + b"x" * 300_000 + b'"}',
    ],
    ids=["empty", "list", "garbage", "number", "newline", "huge"],
)
def test_r16_a_token_that_is_none_is_refused(bearer, connect, body):
    """Whatever a token service sends, it is a clear error."""
    bearer.fault("GET /token", changed(lambda _: body))
    with connect() as client, pytest.raises(SystemFaultError):
        client.resolve(ref(bearer), AMD64)


@pytest.mark.parametrize(
    "realm",
    [
        "http://169.254.169.254/token",
        "http://10.1.2.3/token",
        "http://0x0a.1/",
        "file:///etc/passwd",
        "http://[::ffff:a00:1]/",
        "http://[::1/",
    ],
)
def test_r12_a_realm_inside_is_refused(bearer, connect, realm):
    """The token service is a server's word, and may not be our metadata service."""
    bearer.realm = realm
    with connect(auths=login(bearer)) as client, pytest.raises(RefusedTargetError):
        client.resolve(ref(bearer), AMD64)


def test_r13_a_realm_without_tls_is_refused(tmp_path, connect):
    """A registry with TLS cannot have the password sent in the clear."""
    authority = Authority(tmp_path)
    with Simulator() as plain, Simulator(auth="bearer", tls=authority.issue("127.0.0.1").pair) as registry:
        registry.realm = f"{plain.url}/token"
        settings = RegistrySettings({registry.host: HostPolicy(ca=authority.ca)})
        with connect(auths=login(registry), settings=settings) as client, pytest.raises(RefusedTargetError):
            client.resolve(ref(registry), AMD64)
        assert plain.requests == []


@pytest.mark.parametrize("order", [("Bearer", "Basic"), ("Basic", "Bearer")])
def test_challenges_in_several_lines_are_all_read(connect, order):
    """A server may offer them in one header or in one for each; the better one is taken in either case."""
    with Simulator(auth="bearer", users={"me": PASSWORD}) as registry:
        registry.add_image("team/app", "1.0")
        lines = {
            "Bearer": f'Bearer realm="{registry.url}/token",service="simulator"',
            "Basic": 'Basic realm="x"',
        }

        def act(handler, _reply):
            head = "".join(f"WWW-Authenticate: {lines[scheme]}\r\n" for scheme in order)
            handler.wfile.write(f"HTTP/1.1 401 No\r\n{head}Content-Length: 0\r\n\r\n".encode())

        registry.fault("GET /v2/$", act)
        with connect(auths=login(registry)) as client:
            client.resolve(ref(registry), AMD64)
        assert registry.seen("GET /token")
        assert all("Basic" not in seen.headers.get("authorization", "") for seen in registry.seen("GET /v2/"))


def test_an_authentication_that_nobody_knows_is_told(registry, connect):
    """Negotiate and the like are named."""
    registry.fault("GET", status(401, {"WWW-Authenticate": "Negotiate abc"}))
    with connect() as client, pytest.raises(SystemFaultError, match="negotiate"):
        client.resolve(ref(registry), AMD64)


def test_c4_credentials_of_one_registry_never_reach_another(connect):
    """Not its neighbour on another port, which asks for them."""
    with Simulator(auth="basic", users={"me": PASSWORD}) as mine, Simulator(auth="basic") as other:
        with connect(auths=login(mine)) as client, pytest.raises(AuthenticationError):
            client.resolve(ref(other), AMD64)
        assert all("authorization" not in seen.headers for seen in other.requests)


def test_c4_nothing_is_sent_before_it_is_asked_for(registry, connect):
    """A registry that is open to all never sees the password."""
    registry.add_image("team/app", "1.0")
    with connect(auths=login(registry)) as client:
        client.resolve(ref(registry), AMD64)
    assert all("authorization" not in seen.headers for seen in registry.requests)


def test_c3_no_failure_prints_a_credential(connect, caplog, events, store):
    """Every kind of failure, with debugging on: no password, no token, in no message and no event."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    faults = [
        status(401),
        status(403),
        status(500),
        reset(),
        cut(3),
        silence(1),
        redirect("http://10.0.0.1/?token=" + PASSWORD),
        changed(lambda _: b"{" + PASSWORD.encode()),
        status(400, body=json.dumps({"errors": [{"code": "X", "message": f"bad {PASSWORD}"}]}).encode()),
    ]
    places = [("basic", "manifests/"), ("bearer", "manifests/"), ("bearer", "token"), ("bearer", "blobs/")]
    for kind, place in places:
        for fault in faults:
            with Simulator(auth=kind, users={"me": PASSWORD}) as registry:
                registry.add_image("team/app", "1.0")
                registry.fault(f"GET /.*{place}", fault, forever=True)
                limits = replace(LIMITS, idle=0.05, first_contact=0.5, tries=1)
                with connect(auths=login(registry), limits=limits) as client:
                    try:
                        texts.append(repr(client.pull(ref(registry), store, platform=AMD64)))
                    except HivebaseError as error:
                        chain = [error, error.__cause__, error.__context__]
                        texts += [f"{e}{e.args!r}{vars(e)!r}" for e in chain if e is not None]
                assert not [t for t in registry.tokens if t in "\n".join([*texts, caplog.text])]
    assert len(texts) >= len(places) * len(faults)
    encoded = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    everything = "\n".join([*texts, caplog.text, repr(events)])
    assert PASSWORD not in everything
    assert encoded not in everything
    assert Secret(PASSWORD).reveal() == PASSWORD


def test_a_dead_token_service_is_unreachable(bearer, connect):
    """Without tokens the registry is as good as away."""
    bearer.realm = "http://no-such-host.invalid/token"
    with connect() as client, pytest.raises(RegistryUnreachableError):
        client.resolve(ref(bearer), AMD64)
