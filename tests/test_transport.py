"""HTTP: attempts, redirects, proxies, certificates, limits, and what is never printed."""

from __future__ import annotations

import hashlib
import logging
import pickle
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from email.utils import formatdate
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from hivebase.digest import Digest
from hivebase.errors import (
    CorruptContentError,
    HivebaseError,
    InterruptedByUserError,
    NotFoundError,
    SystemFaultError,
    UnreachableError,
    UsageError,
)
from hivebase.transport import (
    LIMITS,
    HostPolicy,
    HttpFetcher,
    Origin,
    RefusedTargetError,
    Request,
    Secret,
    Transport,
    redact,
)
from hivebase.transport.errors import NoAnswerError
from hivebase.transport.proxies import Proxies
from hivebase.transport.targets import check_target, is_public, literal_address, normalised
from hivebase.transport.waiting import retry_after
from tests.clocks import FakeClock
from tests.registry_simulator import (
    ForwardProxy,
    Reply,
    Simulator,
    changed,
    cut,
    drip,
    endless,
    honest,
    redirect,
    reset,
    silence,
    status,
)
from tests.servers import Authority

if TYPE_CHECKING:
    from hivebase.progress import Event

QUICK = replace(LIMITS, idle=0.3, first_contact=0.3, connect=0.5)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def transport(clock):
    with Transport(environ={}, clock=clock) as made:
        yield made


@pytest.fixture
def registry():
    with Simulator() as made:
        yield made


def get(registry: Simulator, path: str = "/v2/", **fields: Any) -> Request:
    return Request("GET", f"{registry.url}{path}", **fields)


def files(registry: Simulator, data: bytes) -> str:
    """Let the simulator serve ``data`` at /file."""
    registry.files["/file"] = data
    return f"{registry.url}/file"


# attempts


def test_r1_retry_after_in_seconds_is_waited_for(registry, transport, clock):
    """The server's own number decides, with a little jitter on top."""
    registry.fault("GET", status(429, {"Retry-After": "7"}))
    assert transport.ask(get(registry), 100).status == 200
    assert 7.0 <= clock.slept[0] <= 7.7


def test_r1_retry_after_as_a_date_is_waited_for(registry, transport, clock):
    """An HTTP date is turned into seconds from now."""
    registry.fault("GET", status(503, {"Retry-After": formatdate(clock.time() + 20, usegmt=True)}))
    assert transport.ask(get(registry), 100).status == 200
    assert 18.0 <= clock.slept[0] <= 22.0


def test_r1_retry_after_is_capped(registry, transport, clock):
    """A server cannot make us sleep for a day."""
    registry.fault("GET", status(429, {"Retry-After": "86400"}))
    transport.ask(get(registry), 100)
    assert clock.slept[0] <= LIMITS.longest_wait * 1.1


def test_r1_without_a_header_the_wait_grows_and_ends(registry, transport, clock):
    """Waits double, with jitter, and after the last attempt the answer is handed over."""
    registry.fault("GET", status(429), forever=True)
    assert transport.ask(get(registry), 100).status == 429
    assert LIMITS.tries == len(registry.requests)
    assert LIMITS.tries - 1 == len(clock.slept)
    for number, seconds in enumerate(clock.slept):
        assert LIMITS.backoff * 2**number * 0.5 <= seconds <= LIMITS.backoff * 2**number


def test_r1_one_pause_holds_for_all_workers(registry, transport, clock):
    """A request that begins while the server wants peace waits as well, instead of adding to the storm."""
    registry.fault("GET /v2/", status(429, {"Retry-After": "30"}))
    transport.ask(get(registry), 100)
    transport._pauses.hold(Origin.of(registry.url), 1, 30.0)
    before = clock.now
    transport.ask(get(registry), 100)
    assert clock.now - before >= 30.0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("5", 5.0),
        (" 0 ", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-3", None),
        ("9" * 40, 999999999.0),
    ],
)
def test_r1_retry_after_values(header, expected):
    """Numbers are read, everything else is as if it were not there."""
    assert expected == retry_after(header, 0.0)


