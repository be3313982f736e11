"""``WWW-Authenticate``."""

from __future__ import annotations

import pytest

from hivebase.registry.challenge import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ("Basic", (Challenge("basic"),)),
        ('Basic realm="a b"', (Challenge("basic", {"realm": "a b"}),)),
        ("Basic realm=plain", (Challenge("basic", {"realm": "plain"}),)),
        (
            'Bearer realm="https://auth.example/token",service="r",scope="repository:a/b:pull,push"',
            (
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.example/token",
                        "service": "r",
                        "scope": "repository:a/b:pull,push",
                    },
                ),
            ),
        ),
        (
            'Basic realm="x", Bearer realm = "y" , error="invalid_token"',
            (
                Challenge("basic", {"realm": "x"}),
                Challenge("bearer", {"realm": "y", "error": "invalid_token"}),
            ),
        ),
        (r'Basic realm="a \"b\" \\c"', (Challenge("basic", {"realm": r'a "b" \c'}),)),
        ('Bearer realm="one",realm="two"', (Challenge("bearer", {"realm": "one"}),)),
        ("=?!", ()),
        ('Basic realm="never closed', (Challenge("basic"),)),
    ],
)
def test_challenges(header, expected):
    """Schemes and parameters as RFC 9110 writes them; what does not parse is left out."""
    assert expected == parse_challenges(header)


def test_a_hostile_header_takes_no_time():
    """A megabyte of almost-matches is looked at in part, once."""
    assert parse_challenges("Basic " + 'a="' * 300_000)
