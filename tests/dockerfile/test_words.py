"""Splitting of the rest of an instruction."""

from __future__ import annotations

import pytest

from hivebase.dockerfile.words import NotStringsError, first_gap, json_strings, plain_words, quoted_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   ", []),
        ("one", ["one"]),
        ("one two", ["one", "two"]),
        ("  one \t two  ", ["one", "two"]),
        (r"one\ two", [r"one\ two"]),
        ("'one two' three", ["'one two'", "three"]),
        ('"one two"three four', ['"one two"three', "four"]),
        ('a="b c" d=e', ['a="b c"', "d=e"]),
        (r'"a \" b" c', [r'"a \" b"', "c"]),
        (r"'a \' b' c", [r"'a \'", "b' c"]),
        ('"never closed here', ['"never closed here']),
        ("'never closed here", ["'never closed here"]),
        (r"\"a b", [r"\"a", "b"]),
        ('""', ['""']),
        ("a \\", ["a"]),
        ("a\\", ["a"]),
        (r"a\\", [r"a\\"]),
        ('"open\\', ['"open']),
        ("\N{NO-BREAK SPACE}a\N{NO-BREAK SPACE}b", ["a", "b"]),
        ("föö=bär \N{EARTH GLOBE EUROPE-AFRICA}", ["föö=bär", "\N{EARTH GLOBE EUROPE-AFRICA}"]),
    ],
)
def test_quoted_words(text, expected):
    """Spaces split unless quoted or escaped; quotes stay."""
    assert expected == [word for _, word in quoted_words(text, "\\")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a` b c", ["a` b", "c"]), (r"a\ b", ["a\\", "b"]), ('"a `" b" c', ['"a `" b"', "c"])],
)
def test_quoted_words_with_the_backtick(text, expected):
    """With the backtick as escape character the backslash is an ordinary character."""
    assert expected == [word for _, word in quoted_words(text, "`")]


def test_words_know_where_they_stand():
    """Offsets point at the first character of each word."""
    assert quoted_words(" ab  'c d'", "\\") == [(1, "ab"), (5, "'c d'")]
    assert plain_words(" ab  'c d'") == [(1, "ab"), (5, "'c"), (8, "d'")]


def test_the_first_gap_separates_a_name_from_its_value():
    """The value keeps its own spaces; without a gap there is no value."""
    assert first_gap("a \tb  c") == ("a", "b  c", 3)
    assert first_gap("a") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["a", "b c"]', ("a", "b c")),
        (' \t["a"] ', ("a",)),
        ("[]", ()),
        (r'["\u0041\n\"\\/"]', ('A\n"\\/',)),
        (r'["\ud800x"]', ("\N{REPLACEMENT CHARACTER}x",)),
        ("['a']", None),
        ('["a",]', None),
        ('["a"', None),
        ('["a"] b', None),
        ('["a"] && ["b"]', None),
        ("[NaN]", None),
        ('["tab\tinside"]', None),
        ("a", None),
        ("", None),
        ('{"a": "b"}', None),
        ("[" * 100_000, None),
    ],
)
def test_json_strings(text, expected):
    """An array of strings is exec form; what does not parse as JSON is shell form."""
    assert expected == json_strings(text)


@pytest.mark.parametrize("text", ["[1]", "[null]", '["a", true]', '[["a"]]', '[{"a": "b"}]', "[1.5e3]"])
def test_json_arrays_of_something_else_are_refused(text):
    """JSON that parses but holds other values is a mistake, not a shell command."""
    with pytest.raises(NotStringsError):
        json_strings(text)