def test_r1_retry_after_date_in_the_past():
    """A date that is over means now."""
    assert retry_after(formatdate(1000, usegmt=True), 2000.0) == 0.0


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_r2_faults_of_the_server_are_tried_again(registry, transport, code):
    """Two faults, then an answer: the caller sees the answer alone."""
    registry.fault("GET", status(code), status(code))
    assert transport.ask(get(registry), 100).status == 200
    assert len(registry.requests) == 3


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 501])
def test_r2_refusals_are_not_tried_again(registry, transport, code):
    """Asking again would not change them."""
    registry.fault("GET", status(code))
    assert code == transport.ask(get(registry), 100).status
    assert len(registry.requests) == 1


@pytest.mark.parametrize("fault", [reset(), cut(1)], ids=["reset", "half a body"])
def test_r2_broken_connections_are_tried_again(registry, transport, fault):
    """A reset and half an answer are nobody's word."""
    registry.fault("GET", honest(), fault, fault)
    assert transport.ask(get(registry), 100).status == 200
    assert transport.ask(get(registry), 100).body == b"{}"
    assert len(registry.requests) == 4


def test_r2_the_last_broken_connection_is_told(registry, transport):
    """When all attempts break off, the error says so in plain words."""
    registry.fault("GET", honest(), reset(), forever=True)
    transport.ask(get(registry), 100)
    with pytest.raises(NoAnswerError) as caught:
        transport.ask(get(registry), 100)
    assert caught.value.cause == "cut"
    assert 1 + LIMITS.tries == len(registry.requests)


def test_r2_tls_abort_is_tried_again(tmp_path, clock, monkeypatch):
    """A handshake that is cut off is like any other broken connection, once the server has been seen."""
    authority = Authority(tmp_path)
    with Simulator(tls=authority.issue("127.0.0.1").pair) as registry:
        hosts = {registry.host: HostPolicy(ca=authority.ca)}
        with Transport(hosts, environ={}, clock=clock) as transport:
            transport.ask(get(registry), 100)
            transport.close()
            accept = registry._server.get_request
            aborted: list[object] = []

            def abort_once() -> Any:
                connection, address = accept()
                if not aborted:
                    aborted.append(address)
                    connection.shutdown(socket.SHUT_RDWR)
                return connection, address

            monkeypatch.setattr(registry._server, "get_request", abort_once)
            assert transport.ask(get(registry), 100).status == 200
    assert len(aborted) == 1


# An unreachable server is known as such at once.


def test_dead_port_is_told_at_once(clock):
    """Nobody listens: one more try, no waiting for miracles."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Transport(environ={}, clock=clock) as transport, pytest.raises(UnreachableError) as caught:
        transport.ask(Request("GET", f"http://127.0.0.1:{port}/"), 10)
    assert isinstance(caught.value, NoAnswerError)
    assert caught.value.cause == "connect"
    assert "refused" in str(caught.value)
    assert sum(clock.slept) < 1


def test_unknown_name_is_told_at_once(transport, clock):
    """A name that does not exist will not exist in a second either."""
    with pytest.raises(NoAnswerError) as caught:
        transport.ask(Request("GET", "http://no-such-host.invalid/"), 10)
    assert caught.value.cause == "name"
    assert clock.slept == []


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch):
    """The C library's time-outs are longer than ours."""
    enough = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [enough.wait(5)][:0])
    began = time.monotonic()
    with Transport(environ={}, limits=QUICK) as transport, pytest.raises(NoAnswerError) as caught:
        transport.ask(Request("GET", "http://some-host.example/"), 10)
    enough.set()
    assert caught.value.cause == "timeout"
    assert time.monotonic() - began < 1.5


# limits


def test_r9_an_answer_that_is_too_long_is_refused(registry, transport):
    """The limit holds whether or not the length is announced."""
    registry.fault("GET", changed(lambda _: b"x" * 101), endless())
    for _ in range(2):
        with pytest.raises(SystemFaultError, match="longer than 100 bytes"):
            transport.ask(get(registry), 100)


