"""Whether a registry is there, and what is said when it is not."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from tests.proxy_simulator import ForwardProxy
from tests.registry_simulator import Simulator, changed, silence, status
from tests.servers import Authority

from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError, UnreachableError, UsageError
from hivebase.oci.model import Platform
from hivebase.reference import Reference
from hivebase.registry.client import RegistryClient
from hivebase.registry.errors import RegistryUnreachableError
from hivebase.registry.settings import Mirror, RegistrySettings
from hivebase.transport import LIMITS, HostPolicy, Transport
from hivebase.values import replace

AMD64 = Platform(os="linux", architecture="amd64")


@pytest.fixture
def dead():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return f"127.0.0.1:{port}"


def test_a_dead_registry_is_unreachable(connect, dead):
    """The error is of the kind that lets a build use a stand-in, and says what was wanted."""
    with connect() as client, pytest.raises(RegistryUnreachableError) as caught:
        client.resolve(Reference.parse(f"{dead}/team/app:1.0"), AMD64)
    assert isinstance(caught.value, UnreachableError)
    assert caught.value.where == f"{dead}/team/app:1.0"
    assert "refused" in caught.value.why
    assert caught.value.hint


def test_an_unknown_host_is_unreachable(connect):
    """So is one whose name nobody knows."""
    with connect() as client, pytest.raises(RegistryUnreachableError) as caught:
        client.resolve(Reference.parse("registry.invalid/team/app:1.0"), AMD64)
    assert caught.value.cause == "name"


def test_a_silent_registry_is_found_out_within_seconds(registry):
    """Real clock: the first question has a short time-out and no second try."""
    registry.fault("GET /v2/", silence(60), forever=True)
    began = time.monotonic()
    with Transport(environ={}, limits=replace(LIMITS, first_contact=0.5)) as transport:
        client = RegistryClient(transport=transport)
        with pytest.raises(RegistryUnreachableError) as caught:
            client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)
    assert caught.value.cause == "timeout"
    assert time.monotonic() - began < 20
    assert LIMITS.first_contact <= 5.0
    assert LIMITS.connect <= 5.0


def test_twelve_bases_on_a_dead_registry_are_one_wait(connect, monkeypatch):
    """The outcome of the first question is remembered, for all threads."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def counting(host, *rest, **more):
        asked.append(host)
        return resolve(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", counting)
    with connect() as client:

        def attempt(number):
            with pytest.raises(RegistryUnreachableError) as caught:
                client.resolve(Reference.parse(f"registry.invalid/team/app{number}"), AMD64)
            assert caught.value.where.endswith(f"app{number}:latest")

        threads = [threading.Thread(target=attempt, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert asked == ["registry.invalid"]


def test_r26_a_proxy_that_refuses_makes_it_unreachable(connect):
    """403 of a proxy is not the registry's word."""
    with (
        ForwardProxy(refuse="403 Forbidden") as proxy,
        connect(environ={"HTTPS_PROXY": proxy.url}) as client,
        pytest.raises(RegistryUnreachableError) as caught,
    ):
        client.resolve(Reference.parse("registry.example/team/app:1.0"), AMD64)
    assert caught.value.cause == "proxy"


@pytest.mark.parametrize("code", [403, 407, 451])
def test_r26_who_answers_in_the_registrys_place_makes_it_unreachable(registry, connect, code):
    """A firewall's page carries no registry's signature."""
    registry.fault("GET /v2/", status(code, {"Content-Type": "text/html"}, b"<html>blocked"), forever=True)
    with connect() as client, pytest.raises(RegistryUnreachableError) as caught:
        client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)
    assert caught.value.cause in {"intercepted", "proxy"}


def test_r26_a_login_page_makes_it_unreachable(registry, connect):
    """A hotel's 200 is no registry's either."""
    registry.fault("GET /v2/", status(200, {"Content-Type": "text/html"}, b"<html>welcome"), forever=True)
    with connect() as client, pytest.raises(RegistryUnreachableError):
        client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)


def test_answers_of_the_registry_are_not_unreachability(registry, connect, store):
    """404, other bytes and a broken registry are answers."""
    image = registry.add_image("team/app", "1.0")
    reference = Reference.parse(f"{registry.host}/team/app:1.0")
    registry.fault("GET .*/manifests/", status(404), changed(lambda b: b[:-1]), status(400))
    for expected in (NotFoundError, CorruptContentError, SystemFaultError):
        with connect() as client, pytest.raises(expected) as caught:
            client.resolve(reference, AMD64)
        assert not isinstance(caught.value, UnreachableError)
    assert not store.has(image.digest)


def test_what_is_not_a_registry_is_told(registry, connect):
    """A web server is there, and knows nothing of /v2/."""
    registry.fault("GET /v2/", status(404), forever=True)
    with connect() as client, pytest.raises(SystemFaultError, match="is not a registry"):
        client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)


