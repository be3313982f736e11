"""Sizes, times and redirects are bounded whatever a server does."""

from __future__ import annotations

import threading
import time

import pytest
from tests.registry_simulator import Reply, changed, drip, endless, redirect, silence, status

from hivebase.errors import InterruptedByUserError, SystemFaultError
from hivebase.transport import LIMITS, HttpFetcher, Transport
from hivebase.transport.errors import NoAnswerError
from hivebase.values import replace

QUICK = replace(LIMITS, idle=0.3, first_contact=0.3, connect=0.5)


def test_r9_an_answer_that_is_too_long_is_refused(registry, transport):
    """The limit holds whether or not the length is announced."""
    registry.fault("GET", changed(lambda _: b"x" * 101), endless())
    for _ in range(2):
        with pytest.raises(SystemFaultError, match="longer than 100 bytes"):
            transport.ask(registry.get(), 100)


def test_r9_of_an_error_only_the_beginning_is_read(registry, transport):
    """An error body of any length costs 64 KiB."""
    registry.fault("GET", lambda handler, reply: endless()(handler, Reply(404, reply.headers)))
    answer = transport.ask(registry.get(), 100)
    assert (404, LIMITS.error_body) == (answer.status, len(answer.body))


def test_r9_redirects_end(registry, transport):
    """A circle of redirects is left after a few rounds."""
    registry.fault("GET", redirect("/v2/"), forever=True)
    with pytest.raises(SystemFaultError, match="redirects without end"):
        transport.ask(registry.get(), 100)
    assert LIMITS.redirects + 1 == len(registry.requests)


def test_r10_silence_ends_in_a_time_out(registry, clock):
    """A server that takes the request and says nothing is given up."""
    registry.fault("GET", silence(5))
    with (
        Transport(environ={}, limits=QUICK, clock=clock) as transport,
        pytest.raises(NoAnswerError) as caught,
    ):
        transport.ask(registry.get(), 100)
    assert caught.value.cause == "timeout"


def test_r10_headers_that_drip_end_in_a_time_out(registry, clock):
    """The head of an answer has one time-out, not one for each byte."""

    def dripping(handler, _reply):
        for _ in range(2000):
            handler.wfile.write(b"H")
            time.sleep(0.01)

    registry.fault("GET", dripping)
    began = time.monotonic()
    with (
        Transport(environ={}, limits=QUICK, clock=clock) as transport,
        pytest.raises(NoAnswerError) as caught,
    ):
        transport.ask(registry.get(), 100)
    assert caught.value.cause == "timeout"
    assert time.monotonic() - began < 15


def test_r10_a_body_that_drips_ends_in_a_time_out(registry):
    """Each byte comes within the idle time, all of them would take for ever: the total decides."""
    registry.fault("GET", changed(lambda _: b"x" * 1000), forever=False)
    registry.fault(
        "GET", lambda handler, reply: drip(0.005)(handler, Reply(200, {}, b"x" * 100000)), forever=True
    )
    with Transport(environ={}, limits=replace(QUICK, answer=0.3, tries=1)) as transport:
        transport.ask(registry.get(), 10000)
        with pytest.raises(NoAnswerError, match="did not send its answer within") as caught:
            transport.ask(registry.get(), 1000000)
    assert caught.value.cause == "timeout"


def framed(pieces: bytes, pause: float):
    """Send a body in chunks whose framing goes on for ever with ``pieces``."""

    def act(handler, _reply):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0")
        while True:
            handler.wfile.write(pieces)
            time.sleep(pause)

    return act


@pytest.mark.parametrize(
    ("pieces", "pause"), [(b"\r\nX: y" * 100, 0.0), (b"0", 0.01)], ids=["trailers", "size of a chunk"]
)
def test_r10_framing_that_never_ends_ends_in_a_time_out(registry, pieces, pause):
    """What is read whole before there is a piece of the body has the time of the body, too."""
    registry.fault("GET", framed(pieces, pause), forever=True)
    limits = replace(QUICK, answer=0.4, tries=1)
    with Transport(environ={}, limits=limits) as transport, pytest.raises(NoAnswerError) as caught:
        transport.ask(registry.get(), 1000)
    assert caught.value.cause == "timeout"


def test_r10_a_body_until_the_end_of_the_connection_is_not_taken_for_whole(registry):
    """Without a length the end of the connection is the end of the body; our own end of it is not."""

    def act(handler, _reply):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}")
        time.sleep(5)

    registry.fault("GET", act, forever=True)
    limits = replace(QUICK, answer=0.3, idle=2.0, tries=1)
    with Transport(environ={}, limits=limits) as transport, pytest.raises(NoAnswerError) as caught:
        transport.ask(registry.get(), 1000)
    assert caught.value.cause == "timeout"


def test_cancelling_ends_a_download(registry):
    """Who sets the cancel event does not wait for the rest of the body."""
    cancel = threading.Event()
    url = registry.serve(b"x" * 10_000_000)
    with Transport(environ={}, cancel=cancel) as transport, pytest.raises(InterruptedByUserError):
        HttpFetcher(transport).fetch(url, lambda _chunk: cancel.set())


def test_cancelling_ends_a_wait(registry):
    """Neither does it wait for a Retry-After."""
    cancel = threading.Event()
    registry.fault("GET", status(429, {"Retry-After": "60"}))
    threading.Timer(0.1, cancel.set).start()
    began = time.monotonic()
    with Transport(environ={}, cancel=cancel) as transport, pytest.raises(InterruptedByUserError):
        transport.ask(registry.get(), 100)
    assert time.monotonic() - began < 30