def test_r9_of_an_error_only_the_beginning_is_read(registry, transport):
    """An error body of any length costs 64 KiB."""
    registry.fault("GET", lambda handler, reply: endless()(handler, Reply(404, reply.headers)))
    answer = transport.ask(get(registry), 100)
    assert (404, LIMITS.error_body) == (answer.status, len(answer.body))


def test_r9_redirects_end(registry, transport):
    """A circle of redirects is left after a few rounds."""
    registry.fault("GET", redirect("/v2/"), forever=True)
    with pytest.raises(SystemFaultError, match="redirects without end"):
        transport.ask(get(registry), 100)
    assert LIMITS.redirects + 1 == len(registry.requests)


def test_r10_silence_ends_in_a_time_out(registry, clock):
    """A server that takes the request and says nothing is given up."""
    registry.fault("GET", silence(5))
    with (
        Transport(environ={}, limits=QUICK, clock=clock) as transport,
        pytest.raises(NoAnswerError) as caught,
    ):
        transport.ask(get(registry), 100)
    assert caught.value.cause == "timeout"


def test_r10_headers_that_drip_end_in_a_time_out(registry, clock):
    """The head of an answer has one time-out, not one for each byte."""

    def dripping(handler, _reply):
        for _ in range(200):
            handler.wfile.write(b"H")
            time.sleep(0.01)

    registry.fault("GET", dripping)
    began = time.monotonic()
    with (
        Transport(environ={}, limits=QUICK, clock=clock) as transport,
        pytest.raises(NoAnswerError) as caught,
    ):
        transport.ask(get(registry), 100)
    assert caught.value.cause == "timeout"
    assert time.monotonic() - began < 1.5


def test_r10_a_body_that_drips_ends_in_a_time_out(registry):
    """Each byte comes within the idle time, all of them would take for ever: the total decides."""
    registry.fault("GET", changed(lambda _: b"x" * 1000), forever=False)
    registry.fault(
        "GET", lambda handler, reply: drip(0.005)(handler, Reply(200, {}, b"x" * 100000)), forever=True
    )
    with Transport(environ={}, limits=replace(QUICK, answer=0.3, tries=1)) as transport:
        transport.ask(get(registry), 10000)
        with pytest.raises(NoAnswerError, match="did not send its answer within") as caught:
            transport.ask(get(registry), 1000000)
    assert caught.value.cause == "timeout"


def test_cancelling_ends_a_download(registry):
    """Who sets the cancel event does not wait for the rest of the body."""
    cancel = threading.Event()
    url = files(registry, b"x" * 10_000_000)
    with Transport(environ={}, cancel=cancel) as transport, pytest.raises(InterruptedByUserError):
        HttpFetcher(transport).fetch(url, lambda _chunk: cancel.set())


def test_cancelling_ends_a_wait(registry):
    """Neither does it wait for a Retry-After."""
    cancel = threading.Event()
    registry.fault("GET", status(429, {"Retry-After": "60"}))
    threading.Timer(0.1, cancel.set).start()
    began = time.monotonic()
    with Transport(environ={}, cancel=cancel) as transport, pytest.raises(InterruptedByUserError):
        transport.ask(get(registry), 100)
    assert time.monotonic() - began < 5


# where servers send us


def test_r11_a_redirect_to_another_port_carries_no_credentials(registry, transport):
    """The same host on another port is somebody else."""
    with Simulator() as other:
        registry.fault("GET", redirect(f"{other.url}/v2/"))
        secret = Secret("Bearer very-secret-token")
        request = get(registry, authorization=secret, headers={"Accept": "text/plain"})
        assert transport.ask(request, 100).status == 200
        assert registry.requests[0].headers["authorization"] == "Bearer very-secret-token"
        assert {"authorization", "cookie"}.isdisjoint(other.requests[0].headers)
        assert other.requests[0].headers["accept"] == "text/plain"


def test_r11_a_redirect_to_the_same_origin_keeps_credentials(registry, transport):
    """Within one origin they belong to it."""
    registry.fault("GET", redirect("/v2/?again"))
    transport.ask(get(registry, authorization=Secret("Bearer very-secret-token")), 100)
    assert registry.requests[1].headers["authorization"] == "Bearer very-secret-token"


