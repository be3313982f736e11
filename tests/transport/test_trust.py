"""Which certificates are believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.registry_simulator import Simulator

from hivebase.errors import UsageError
from hivebase.transport import HostPolicy, Request, Transport
from hivebase.transport.errors import NoAnswerError

if TYPE_CHECKING:
    from hivebase.progress import Event


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
            transport.ask(registry.get(), 100)
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
                assert transport.ask(registry.get(), 100).status == 200
            with pytest.raises(NoAnswerError):
                transport.ask(strict.get(), 100)
    assert [(lax.host, "note"), (other.host, "note")] == [(event.subject, event.status) for event in told]
    assert "not checked" in told[0].text


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_r14_the_hosts_ca_variables_are_honoured(authority, clock, variable):
    """A CA that the host believes is believed here."""
    with Simulator(tls=authority.issue("127.0.0.1").pair) as registry:
        environ = {variable: str(authority.ca)}
        with Transport(environ=environ, clock=clock) as transport:
            assert transport.ask(registry.get(), 100).status == 200


def test_r14_a_ca_file_that_is_not_there_is_named(registry, clock):
    """A wrong path in a variable is a mistake to tell, not to pass over."""
    transport = Transport(environ={"SSL_CERT_FILE": "/no/such/file"}, clock=clock)
    with transport, pytest.raises(UsageError, match="SSL_CERT_FILE"):
        transport.ask(Request("GET", registry.url.replace("http:", "https:")), 100)
