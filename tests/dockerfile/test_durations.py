"""Go durations."""

from __future__ import annotations

import pytest

from hivebase.dockerfile.durations import nanoseconds

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("+0", 0),
        ("1s", SECOND),
        ("1m30s", 90 * SECOND),
        ("1h", 3600 * SECOND),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("1.s", SECOND),
        ("300ms", 300_000_000),
        ("2us", 2000),
        ("2µs", 2000),
        ("2\N{GREEK SMALL LETTER MU}s", 2000),
        ("7ns", 7),
        ("-1s", -SECOND),
        ("1s1s", 2 * SECOND),
        ("2562047h47m16.854775807s", 2**63 - 1),
    ],
)
def test_nanoseconds(text, expected):
    """Units may follow each other in any order and number."""
    assert expected == nanoseconds(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        ".s",
        "-",
        "1 s",
        "1d",
        "1S",
        "s1",
        "1s ",
        "1e3s",
        "--1s",
        "2562048h",
        "9" * 5000 + "s",
        "1,5s",
    ],
)
def test_not_a_duration(text):
    """A number without a unit, a unit without a number and overflow are refused."""
    with pytest.raises(ValueError):
        nanoseconds(text)
