"""The R rows for a whole pull: each of its requests meets each fault, not only the one that a module is about."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.registry_simulator import Reply, Simulator, _Server, changed, cut, endless, redirect, reset, status
from tests.servers import Authority

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, HivebaseError, SystemFaultError
from hivebase.oci.model import Platform
from hivebase.reference import Reference
from hivebase.registry.settings import RegistrySettings
from hivebase.transport import LIMITS, HostPolicy, NoAnswerError, Origin, RefusedTargetError
from hivebase.values import replace

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.oci.store import Store

AMD64 = Platform(os="linux", architecture="amd64")
REQUESTS = [
    "/v2/$",
    "/token",
    "/v2/team/app/manifests/1.0",
    "/v2/team/app/manifests/sha256:",
    "/v2/team/app/blobs/",
]
"""All that a pull asks for: the registry, a token, an index, a manifest, config and layers."""
HALF = cut(1)


@pytest.fixture
def registry():
    with Simulator(auth="bearer") as made:
        image = made.add_image("team/app", layers=[b"one", b"two"])
        made.add_index("team/app", "1.0", [(image, AMD64)])
        yield made


def ref(registry: Simulator) -> Reference:
    return Reference.parse(f"{registry.host}/team/app:1.0")


def seen(registry: Simulator, place: str) -> list[str]:
    return [str(one) for one in registry.seen(f"GET {place}")]


def kept(store: Store) -> list[Path]:
    return [path for path in (store.root / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("place", REQUESTS)
@pytest.mark.parametrize("code", [429, 503])
def test_r1_a_pull_waits_as_it_is_told(registry, connect, store, place, code):
    """Whichever of its requests was too many."""
    registry.fault(f"GET {place}", status(code, {"Retry-After": "7"}))
    with connect() as client:
        client.pull(ref(registry), store, platform=AMD64)
        slept = client._transport.clock.slept
    assert any(7.0 <= seconds <= 7.7 for seconds in slept)
    assert len(seen(registry, place)) >= 2


def test_r1_workers_do_not_storm(registry, connect, store):
    """Several layers that are refused for ever: each has its attempts, and they share the pauses."""
    registry.add_image("team/app", "1.0", layers=[bytes([n]) for n in range(12)])
    config = msgspec.json.decode(registry.manifests[registry.tags["team/app", "1.0"]][1])["config"]["digest"]
    registry.fault(f"GET /v2/team/app/blobs/(?!{config})", status(429), forever=True)
    with connect() as client, pytest.raises(SystemFaultError, match="429"):
        client.pull(ref(registry), store, platform=AMD64)
    asked = [request for request in seen(registry, "/v2/team/app/blobs/") if config not in request]
    assert max(asked.count(request) for request in asked) <= LIMITS.tries
    # Four workers, and what they began before the first of them gave up.
    assert len(set(asked)) <= 8


@pytest.mark.parametrize("place", REQUESTS)
@pytest.mark.parametrize(
    "fault", [status(500), status(504), reset(), HALF], ids=["500", "504", "reset", "half"]
)
def test_r2_every_request_of_a_pull_is_tried_again(registry, connect, store, place, fault):
    """A server's own faults and broken connections; then the pull is whole."""
    registry.fault(f"GET {place}", fault)
    with connect() as client:
        resolved = client.pull(ref(registry), store, platform=AMD64)
    assert store.has(resolved.manifest.digest)
    # Of a 401 that broke off the head says enough.
    assert len(seen(registry, place)) >= 2 or (place, fault) == (REQUESTS[0], HALF)


@pytest.mark.parametrize("place", REQUESTS)
@pytest.mark.parametrize("code", [400, 403, 404, 409, 410, 451])
def test_r2_no_request_of_a_pull_is_tried_again_once_it_is_refused(registry, connect, store, place, code):
    """Once is enough; of the layers that are fetched side by side each may have been asked for."""
    registry.fault(
        f"GET {place}", status(code, {"Docker-Distribution-Api-Version": "registry/2.0"}), forever=True
    )
    with connect() as client, pytest.raises(SystemFaultError) as caught:
        client.pull(ref(registry), store, platform=AMD64)
    asked = seen(registry, place)
    assert len(asked) == len(set(asked)) >= 1
    assert str(code) in str(caught.value)


