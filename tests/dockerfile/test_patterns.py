"""Shell patterns in ``${…}``."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.dockerfile.patterns import Pattern, PatternError


@pytest.mark.parametrize(
    ("pattern", "value", "shortest", "longest"),
    [
        ("", "abc", "abc", "abc"),
        ("a", "abc", "bc", "bc"),
        ("b", "abc", "abc", "abc"),
        ("*", "abc", "abc", ""),
        ("*/", "usr/local/bin", "local/bin", "bin"),
        ("usr*/", "usr/local/bin", "local/bin", "bin"),
        ("?b", "abc", "c", "c"),
        ("????", "abc", "abc", "abc"),
        ("*b*", "abbc", "bc", ""),
        (r"\*", "*a", "a", "a"),
        (r"\?", "xa", "xa", "xa"),
        (r"a\\", r"a\b", "b", "b"),
        (r"\/a", "/ab", "b", "b"),
        (r"\}", "}a", "a", "a"),
        ("[a]", "[a]b", "b", "b"),
        ("a.c", "abc", "abc", "abc"),
        ("a*c", "a\nc", "", ""),
    ],
)
def test_prefix(pattern, value, shortest, longest):
    """``#`` takes the shortest match away, ``##`` the longest."""
    assert shortest == Pattern(pattern).without_prefix(value, longest=False)
    assert longest == Pattern(pattern).without_prefix(value, longest=True)


@pytest.mark.parametrize(
    ("pattern", "value", "shortest", "longest"),
    [
        ("", "abc", "abc", "abc"),
        ("c", "abc", "ab", "ab"),
        ("*", "abc", "abc", ""),
        (".*", "a.tar.gz", "a.tar", "a"),
        ("/*", "usr/local/bin", "usr/local", "usr"),
        ("b?", "abc", "a", "a"),
        ("*b*", "abbc", "ab", ""),
        (r"\*", "a*", "a", "a"),
    ],
)
def test_suffix(pattern, value, shortest, longest):
    """``%`` takes the shortest match away, ``%%`` the longest."""
    assert shortest == Pattern(pattern).without_suffix(value, longest=False)
    assert longest == Pattern(pattern).without_suffix(value, longest=True)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("a", "banana", [(1, 2), (3, 4), (5, 6)]),
        ("an", "banana", [(1, 3), (3, 5)]),
        ("n*n", "banana", [(2, 5)]),
        ("*", "abc", [(0, 3)]),
        ("", "ab", [(0, 0), (1, 1), (2, 2)]),
        ("?", "ab", [(0, 1), (1, 2)]),
        ("x", "abc", []),
        ("x*", "abc", []),
        ("*x", "abc", []),
        ("", "", [(0, 0)]),
    ],
)
def test_spans(pattern, value, expected):
    """Matches are the leftmost, the longest, and do not touch an empty one."""
    assert expected == list(Pattern(pattern).spans(value))


@pytest.mark.parametrize("pattern", [r"\a", "\\", r"a\b*"])
def test_bad_patterns(pattern):
    """A backslash stands before a character that it makes ordinary."""
    with pytest.raises(PatternError):
        Pattern(pattern)


def _regex(pattern: str, star: str) -> str:
    return "".join(star if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=12))
def test_prefix_and_suffix_agree_with_a_backtracking_matcher(pattern, value):
    """The choice that is never taken back is the one that a search of all choices finds."""
    parsed = Pattern(pattern)
    for longest, star in ((False, ".*?"), (True, ".*")):
        ends = [n for n in range(len(value) + 1) if re.fullmatch(_regex(pattern, star), value[:n])]
        expected = value[(max(ends) if longest else min(ends)) :] if ends else value
        assert expected == parsed.without_prefix(value, longest=longest)
        starts = [n for n in range(len(value) + 1) if re.fullmatch(_regex(pattern, star), value[n:])]
        expected = value[: (min(starts) if longest else max(starts))] if starts else value
        assert expected == parsed.without_suffix(value, longest=longest)


@given(st.text("ab*?", min_size=1, max_size=8), st.text("ab", max_size=12))
def test_the_first_span_is_the_leftmost_longest(pattern, value):
    """A search of all places and lengths finds the same first match."""
    spans = list(Pattern(pattern).spans(value))
    places = [
        (start, end)
        for start in range(len(value) + 1)
        for end in range(len(value), start - 1, -1)
        if re.fullmatch(_regex(pattern, ".*"), value[start:end])
    ]
    assert places[:1] == spans[:1]


def test_d16_a_pattern_cannot_take_exponential_time():
    """Thirty stars against a value that almost matches end at once."""
    value = "a" * 20_000
    assert value == Pattern("*a" * 30 + "b").without_prefix(value, longest=True)
    assert list(Pattern("*a" * 30 + "b").spans(value)) == []


def test_a_pattern_too_long_for_its_value_is_refused():
    """The product of both lengths has a bound."""
    with pytest.raises(PatternError, match="too long"):
        Pattern("a" * 20_000).without_prefix("a" * 20_000, longest=False)
