"""Expansion of words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.dockerfile import expand as module
from hivebase.dockerfile.expand import ExpandError, expand, expand_words, references

VALUES = {
    "A": "apple",
    "EMPTY": "",
    "PATH": "/usr/local/bin:/bin",
    "FILE": "archive.tar.gz",
    "SPACES": "one  two",
    "QUOTES": 'it\'s "x" $A \\',
    "_u1": "under",
    "é": "accent",
}

CASES = [
    # plain text and variables
    ("", ""),
    ("plain", "plain"),
    ("$A", "apple"),
    ("${A}", "apple"),
    ("x$A.y", "xapple.y"),
    ("x${A}y", "xappley"),
    ("$A$A", "appleapple"),
    ("$Ax", ""),
    ("$A-x", "apple-x"),
    ("$UNSET", ""),
    ("${UNSET}", ""),
    ("a${UNSET}b", "ab"),
    ("$_u1/${_u1}", "under/under"),
    ("$é", "accent"),
    ("$QUOTES", VALUES["QUOTES"]),
    ("$SPACES", "one  two"),
    # dollars that are none
    ("$", "$"),
    ("a$", "a$"),
    ("$ A", "$ A"),
    ("$%", "$%"),
    ("$/x", "$/x"),
    ("$.", "$."),
    # special and positional parameters are never set
    ("$1", ""),
    ("$12x", "x"),
    ("${1}", ""),
    ("${1:-d}", "d"),
    ("$@|$*|$#|$?|$-|$!|$0", "||||||"),
    ("$$", ""),
    ("$$A", "A"),
    # quotes
    ("'$A'", "$A"),
    ('"$A"', "apple"),
    ("'a b'", "a b"),
    ('"it\'s"', "it's"),
    ("'say \"hi\"'", 'say "hi"'),
    ("a'b'\"c\"d", "abcd"),
    ("''", ""),
    ('""', ""),
    ("'a\\'", "a\\"),
    # escapes
    (r"\$A", "$A"),
    (r"\\$A", r"\apple"),
    (r"\\\$A", r"\$A"),
    (r"a\bc", "abc"),
    (r"\'a\'", "'a'"),
    (r"\"a\"", '"a"'),
    (r"a\ b", "a b"),
    ("a\\", "a"),
    (r'"\$A"', "$A"),
    (r'"\""', '"'),
    (r'"\\"', "\\"),
    (r'"\n"', r"\n"),
    ('"\\\'"', "\\'"),
    (r"'\$A'", r"\$A"),
    (r"C:\\dir", r"C:\dir"),
    # defaults
    ("${A:-d}", "apple"),
    ("${UNSET:-d}", "d"),
    ("${EMPTY:-d}", "d"),
    ("${A-d}", "apple"),
    ("${UNSET-d}", "d"),
    ("${EMPTY-d}", ""),
    ("${UNSET:-}", ""),
    ("${UNSET:-a b}", "a b"),
    ("${UNSET:-'a}b'}", "a}b"),
    ('${UNSET:-"a}b"}', "a}b"),
    (r"${UNSET:-a\}b}", "a}b"),
    ("${UNSET:-$A}", "apple"),
    ("${UNSET:-${A}}", "apple"),
    ("${UNSET:-${EMPTY:-${A:+yes}}}", "yes"),
    ("${UNSET:--1}", "-1"),
    ("${UNSET:-:-}", ":-"),
    ('"${UNSET:-"x y"}"', "x y"),
    ("\"${UNSET:-it's}'}\"", "its}"),
    ("${UNSET:-{a}", "{a"),
    # alternatives
    ("${A:+yes}", "yes"),
    ("${UNSET:+yes}", ""),
    ("${EMPTY:+yes}", ""),
    ("${A+yes}", "yes"),
    ("${UNSET+yes}", ""),
    ("${EMPTY+yes}", "yes"),
    ("${PATH:+$PATH:}/opt", "/usr/local/bin:/bin:/opt"),
    # required
    ("${A:?no}", "apple"),
    ("${A?no}", "apple"),
    ("${EMPTY?no}", ""),
    # prefixes and suffixes
    ("${FILE#*.}", "tar.gz"),
    ("${FILE##*.}", "gz"),
    ("${FILE%.*}", "archive.tar"),
    ("${FILE%%.*}", "archive"),
    ("${FILE#x}", "archive.tar.gz"),
    ("${FILE#archive}", ".tar.gz"),
    ("${PATH%:*}", "/usr/local/bin"),
    ("${PATH##*/}", "bin"),
    ("${UNSET#x}", ""),
    ("${FILE#${UNSET:-archive}.}", "tar.gz"),
    ("${FILE#?}", "rchive.tar.gz"),
    ("${A#ap}", "ple"),
    # replacement
    ("${PATH/bin/lib}", "/usr/local/lib:/bin"),
    ("${PATH//bin/lib}", "/usr/local/lib:/lib"),
    (r"${PATH//\//-}", "-usr-local-bin:-bin"),
    ("${FILE/.*/!}", "archive!"),
    ("${FILE//./}", "archivetargz"),
    ("${A//p/${EMPTY:-q}}", "aqqle"),
    ("${A/?/X}", "Xpple"),
    ("${UNSET/a/b}", ""),
]


@pytest.mark.parametrize(("word", "expected"), CASES)
def test_expand(word, expected):
    """Each word becomes one text."""
    assert expected == expand(word, VALUES.get)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("`$A", "$A"), (r"C:\$A", r"C:\apple"), ("``", "`"), ('"`""', '"'), (r"'\'", "\\"), ("a`", "a")],
)
def test_expand_with_the_backtick(word, expected):
    """``# escape=`` moves the backslash's role to the backtick."""
    assert expected == expand(word, VALUES.get, escape="`")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('it\'s "$A"\n', 'it\'s "apple"\n'),
        ("'$A'\n", "'apple'\n"),
        (r"\$A \\ \n", r"$A \ n"),
        ('"${UNSET:-"x"}"', '""x""'),
        ("<< $A", "<< apple"),
    ],
)
def test_quotes_in_a_heredoc_are_text(body, expected):
    """In the body of an unquoted heredoc only the dollar and the backslash mean something."""
    assert expected == expand(body, VALUES.get, keep_quotes=True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("", []),
        ("80", ["80"]),
        ("$SPACES", ["one", "two"]),
        ("'$SPACES'", ["$SPACES"]),
        ('"$SPACES"', ["one  two"]),
        ("a $SPACES b", ["a", "one", "two", "b"]),
        ("x$SPACES", ["xone", "two"]),
        ("$EMPTY", []),
        ('"" a', ["a"]),
        (r"a\ b", ["a b"]),
    ],
)
def test_expand_words(word, expected):
    """Words are split after expanding, except where quoted or escaped."""
    assert expected == expand_words(word, VALUES.get)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", ()),
        ("$A ${B}", ("A", "B")),
        ("$A$A", ("A",)),
        ("'$A'", ()),
        (r"\$A", ()),
        ('"$A"', ("A",)),
        ("${A:-${B:+${C}}}", ("C", "B", "A")),
        ("${A:?needed}", ("A",)),
        ("${A#$B}${C/$D/$E}", ("B", "A", "D", "E", "C")),
    ],
)
def test_references(word, expected):
    """Every variable is named once, those within another one first."""
    assert expected == references(word)