WRONG = {
    "flipped": lambda body: bytes([body[0] ^ 1]) + body[1:],
    "longer": lambda body: body + b" ",
    "shorter": lambda body: body[:-1],
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("place", [*REQUESTS[2:], "config"])
@pytest.mark.parametrize("change", WRONG)
def test_r8_no_wrong_bytes_of_a_pull_stay(registry, connect, store, place, change):
    """Of an index that is pinned, a manifest, a config and layers: refused, and nothing of the image is there."""
    top = Digest.parse(registry.tags["team/app", "1.0"])
    if place == "config":
        (entry,) = json.loads(registry.manifests[top][1])["manifests"]
        place = f"/v2/team/app/blobs/{json.loads(registry.manifests[entry['digest']][1])['config']['digest']}"
    # By digest: what a tag is must be believed.
    place = place.replace("manifests/1.0", f"manifests/{top}")
    registry.fault(f"GET {place}", changed(WRONG[change]), forever=True)
    with connect() as client, pytest.raises(CorruptContentError):
        client.pull(ref(registry), store, platform=AMD64, digest=top)
    digests = set(registry.manifests)
    assert [path for path in kept(store) if f"sha256:{path.name}" in digests] == []
    assert not list((store.state / "ingest").iterdir())


@pytest.mark.parametrize("place", REQUESTS[1:])
def test_r9_no_answer_of_a_pull_is_read_without_end(registry, connect, store, place):
    """Each kind has a limit, and what is beyond it is an error of the server, not of the memory."""
    sent: list[int] = []
    noticed = threading.Event()

    def forever(handler, reply):
        try:
            endless()(handler, reply)
        finally:
            sent.append(handler.sent)
            noticed.set()

    registry.fault(f"GET {place}", forever, forever=True)
    with connect(limits=replace(LIMITS, tries=1)) as client, pytest.raises(HivebaseError):
        client.pull(ref(registry), store, platform=AMD64)
    assert noticed.wait(5)
    assert max(sent) < 5 * LIMITS.manifest


@pytest.mark.parametrize("place", REQUESTS)
@pytest.mark.parametrize("code", [400, 404])
def test_r9_no_error_of_a_pull_is_read_without_end(registry, connect, store, place, code):
    """Nor is one of its messages longer than a line."""
    body = json.dumps({"errors": [{"message": "word " * 10_000}]}).encode()
    registry.fault(f"GET {place}", lambda handler, _: endless()(handler, Reply(code, {}, body)), forever=True)
    with connect() as client, pytest.raises(SystemFaultError) as caught:
        client.pull(ref(registry), store, platform=AMD64)
    assert len(str(caught.value)) < 1500


def test_r9_an_index_that_names_itself_ends(registry, connect, store):
    """No index can, by its digest; a server that sends one again and again is found out by that."""
    inner = registry.add_index("team/app", "", [])
    top = registry.add_index("team/app", "1.0", [(inner, AMD64)])
    registry.manifests[inner.digest] = registry.manifests[top.digest]
    with connect() as client, pytest.raises(CorruptContentError, match=inner.digest):
        client.pull(ref(registry), store, platform=AMD64)
    assert len(seen(registry, "/v2/team/app/manifests/")) == 2


@pytest.mark.parametrize(
    "head",
    [b"X: " + b"y" * 70_000 + b"\r\n", b"X: y\r\n" * 200, b"no colon at all\r\n" * 200, b"\0\xff\r\n"],
    ids=["long", "many", "odd", "binary"],
)
def test_r9_heads_of_answers_have_an_end(registry, connect, store, head):
    """Long lines and many lines are refused in plain words; a line that is none is passed over."""

    def act(handler, _reply):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 2\r\n\r\n{}")

    registry.fault("GET /v2/team/app/manifests/", act, forever=True)
    limits = replace(LIMITS, idle=0.3, tries=2)
    with connect(limits=limits) as client, pytest.raises(HivebaseError) as caught:
        client.pull(ref(registry), store, platform=AMD64)
    assert "internal" not in caught.value.code


def test_r10_interim_answers_without_end_end(registry, connect, store):
    """``100 Continue`` for ever: each line comes at once, and the answer never does."""

    def act(handler, _reply):
        while True:
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    registry.fault("GET /v2/team/app/manifests/", act, forever=True)
    limits = replace(LIMITS, idle=0.3, tries=1)
    with connect(limits=limits) as client, pytest.raises(NoAnswerError) as caught:
        client.pull(ref(registry), store, platform=AMD64)
    assert caught.value.cause in {"timeout", "cut"}


def test_r11_credentials_that_were_dropped_do_not_come_back(connect, store):
    """From the registry to its storage and back again: whoever is in between could have written the way back."""
    with Simulator(auth="basic", users={"me": "my-password"}) as registry, Simulator() as storage:
        registry.add_image("team/app", "1.0", layers=[b"x"])
        registry.fault("GET .*/blobs/", redirect(f"{storage.url}/away"), forever=True)
        storage.fault("GET /away", redirect(f"{registry.url}/back?sig=1"), forever=True)
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client, pytest.raises(SystemFaultError):
            client.pull(ref(registry), store, platform=AMD64)
        assert registry.seen("GET /back")
        assert all("authorization" not in one.headers for one in registry.seen("GET /back"))
        assert all("authorization" not in one.headers for one in storage.requests)


def test_r13_nor_is_https_left_on_the_way(tmp_path, connect, store):
    """From the registry to a storage with TLS, and from there to one without: the second step is refused."""
    authority = Authority(tmp_path)
    pair = authority.issue("127.0.0.1").pair
    with Simulator(tls=pair) as registry, Simulator(tls=pair) as storage, Simulator() as plain:
        registry.add_image("team/app", "1.0", layers=[b"x"])
        registry.fault("GET .*/blobs/", redirect(f"{storage.url}/away"), forever=True)
        storage.fault("GET /away", redirect(f"{plain.url}/plain"), forever=True)
        settings = RegistrySettings(
            {host: HostPolicy(ca=authority.ca) for host in (registry.host, storage.host)}
        )
        with (
            connect(settings=settings) as client,
            pytest.raises(RefusedTargetError, match="https to plain http"),
        ):
            client.pull(ref(registry), store, platform=AMD64)
        assert plain.requests == []


TWICE = b'{"architecture": "a", "architecture": "b"}'


@pytest.mark.parametrize("text", [TWICE, b"[" * 5000, b'{"os": "\xff"}', b"\xef\xbb\xbf{}", b"null", b""])
def test_r16_an_odd_config_is_refused(registry, connect, store, text):
    """It is read by the same strict parser as manifests are."""
    image = registry.add_image("team/app", "1.0", layers=[b"one"])
    document = msgspec.json.decode(registry.manifests[image.digest][1])
    config = {**document["config"], "digest": registry.add_blob(text), "size": len(text)}
    registry.add_manifest({**document, "config": config}, "team/app", "1.0")
    with connect() as client, pytest.raises(CorruptContentError):
        client.pull(ref(registry), store, platform=AMD64)
    assert seen(registry, f"/v2/team/app/blobs/{document['layers'][0]['digest']}") == []


ODD_ERRORS = [
    b"",
    b"null",
    b"[]",
    b'{"errors": 5}',
    b'{"errors": [5, null, {}, {"message": 5}, {"code": ["x"]}]}',
    b"[" * 30_000,
    b'{"errors": [{"message": "\\ud800"}]}',
    b"\xff\xfe",
    b'{"errors": [{"message": "' + b"\\u001b[2J" * 100 + b'"}]}',
]


@pytest.mark.parametrize("body", ODD_ERRORS)
def test_r16_an_odd_error_is_told_all_the_same(registry, connect, body):
    """With the address and the number, on lines without control characters."""
    registry.fault("GET /v2/team/app/manifests/", status(400, {}, body))
    with connect() as client, pytest.raises(SystemFaultError, match="400") as caught:
        client.resolve(ref(registry), AMD64)
    assert all(c >= " " or c == "\n" for c in str(caught.value))


def test_r17_everything_after_the_tag_goes_by_digest(registry, connect, store):
    """A tag that moves while an image is pulled changes nothing of it."""
    first = registry.tags["team/app", "1.0"]

    def move(handler, reply):
        registry.add_image("team/app", "1.0", layers=[b"another"])
        handler.send(reply)

    registry.fault("GET /v2/team/app/manifests/1.0", move)
    with connect() as client:
        resolved = client.pull(ref(registry), store, platform=AMD64)
    assert resolved.top.digest == first != registry.tags["team/app", "1.0"]
    assert seen(registry, "/v2/team/app/manifests/1.0") == ["GET /v2/team/app/manifests/1.0"]
    assert all("sha256:" in path for path in seen(registry, "/v2/team/app/(?!manifests/1.0)"))


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_r26_a_registry_may_be_an_ipv6_address(connect, store, monkeypatch):
    """In a reference, in the settings, and in the credentials it is written with its brackets."""
    monkeypatch.setattr(_Server, "address_family", socket.AF_INET6)
    with Simulator(host="::1", auth="basic", users={"me": "my-password"}) as registry:
        registry.host = f"[::1]:{registry.port}"
        image = registry.add_image("team/app", "1.0", layers=[b"x"])
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        settings = RegistrySettings.parse({registry.host: {"insecure": True}})
        with connect(auths=auths, settings=settings) as client:
            assert client.pull(ref(registry), store, platform=AMD64).top.digest == image.digest
        assert registry.requests[-1].headers["host"] == registry.host


def test_r26_a_name_in_capitals_has_the_settings_of_its_host(connect, store):
    """Names of hosts have no case, and neither has what hivebase.toml says of one."""
    with Simulator() as registry:
        registry.add_image("team/app", "1.0")
        settings = RegistrySettings.parse({f"LOCALHOST:{registry.port}": {"insecure": True}})
        with connect(settings=settings) as client:
            client.pull(Reference.parse(f"Localhost:{registry.port}/team/app:1.0"), store, platform=AMD64)
            origin = Origin.of(f"http://Localhost:{registry.port}")
            assert client._transport.policy(origin).insecure