def test_r11_cookies_are_never_sent(registry, transport):
    """There is no jar that could leak."""
    registry.fault("GET", status(307, {"Set-Cookie": "a=b", "Location": "/v2/"}))
    transport.ask(get(registry), 100)
    assert all("cookie" not in seen.headers for seen in registry.requests)


HOSTILE = [
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:2375/containers/json",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://anything.localhost/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://0177.0.0.1/",
    "http://2852039166/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://224.0.0.1/",
    "http://metadata.google.internal/",
    "http://metadata/",
    "http://1.2.3.4:0/",
    "http://1.2.3.4:99999/",
    "http://exa mple.com/",
    "http://good.example\\@127.0.0.1/",
    "http://exámple.com/",
    "http:///path",
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://example.com/",
    "data:text/plain,x",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_r12_a_public_registry_cannot_send_us_inside(url):
    """No spelling of an inner address passes, whatever scheme the registry itself has."""
    with pytest.raises(RefusedTargetError, match="sent us"):
        check_target(url, sent_by=Origin.of("http://registry.example"), trusted=(), plain=())


@pytest.mark.parametrize(
    "url", ["https://cdn.example/x?sig=1", "http://93.184.216.34/", "https://[2606:4700::1]/"]
)
def test_r12_public_targets_are_fine_and_guarded(url):
    """Other public hosts are where blobs are kept; their addresses are checked when they are resolved."""
    assert check_target(url, sent_by=Origin.of("http://registry.example"), trusted=(), plain=())


def test_r12_own_host_and_configured_hosts_are_fine():
    """A registry on an inner address may send us to itself, and to hosts that the user named."""
    inner = Origin.of("https://10.0.0.5:5000")
    assert not check_target("https://10.0.0.5:9000/x", sent_by=inner, trusted=(), plain=())
    assert not check_target("https://10.0.0.6/x", sent_by=inner, trusted={"10.0.0.6"}, plain=())
    with pytest.raises(RefusedTargetError):
        check_target("https://10.0.0.6/x", sent_by=inner, trusted=(), plain=())


def test_r12_a_name_that_resolves_to_an_inner_address_is_refused(registry, transport, monkeypatch):
    """The check is repeated on the very address that would be connected to."""
    resolve = socket.getaddrinfo

    def rebound(host, port, **rest):
        return resolve("127.0.0.1" if host == "innocent.example" else host, port, **rest)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    registry.fault("GET", redirect(f"http://innocent.example:{registry.port}/v2/"))
    with pytest.raises(RefusedTargetError, match=r"127\.0\.0\.1"):
        transport.ask(get(registry), 100)
    assert len(registry.requests) == 1


def test_r12_literal_addresses_are_read_as_the_c_library_does():
    """Whatever ``inet_aton`` takes for an address is one here too."""
    for text in ("127.1", "0x7f.1", "2130706433", "0177.1", "1.2.3.4", "0"):
        assert socket.inet_ntoa(socket.inet_aton(text)) == str(literal_address(text))
    assert literal_address("example.com") is None
    assert literal_address("1.2.3.4.5") is None
    assert literal_address("999.1.1.1") is None


def test_r12_public_addresses():
    """Documentation, private, shared and reserved ranges are not public."""
    assert is_public(ip_address("8.8.8.8"))
    assert not is_public(ip_address("192.0.2.1"))
    assert not is_public(ip_address("::ffff:10.0.0.1"))


def test_r13_https_is_not_left_by_a_redirect(tmp_path, clock):
    """From https to http: refused, unless the user made that very host insecure."""
    authority = Authority(tmp_path)
    with Simulator() as plain, Simulator(tls=authority.issue("127.0.0.1").pair) as registry:
        registry.fault("GET", redirect(f"{plain.url}/v2/"), redirect(f"{plain.url}/v2/"))
        with Transport({registry.host: HostPolicy(ca=authority.ca)}, environ={}, clock=clock) as transport:
            with pytest.raises(RefusedTargetError, match="https to plain http"):
                transport.ask(get(registry), 100)
            assert plain.requests == []
        with Transport({registry.host: HostPolicy(insecure=True)}, environ={}, clock=clock) as transport:
            assert transport.ask(get(registry), 100).status == 200


# certificates


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize(
    ("names", "days", "known", "word"),
    [
        (("127.0.0.1",), -1, True, "expired"),
        (("elsewhere.example",), 2, True, "match"),
        (("127.0.0.1",), 2, False, "issuer"),
    ],
    ids=["expired", "wrong name", "unknown CA"],
)
def test_r14_bad_certificates_are_refused_without_retry(authority, clock, names, days, known, word):
    """The error names what is wrong with the certificate, at the first attempt."""
    with Simulator(tls=authority.issue(*names, days=days).pair) as registry:
        hosts = {registry.host: HostPolicy(ca=authority.ca if known else None)}
        with Transport(hosts, environ={}, clock=clock) as transport, pytest.raises(NoAnswerError) as caught:
            transport.ask(get(registry), 100)
    assert caught.value.cause == "certificate"
    assert word in str(caught.value)
    assert clock.slept == []


def test_r14_insecure_is_for_one_host_and_is_printed(authority, clock):
    """The exception for one server is no exception for its neighbour; the user reads of each, once."""
    told: list[Event] = []
    certificate = authority.issue("elsewhere.example").pair
    with (
        Simulator(tls=certificate) as lax,
        Simulator(tls=certificate) as other,
        Simulator(tls=certificate) as strict,
    ):
        hosts = {lax.host: HostPolicy(insecure=True), other.host: HostPolicy(insecure=True)}
        with Transport(hosts, environ={}, clock=clock, listener=told.append) as transport:
            for registry in (lax, lax, other):
                assert transport.ask(get(registry), 100).status == 200
            with pytest.raises(NoAnswerError):
                transport.ask(get(strict), 100)
    assert [(lax.host, "note"), (other.host, "note")] == [(event.subject, event.status) for event in told]
    assert "not checked" in told[0].text


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_r14_the_hosts_ca_variables_are_honoured(authority, clock, variable):
    """A CA that the host believes is believed here."""
    with Simulator(tls=authority.issue("127.0.0.1").pair) as registry:
        environ = {variable: str(authority.ca)}
        with Transport(environ=environ, clock=clock) as transport:
            assert transport.ask(get(registry), 100).status == 200


def test_r14_a_ca_file_that_is_not_there_is_named(registry, clock):
    """A wrong path in a variable is a mistake to tell, not to pass over."""
    transport = Transport(environ={"SSL_CERT_FILE": "/no/such/file"}, clock=clock)
    with transport, pytest.raises(UsageError, match="SSL_CERT_FILE"):
        transport.ask(Request("GET", registry.url.replace("http:", "https:")), 100)


# proxies and odd addresses


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "https://a.example", ""),
        ({"HTTPS_PROXY": "http://p:1"}, "https://a.example", "http://p:1/"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://a.example", ""),
        ({"http_proxy": "p:1"}, "http://a.example", "http://p:1/"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "https://a.example", "http://low:1/"),
        ({"ALL_PROXY": "http://p:1"}, "https://a.example", "http://p:1/"),
        ({"HTTPS_PROXY": "http://[::1]:3128"}, "https://a.example", "http://[::1]:3128/"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "a.example"}, "https://a.example", ""),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "a.example"}, "https://x.a.example", ""),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "a.example"}, "https://ba.example", "http://p:1/"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": ".a.example"}, "https://x.a.example", ""),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": ".a.example"}, "https://a.example", "http://p:1/"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "*.a.example"}, "https://x.a.example", ""),
        ({"HTTPS_PROXY": "p:1", "no_proxy": "x, A.EXAMPLE ,y"}, "https://a.example", ""),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "*"}, "https://a.example", ""),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "a.example:5000"}, "https://a.example:5000", ""),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "a.example:5000"}, "https://a.example", "http://p:1/"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3", ""),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8"}, "https://11.1.2.3", "http://p:1/"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "fd00::/8"}, "https://[fd00::1]", ""),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "[fd00::1]:5000"}, "https://[fd00::1]:5000", ""),
        ({"HTTPS_PROXY": "p:1"}, "https://localhost:5000", ""),
        ({"HTTPS_PROXY": "p:1"}, "https://127.0.0.9", ""),
        ({"HTTPS_PROXY": "p:1"}, "https://[::1]", ""),
    ],
)
def test_r26_which_proxy_leads_where(environ, url, expected):
    """The variables mean what they mean to Docker."""
    proxy = Proxies.from_environment(environ).for_origin(Origin.of(url))
    assert expected == (proxy.url if proxy else "")


