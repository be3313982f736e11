"""What is never printed."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.registry_simulator import changed, redirect, reset, silence, status

from hivebase.errors import HivebaseError
from hivebase.transport import LIMITS, Answer, Request, Secret, Transport, redact
from hivebase.transport.secrets import _SHOWN_PARAMETERS
from hivebase.values import replace

QUICK = replace(LIMITS, idle=0.3, first_contact=0.3, connect=0.5)


def test_c3_a_secret_does_not_print():
    """Neither repr, str, format, an error's text nor a pickle shows it."""
    secret = Secret("open-sesame-1234")
    assert (repr(secret), str(secret), f"{secret}", str([secret])) == ("***", "***", "***", "[***]")
    assert secret.reveal() == "open-sesame-1234"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert Secret("a") != Secret("b")
    assert Secret("a") == Secret("a")


@given(st.text("abcdefghijklmnopqrstuvwxyzX-_.%25", min_size=1, max_size=12))
def test_c6_any_other_parameter_is_masked(name):
    """The list says what is shown, not what is hidden: parameters of tomorrow are hidden as well."""
    shown = f"https://host/x?{name}=value-1234&n=5"
    kept = "value-1234" in redact(shown)
    assert kept == (name.lower() in _SHOWN_PARAMETERS)


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
        ("https://host/?SCOPE=s&Service=r&X=1", "https://host/?SCOPE=s&Service=r&X=***"),
        ("https://host/?a?sig=1&scope=x?y", "https://host/?a?sig=***&scope=x?y"),
        ("https://host/?next=https://me:pw@other/?sig=1", "https://host/?next=***"),
        ('{"url":"https://h/x?sig=1&se=2","n":1}', '{"url":"https://h/x?sig=***&se=***","n":1}'),
        ("1https://me:pw@host", "1https://***@host"),
        ("docker+https://me:pw@host and ftp://a@b", "docker+https://***@host and ftp://***@b"),
        ("https://host/x?sig=1\nhttps://me@host", "https://host/x?sig=***\nhttps://***@host"),
        ("https://host/x?sig= y", "https://host/x?sig=*** y"),
        ("no URL, only a@b and c?d", "no URL, only a@b and c?d"),
    ],
)
def test_c6_urls_are_redacted_by_allow_list(text, expected):
    """User information and every parameter that is not known to be harmless are masked."""
    assert expected == redact(text)


@pytest.mark.parametrize("value", ["back\\slash'quote\"both", "p\u00e4ssw\u00f6rd", "two\nlines"])
def test_c3_values_are_masked_however_they_are_written(value):
    """In a message, a URL, JSON, and the representations of texts and bytes."""
    Secret(value)
    for text in (value, quote(value, safe=""), json.dumps({value: ""}, ensure_ascii=False), repr([value])):
        assert "***" in redact(text)
        assert not [part for part in (value[:4], value[-4:]) if part in redact(text)]
    assert redact(f"{value.encode()!r}"[2:-1]) == "***"


@pytest.mark.parametrize("piece", ["a", "?", "?a", "&", "x://a", "x://@", "a.b+", "http://"])
def test_c6_a_long_text_takes_no_long_time(piece):
    """A server's error has up to 64 KiB, and what it consists of is the server's choice.

    Milliseconds where it is looked through once, half a minute where time grows with the square. CPU time: other
    programs do not count.
    """
    began = time.process_time()
    redact(piece * (65536 // len(piece)))
    assert time.process_time() - began < 1


def test_c3_requests_and_answers_do_not_show_what_they_carry():
    """Bodies and headers may be credentials, and so may the query of an address."""
    request = Request(
        "POST",
        "https://me:pw@host/token?sig=abcdef&scope=s",
        {"X": "in-a-header"},
        Secret("in-the-header"),
        b"in-the-body",
    )
    assert repr(request) == "Request(POST https://***@host/token?sig=***&scope=s)"
    answer = Answer(
        200, {"location": "https://host/?sig=abcdef"}, b'{"token": "abcdef"}', "https://host/token"
    )
    assert repr(answer) == "Answer(200 of https://host/token, 19 bytes)"


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
