"""Where a server may send us, and what goes along."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from tests.registry_simulator import Simulator, redirect, status
from tests.servers import Authority

from hivebase.transport import HostPolicy, Origin, RefusedTargetError, Secret, Transport
from hivebase.transport.targets import check_target, is_public, literal_address


def test_r11_a_redirect_to_another_port_carries_no_credentials(registry, transport):
    """The same host on another port is somebody else."""
    with Simulator() as other:
        registry.fault("GET", redirect(f"{other.url}/v2/"))
        secret = Secret("Bearer very-secret-token")
        request = registry.get(authorization=secret, headers={"Accept": "text/plain"})
        assert transport.ask(request, 100).status == 200
        assert registry.requests[0].headers["authorization"] == "Bearer very-secret-token"
        assert {"authorization", "cookie"}.isdisjoint(other.requests[0].headers)
        assert other.requests[0].headers["accept"] == "text/plain"


def test_r11_a_redirect_to_the_same_origin_keeps_credentials(registry, transport):
    """Within one origin they belong to it."""
    registry.fault("GET", redirect("/v2/?again"))
    transport.ask(registry.get(authorization=Secret("Bearer very-secret-token")), 100)
    assert registry.requests[1].headers["authorization"] == "Bearer very-secret-token"


def test_r11_cookies_are_never_sent(registry, transport):
    """There is no jar that could leak."""
    registry.fault("GET", status(307, {"Set-Cookie": "a=b", "Location": "/v2/"}))
    transport.ask(registry.get(), 100)
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
    "http://[::1/",
    "http://[nonsense]/",
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://example.com/",
    "data:text/plain,x",
]


@pytest.mark.parametrize(
    "url", ["http://[::1/", "http://[nonsense]/", "//[", "http://a:b/", "http://\u2100/"]
)
def test_r12_a_redirect_to_what_is_no_address_is_refused(registry, transport, url):
    """Also where the library that joins addresses would rather fail."""
    registry.fault("GET", redirect(url.encode().decode("latin-1")))
    with pytest.raises(RefusedTargetError):
        transport.ask(registry.get(), 100)


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
        transport.ask(registry.get(), 100)
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
                transport.ask(registry.get(), 100)
            assert plain.requests == []
        with Transport({registry.host: HostPolicy(insecure=True)}, environ={}, clock=clock) as transport:
            assert transport.ask(registry.get(), 100).status == 200