@pytest.mark.parametrize(
    "text", ["socks5://p:1", "http://p:0", "http://", "ftp://p", "http://us er:hunter22@p:1"]
)
def test_r26_unusable_proxies_are_told(text):
    """The variable is named; a password in it is not."""
    with pytest.raises(UsageError, match="HTTPS_PROXY") as caught:
        Proxies.from_environment({"HTTPS_PROXY": text})
    assert "hunter22" not in str(caught.value)


def test_r26_requests_go_through_the_proxy(registry, clock):
    """Plain URLs are forwarded, and names are left to the proxy to resolve."""
    with ForwardProxy(user="me:proxy-password") as proxy:
        environ = {"HTTP_PROXY": proxy.url.replace("//", "//me:proxy-password@")}
        with Transport(environ=environ, clock=clock) as transport:
            url = f"http://registry.example:{registry.port}/v2/"
            assert transport.ask(Request("GET", url), 100).status == 200
    assert [f"GET {url}"] == proxy.requests


def test_r26_tls_goes_through_a_tunnel(authority, clock):
    """The certificate is that of the server, not of the proxy."""
    with Simulator(tls=authority.issue("registry.example").pair) as registry, ForwardProxy() as proxy:
        environ = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": str(authority.ca)}
        with Transport(environ=environ, clock=clock) as transport:
            url = f"https://registry.example:{registry.port}/v2/"
            assert transport.ask(Request("GET", url), 100).status == 200
    assert [f"CONNECT registry.example:{registry.port}"] == proxy.requests