def test_r26_port_0_is_a_clear_error(connect):
    """Nobody can listen there."""
    with connect() as client, pytest.raises(UsageError, match="not a usable URL"):
        client.resolve(Reference.parse("registry.example:0/team/app:1.0"), AMD64)


def test_plain_http_is_for_this_machine(registry, connect):
    """As in Docker: https is tried, then http, on loopback."""
    registry.add_image("team/app", "1.0")
    for host in (registry.host, f"localhost:{registry.port}"):
        with connect() as client:
            assert client.resolve(Reference.parse(f"{host}/team/app:1.0"), AMD64)


def test_plain_http_elsewhere_must_be_configured(registry, connect, events):
    """Another host without TLS is refused, unless it is named as insecure; and that is printed."""
    registry.add_image("team/app", "1.0")
    host = f"registry.example:{registry.port}"
    reference = Reference.parse(f"{host}/team/app:1.0")
    with ForwardProxy() as proxy:
        environ = {"ALL_PROXY": proxy.url}
        with connect(environ=environ) as client, pytest.raises(RegistryUnreachableError) as caught:
            client.resolve(reference, AMD64)
        assert caught.value.cause == "tls"
        assert "insecure = true" in caught.value.hint
        settings = RegistrySettings({host: HostPolicy(insecure=True)})
        with connect(environ=environ, settings=settings) as client:
            assert client.resolve(reference, AMD64)
    assert any("not checked" in event.text for event in events)


def test_r14_a_bad_certificate_on_this_machine_is_still_bad(tmp_path, connect):
    """Falling back to http is for servers without TLS, not for servers with a wrong one."""
    authority = Authority(tmp_path)
    certificate = authority.issue("127.0.0.1").pair
    refused = pytest.raises(RegistryUnreachableError)
    with Simulator(tls=certificate) as registry, connect() as client, refused as caught:
        client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)
    assert caught.value.cause == "certificate"


def test_a_mirror_is_asked_first(connect, store):
    """What it has comes from there, blobs included; its prefix precedes the name."""
    with Simulator() as mirror:
        mirror.add_image("hub/library/python", "3.11-slim")
        settings = RegistrySettings(mirrors={"docker.io": Mirror(mirror.host, "hub")})
        with connect(settings=settings) as client:
            resolved = client.pull(Reference.parse("python:3.11-slim"), store, platform=AMD64)
    assert str(resolved.reference) == "python:3.11-slim"
    assert store.has(resolved.manifest.digest)


def test_a_mirror_that_does_not_have_it_is_passed_over(registry, connect, events):
    """The registry itself is asked, and a note says why."""
    registry.add_image("team/app", "1.0")
    with Simulator() as mirror:
        settings = RegistrySettings(mirrors={registry.host: Mirror(mirror.host)})
        with connect(settings=settings) as client:
            client.resolve(Reference.parse(f"{registry.host}/team/app:1.0"), AMD64)
        assert mirror.seen("GET .*/manifests/")
    assert [event.status for event in events] == ["note"]