@pytest.mark.parametrize(
    ("word", "what", "offset"),
    [
        ("a'b", "a single quote is not closed", 1),
        ('ab"c', "a double quote is not closed", 2),
        ('"a\\"', "a double quote is not closed", 0),
        ("x${A", "a ${ is not closed", 1),
        ("x${", "a ${ is not closed", 1),
        ("${A:", "a ${ is not closed", 0),
        ("${A:-x", "a ${ is not closed", 0),
        ("${A#x", "a ${ is not closed", 0),
        ("${A/x", "a ${ is not closed", 0),
        ("${A/x/y", "a ${ is not closed", 0),
        ("${A:-${B}", "a ${ is not closed", 0),
        ("${}", "a ${ without a name", 0),
        ("a${:-x}", "a ${ without a name", 1),
        ("${{A}}", "a ${ without a name", 0),
        ("${A:x}", 'unknown modifier ":x" in a ${', 0),
        ("${A^}", 'unknown modifier "^" in a ${', 0),
        ("${A,,}", 'unknown modifier "," in a ${', 0),
        ("${A B}", 'unknown modifier " " in a ${', 0),
        ("${A::1}", 'unknown modifier "::" in a ${', 0),
        ("${A@Q}", 'unknown modifier "@" in a ${', 0),
        ("a ${UNSET:?}", "UNSET: must not be unset", 2),
        ("${UNSET?}", "UNSET: must not be unset", 0),
        ("${EMPTY:?}", "EMPTY: must not be empty", 0),
        ("${UNSET:?say $A}", "UNSET: say apple", 0),
        (r"${A#\x}", "a bad pattern in a ${", 0),
        (r"${A/\x/y}", "a bad pattern in a ${", 0),
    ],
)
def test_bad_words(word, what, offset):
    """An error names the trouble and where in the word it begins."""
    with pytest.raises(ExpandError) as caught:
        expand(word, VALUES.get)
    assert what in caught.value.what
    assert (word, offset) == (caught.value.word, caught.value.offset)