@pytest.mark.parametrize("refusal", ["403 Forbidden", "407 Proxy Authentication Required"])
def test_r26_a_proxy_that_refuses_is_named(clock, refusal):
    """That is not the registry's answer: the server counts as unreachable, without another attempt."""
    with ForwardProxy(refuse=refusal) as proxy:
        environ = {"HTTPS_PROXY": proxy.url.replace("//", "//me:proxy-password@")}
        with Transport(environ=environ, clock=clock) as transport, pytest.raises(NoAnswerError) as caught:
            transport.ask(Request("GET", "https://registry.example/v2/"), 100)
    assert caught.value.cause == "proxy"
    assert refusal in str(caught.value)
    assert "proxy-password" not in str(caught.value)
    assert len(proxy.requests) == 1


def test_r26_a_dead_proxy_is_named(clock):
    """The error blames the proxy, not the registry behind it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        dead = f"127.0.0.1:{probe.getsockname()[1]}"
    with (
        Transport(environ={"HTTPS_PROXY": dead}, clock=clock) as transport,
        pytest.raises(NoAnswerError) as caught,
    ):
        transport.ask(Request("GET", "https://registry.example/v2/"), 100)
    assert f"the proxy http://{dead}/" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://User@Example.COM:443/a?b=c#d", "https://example.com/a?b=c"),
        ("http://[::1]:5000", "http://[::1]:5000/"),
        ("http://example.com:8080?x=1", "http://example.com:8080/?x=1"),
    ],
)
def test_r26_urls_are_rebuilt_before_use(url, expected):
    """What is connected to is what was checked."""
    assert expected == normalised(url)


@pytest.mark.parametrize(
    "url", ["http://a:0/", "http://a:65536/", "http://[zz]/", "http://a b/", "//a/", "http://\n/"]
)
def test_r26_impossible_urls_are_usage_errors(url):
    """Port 0, broken IPv6 and blanks are told before anything is opened."""
    with pytest.raises(UsageError, match="not a usable URL"):
        Origin.of(url)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_r26_ipv6_hosts_work(clock):
    """An address in brackets is connected to like any other."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with Transport(environ={}, clock=clock) as transport:
            assert transport.ask(Request("GET", f"http://[::1]:{port}/"), 10).body == b"ok"
        thread.join(5)


