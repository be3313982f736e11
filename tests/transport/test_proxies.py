"""Which proxy leads where, and odd addresses."""

from __future__ import annotations

import socket
import threading

import pytest
from tests.proxy_simulator import ForwardProxy
from tests.registry_simulator import Simulator

from hivebase.errors import UsageError
from hivebase.transport import Origin, Request, Transport
from hivebase.transport.errors import NoAnswerError
from hivebase.transport.proxies import Proxies
from hivebase.transport.targets import normalised


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
