"""Attempts, waiting, and how soon an unreachable server is known as such."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from typing import Any

import pytest
from tests.registry_simulator import Simulator, cut, honest, reset, status
from tests.servers import Authority

from hivebase.errors import UnreachableError
from hivebase.transport import LIMITS, HostPolicy, Origin, Request, Transport
from hivebase.transport.errors import NoAnswerError
from hivebase.transport.waiting import retry_after
from hivebase.values import replace

QUICK = replace(LIMITS, idle=0.3, first_contact=0.3, connect=0.5)


def test_r1_retry_after_in_seconds_is_waited_for(registry, transport, clock):
    """The server's own number decides, with a little jitter on top."""
    registry.fault("GET", status(429, {"Retry-After": "7"}))
    assert transport.ask(registry.get(), 100).status == 200
    assert 7.0 <= clock.slept[0] <= 7.7


def test_r1_retry_after_as_a_date_is_waited_for(registry, transport, clock):
    """An HTTP date is turned into seconds from now."""
    registry.fault("GET", status(503, {"Retry-After": formatdate(clock.time() + 20, usegmt=True)}))
    assert transport.ask(registry.get(), 100).status == 200
    assert 18.0 <= clock.slept[0] <= 22.0


def test_r1_retry_after_is_capped(registry, transport, clock):
    """A server cannot make us sleep for a day."""
    registry.fault("GET", status(429, {"Retry-After": "86400"}))
    transport.ask(registry.get(), 100)
    assert clock.slept[0] <= LIMITS.longest_wait * 1.1


def test_r1_without_a_header_the_wait_grows_and_ends(registry, transport, clock):
    """Waits double, with jitter, and after the last attempt the answer is handed over."""
    registry.fault("GET", status(429), forever=True)
    assert transport.ask(registry.get(), 100).status == 429
    assert LIMITS.tries == len(registry.requests)
    assert LIMITS.tries - 1 == len(clock.slept)
    for number, seconds in enumerate(clock.slept):
        assert LIMITS.backoff * 2**number * 0.5 <= seconds <= LIMITS.backoff * 2**number


def test_r1_one_pause_holds_for_all_workers(registry, transport, clock):
    """A request that begins while the server wants peace waits as well, instead of adding to the storm."""
    registry.fault("GET /v2/", status(429, {"Retry-After": "30"}))
    transport.ask(registry.get(), 100)
    transport._pauses.hold(Origin.of(registry.url), 1, 30.0)
    before = clock.now
    transport.ask(registry.get(), 100)
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
    assert transport.ask(registry.get(), 100).status == 200
    assert len(registry.requests) == 3


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 501])
def test_r2_refusals_are_not_tried_again(registry, transport, code):
    """Asking again would not change them."""
    registry.fault("GET", status(code))
    assert code == transport.ask(registry.get(), 100).status
    assert len(registry.requests) == 1


@pytest.mark.parametrize("fault", [reset(), cut(1)], ids=["reset", "half a body"])
def test_r2_broken_connections_are_tried_again(registry, transport, fault):
    """A reset and half an answer are nobody's word."""
    registry.fault("GET", honest(), fault, fault)
    assert transport.ask(registry.get(), 100).status == 200
    assert transport.ask(registry.get(), 100).body == b"{}"
    assert len(registry.requests) == 4


def test_r2_the_last_broken_connection_is_told(registry, transport):
    """When all attempts break off, the error says so in plain words."""
    registry.fault("GET", honest(), reset(), forever=True)
    transport.ask(registry.get(), 100)
    with pytest.raises(NoAnswerError) as caught:
        transport.ask(registry.get(), 100)
    assert caught.value.cause == "cut"
    assert 1 + LIMITS.tries == len(registry.requests)


def test_r2_tls_abort_is_tried_again(tmp_path, clock, monkeypatch):
    """A handshake that is cut off is like any other broken connection, once the server has been seen."""
    authority = Authority(tmp_path)
    with Simulator(tls=authority.issue("127.0.0.1").pair) as registry:
        hosts = {registry.host: HostPolicy(ca=authority.ca)}
        with Transport(hosts, environ={}, clock=clock) as transport:
            transport.ask(registry.get(), 100)
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
            assert transport.ask(registry.get(), 100).status == 200
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
    assert time.monotonic() - began < 4.5


def test_importing_loads_no_http_client():
    """A command that needs no network starts without urllib3 and ssl."""
    code = "import sys, hivebase.registry; print({'urllib3', 'ssl', 'json'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