# C-3, C-6: what is never printed


def test_c3_a_secret_does_not_print():
    """Neither repr, str, format, an error's text nor a pickle shows it."""
    secret = Secret("open-sesame-1234")
    assert (repr(secret), str(secret), f"{secret}", str([secret])) == ("***", "***", "***", "[***]")
    assert secret.reveal() == "open-sesame-1234"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert Secret("a") != Secret("b")
    assert Secret("a") == Secret("a")


def test_c3_values_are_masked_wherever_they_surface():
    """As they are, percent-encoded, and inside an Authorization header."""
    password = Secret("p@ss/word+1234")
    header = Secret.basic("me", password).reveal()
    text = redact(f"tried p@ss/word+1234 and p%40ss%2Fword%2B1234 with {header} and {header[6:]}")
    assert text == "tried *** and *** with *** and ***"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:pw@host/x", "https://***@host/x"),
        ("https://token@host/x", "https://***@host/x"),
        ("https://a:b@c@host/x", "https://***@host/x"),
        (
            "GET https://host/x?X-Amz-Signature=abc&scope=s done",
            "GET https://host/x?X-Amz-Signature=***&scope=s done",
        ),
        (
            "https://host/v2/?service=r&scope=repository:a:pull",
            "https://host/v2/?service=r&scope=repository:a:pull",
        ),
        ("https://host/?access_token=1#frag", "https://host/?access_token=***#frag"),
        ("no URL, only a@b and c?d", "no URL, only a@b and c?d"),
    ],
)
def test_c6_urls_are_redacted_by_allow_list(text, expected):
    """User information and every parameter that is not known to be harmless are masked."""
    assert expected == redact(text)


def test_c3_no_failing_request_prints_the_secret(registry, clock, caplog):
    """Every way to fail, with debugging on: the token is in no message, cause or log line."""
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t-" + hashlib.sha256(str(time.time()).encode()).hexdigest()[:16]
    url = f"{registry.url}/v2/?token={secret}"
    faults = [
        status(500),
        reset(),
        silence(1),
        redirect("http://10.0.0.1/?x=" + secret),
        changed(lambda _: b"x" * 99),
    ]
    texts = []
    for fault in faults:
        registry.fault("GET", fault, forever=False)
        with Transport(environ={}, limits=replace(QUICK, tries=1), clock=clock) as transport:
            try:
                texts.append(repr(transport.ask(Request("GET", url, authorization=Secret(secret)), 50)))
            except HivebaseError as error:
                chain = [error, error.__cause__, error.__context__]
                texts += [str(e) + repr(e.args) for e in chain if e is not None]
    assert len(texts) >= len(faults)
    assert secret not in "\n".join([*texts, caplog.text])


# Downloads