def test_a_bad_word_is_shown_with_a_hint():
    """The message quotes the word and says what to do."""
    with pytest.raises(ExpandError) as caught:
        expand("v${A^}", VALUES.get)
    assert str(caught.value) == (
        '"v${A^}": unknown modifier "^" in a ${\n  try: known are :- - :+ + :? ? # ## % %% / and //'
    )
    assert caught.value.exit_code == 2


def _nested(depth: int) -> str:
    return "${a:-" * depth + "x" + "}" * depth


def test_d16_nested_variables():
    """Nesting has a limit far above any real use, and no recursion error behind it."""
    assert expand(_nested(module.MAX_NESTING), VALUES.get) == "x"
    with pytest.raises(ExpandError, match="nested deeper than"):
        expand(_nested(module.MAX_NESTING + 1), VALUES.get)
    with pytest.raises(ExpandError, match="nested deeper than"):
        expand('"${a:-' * 100_000, VALUES.get)


def test_d16_values_that_double_are_stopped():
    """A value that is used twice in the next one reaches a limit instead of the end of the memory."""
    values = {"V": "x" * 1024}
    while len(values["V"]) < module.MAX_EXPANDED:
        values["V"] = expand("$V$V", values.get)
    with pytest.raises(ExpandError, match="longer than"):
        expand("$V$V", values.get)


@pytest.mark.parametrize("template", ["$V${V//x/$V}", "${V//x/yyyyyyyyyyyyyyyyyyyyyyyy}", "${V//?/$V}"])
def test_d16_replacements_that_multiply_are_stopped(template):
    """Replacing every character by a long text counts before the text is made."""
    with pytest.raises(ExpandError, match="longer than"):
        expand(template, {"V": "x" * 1_000_000}.get)


@pytest.mark.parametrize(
    "word",
    [
        "$A " * 300_000,
        "'a'" * 300_000,
        r"\a" * 300_000,
        '"$A\\""' * 200_000,
        "${A:-x}" * 150_000,
        "<< " * 300_000,
    ],
)
def test_d16_long_words_take_linear_time(word):
    """A megabyte of special characters is no trouble."""
    assert len(expand(word, {"A": "b"}.get)) > 0


@given(st.text(alphabet="ab $'\"\\{}:-+?#%/*<`\n1@é"), st.sampled_from(["\\", "`"]), st.booleans())
def test_expand_raises_nothing_else(word, escape, keep_quotes):
    """Any text either expands or is refused with an ExpandError that points into it."""
    offset = 0
    try:
        expand(word, VALUES.get, escape=escape, keep_quotes=keep_quotes)
        expand_words(word, VALUES.get, escape=escape)
        references(word, escape=escape)
    except ExpandError as error:
        offset = error.offset
    assert 0 <= offset <= len(word)


@given(st.text(alphabet=st.characters(exclude_characters="$'\"\\")))
def test_text_without_special_characters_is_left_alone(word):
    """What holds no dollar, quote or escape comes back unchanged."""
    assert word == expand(word, VALUES.get)


@given(st.text())
def test_single_quotes_keep_everything(text):
    """Any text can be quoted so that it comes back unchanged."""
    quoted = "'" + text.replace("'", "'\\''") + "'"
    assert text == expand(quoted, VALUES.get)


@given(st.text(), st.text())
def test_a_value_is_never_expanded_again(before, value):
    """What a variable holds is put in as it is, whatever it looks like."""
    assert value + value == expand('$V"${V}"', {"V": value}.get)
    assert f"{before}" == expand("${V:-$W}", {"W": before}.get)