def test_fetch_streams_and_describes(registry, transport):
    """The bytes arrive in order, and the result says what they were."""
    data = bytes(range(256)) * 5000
    url = files(registry, data)
    registry.fault(
        "GET", changed(lambda b: b, Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT", Content_Type="A/B;q=1")
    )
    parts: list[bytes] = []
    fetched = HttpFetcher(transport).fetch(f"{url}?sig=secret", parts.append)
    assert data == b"".join(parts)
    assert (Digest.of(data), len(data)) == (fetched.digest, fetched.size)
    assert (fetched.last_modified, fetched.media_type) == (1445412480, "a/b")
    assert f"{url}?sig=***" == fetched.url


def test_fetch_continues_with_range_after_a_cut(registry, transport):
    """After each cut only the rest is asked for."""
    data = bytes(range(256)) * 500
    url = files(registry, data)
    registry.fault("GET", cut(40000), cut(1), cut(0))
    parts: list[bytes] = []
    fetched = HttpFetcher(transport).fetch(url, parts.append)
    assert data == b"".join(parts)
    assert Digest.of(data) == fetched.digest
    ranges = [seen.headers.get("range", "") for seen in registry.requests]
    assert ranges == ["", "bytes=40000-", "bytes=40001-", "bytes=40001-"]
    assert all("if-range" in seen.headers for seen in registry.requests[1:])


@pytest.mark.parametrize("known", [True, False], ids=["digest known", "etag known"])
def test_fetch_from_a_server_without_ranges(registry, transport, known):
    """The beginning that comes again is dropped."""
    data = bytes(range(256)) * 500
    registry.ranges = False
    url = files(registry, data)
    registry.fault("GET", cut(40000))
    parts: list[bytes] = []
    HttpFetcher(transport).fetch(url, parts.append, digest=Digest.of(data) if known else None)
    assert data == b"".join(parts)


def test_fetch_does_not_join_two_contents(registry, transport):
    """Without a digest and without the server's word that nothing changed, half a file is not continued."""
    url = files(registry, b"x" * 10000)
    registry.fault("GET", cut(4000), status(200, {"ETag": '"other"'}, b"y" * 10000))
    with pytest.raises(SystemFaultError, match="cannot be continued"):
        HttpFetcher(transport).fetch(url, lambda _: None)


@pytest.mark.parametrize(
    ("code", "headers"),
    [(416, {}), (206, {"Content-Range": "bytes 5-9/10"}), (206, {})],
    ids=["416", "other", "none"],
)
def test_fetch_without_range_where_the_server_gets_it_wrong(registry, transport, code, headers):
    """A wrong part is not taken; the whole is asked for again."""
    data = b"0123456789" * 1000
    url = files(registry, data)
    registry.fault("GET", cut(4000), status(code, headers, b"wrong"))
    parts: list[bytes] = []
    HttpFetcher(transport).fetch(url, parts.append, digest=Digest.of(data))
    assert data == b"".join(parts)


def test_r8_fetch_checks_digest_and_size(registry, transport):
    """Other bytes are an error that names both digests."""
    url = files(registry, b"these bytes")
    with pytest.raises(CorruptContentError) as caught:
        HttpFetcher(transport).fetch(url, lambda _: None, digest=Digest.of(b"those bytes"))
    assert str(Digest.of(b"these bytes")) in str(caught.value)
    assert str(Digest.of(b"those bytes")) in str(caught.value)
    parts: list[bytes] = []
    registry.fault("GET", endless())
    with pytest.raises(CorruptContentError, match="goes on after 11 bytes"):
        HttpFetcher(transport).fetch(url, parts.append, size=11)
    assert len(b"".join(parts)) <= 11
    with pytest.raises(CorruptContentError, match="12 bytes"):
        HttpFetcher(transport).fetch(url, lambda _: None, size=12)


def test_fetch_tells_what_is_not_there(registry, transport):
    """404 is a thing of its own; other refusals are told with their number."""
    with pytest.raises(NotFoundError):
        HttpFetcher(transport).fetch(f"{registry.url}/nothing", lambda _: None)
    registry.fault("GET", status(403))
    with pytest.raises(SystemFaultError, match="403"):
        HttpFetcher(transport).fetch(f"{registry.url}/v2/", lambda _: None)


def test_fetch_user_information_stays_with_its_origin(registry, transport):
    """A password in a URL becomes a header for that origin, and follows no redirect."""
    with Simulator() as other:
        files(other, b"data")
        url = files(registry, b"").replace("//", "//me:url-password@")
        registry.fault("GET", redirect(f"{other.url}/file"))
        fetched = HttpFetcher(transport).fetch(url, lambda _: None)
        assert registry.requests[0].headers["authorization"].startswith("Basic ")
        assert "authorization" not in other.requests[0].headers
    assert "url-password" not in repr(fetched)


def test_importing_loads_no_http_client():
    """A command that needs no network starts without urllib3 and ssl."""
    code = "import sys, hivebase.registry; print({'urllib3', 'ssl', 'json'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
