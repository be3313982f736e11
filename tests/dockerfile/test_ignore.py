"""``.dockerignore``."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.dockerfile.ignore import IgnoreFile
from hivebase.errors import DockerfileError

CASES = [
    # text, ignored, kept
    ("", "", "a .dockerignore Dockerfile"),
    ("a", "a a/b a/b/c", "b ab b/a"),
    ("a/", "a a/b", "b"),
    ("/a", "a a/b", "b/a"),
    ("./a", "a", "b/a"),
    ("a/./b/../c", "a/c a/c/d", "a a/b"),
    ("  a  ", "a", "b"),
    ("a\r\nb\r\n", "a b", "c"),
    ("\ufeffa", "a", "b"),
    ("#a\na", "a", "#a"),
    (" #a", "#a", "a"),
    (r"\#a", "#a", "a"),
    ("a #b", "a_#b", "a"),
    ("\n\n  \na", "a", "b"),
    ("*", "a a/b .git", ""),
    ("*.pyc", "a.pyc", "a.py d/a.pyc"),
    ("*/*.pyc", "d/a.pyc", "a.pyc d/e/a.pyc"),
    ("**/*.pyc", "a.pyc d/a.pyc d/e/a.pyc", "a.py"),
    ("**", "a a/b", ""),
    ("d/**", "d/a d/e/f", "d da"),
    ("**/vendor", "vendor a/vendor a/vendor/b/c", "vendor2"),
    ("temp?", "tempa temp1/x", "temp temp12"),
    # the last match wins
    ("*.md\n!README.md", "a.md b.md", "README.md"),
    ("*.md\n!README*.md\nREADME-x.md", "a.md README-x.md", "README.md README-y.md"),
    ("!README.md\n*.md", "a.md README.md", ""),
    ("*\n!a", "b", "a a/b a/b/c"),
    ("*\n!a/b", "a a/c b", "a/b a/b/c"),
    ("*\n! a", "b", "a"),
    ("*\n!/a", "b", "a"),
    ("*\n!./a", "b", "a"),
    ("*\n!a\na/b", "b a/b a/b/c", "a a/c"),
    ("*\n!a\na/b\n!a/b/c", "a/b a/b/d", "a a/b/c"),
    ("*\n!*/keep", "a a/x keep", "a/keep a/keep/x"),
    ("*\n!**/*.py", "a a/b", "x.py a/x.py a/b/x.py"),
    ("a\n!a/b", "a a/c", "a/b a/b/c"),
    ("**/a\n!x/a", "a y/a", "x/a"),
    ("a\na\n!a\na\na", "a", "b"),
    ("a\n!a\na\n!a", "", "a b"),
    # BuildKit's walk does not try a rule on a directory where it would change nothing
    ("d/c\n!d", "d/c", "d d/e"),
    # what points out of the context, or at the context itself, matches nothing
    ("../a", "", "a"),
    ("a/../../b", "", "b"),
    ("*\n!../x", "a x", ""),
    (".", "", "a"),
    ("/", "", "a"),
    ("./", "", "a"),
    ("//a", "a", "b"),
    # a quirk of cleaning before looking for the sign again
    ("*\n./!a", "b", "a"),
    ("Dockerfile\n.dockerignore", "Dockerfile .dockerignore", "a"),
    ("a b", "a_b", "a b"),
]


@pytest.mark.parametrize(("text", "ignored", "kept"), CASES)
def test_ignored(text, ignored, kept):
    """A table of files and what they leave out; an underscore in a name stands for a space."""
    rules = IgnoreFile.parse(text)
    out = [path.replace("_", " ") for path in ignored.split()]
    assert out == [path for path in out if rules.ignored(path)]
    assert [path for path in kept.split() if rules.ignored(path.replace("_", " "))] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a\n  ! ",
            ".dockerignore:2:3: a ! without a pattern\n      ! \n      ^\n  try: write !PATTERN on one line",
        ),
        ("!/", ".dockerignore:1:1: a ! without a pattern\n    !/\n    ^\n  try: write !PATTERN on one line"),
        (
            "a\n [b",
            (
                '.dockerignore:2:2: the pattern "[b" is malformed\n'
                "     [b\n"
                "     ^\n"
                "  because it ends in the middle of an escape or of a character class\n"
                "  try: escape a literal [ or \\ with a backslash"
            ),
        ),
    ],
)
def test_bad_lines(text, message):
    """A malformed line is shown with its place."""
    with pytest.raises(DockerfileError) as caught:
        IgnoreFile.parse(text)
    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("", "a", ""),
        ("a", "b", "a"),
        ("*\n!a/b/c", "a a/b a/b/c", "b a/x"),
        ("*\n!a/**", "a", "b"),
        ("*\n!a/*", "a", "b"),
        ("*\n!**/x", "a b a/b", ""),
        ("*\n!a*/b", "a b", ""),
        ("a\n!b", "b", "a"),
    ],
)
def test_may_descend(text, yes, no):
    """A directory that is left out is still walked when a later ! could keep something in it."""
    rules = IgnoreFile.parse(text)
    assert yes.split() == [path for path in yes.split() if rules.may_descend(path)]
    assert [path for path in no.split() if rules.may_descend(path)] == []


def test_exclude_patterns_are_the_same_rules():
    """``COPY --exclude`` uses the patterns without a file."""
    rules = IgnoreFile.of(["*.md", "!README.md"])
    assert rules.ignored("a.md")
    assert not rules.ignored("README.md")


LINES = st.lists(
    st.tuples(st.booleans(), st.text("ab*?/", min_size=1, max_size=6)).map(lambda p: "!" * p[0] + p[1]),
    max_size=6,
)
PATHS = st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=4).map("/".join)


@given(LINES, st.lists(PATHS, max_size=8))
def test_the_order_of_questions_does_not_matter(lines, paths):
    """What is remembered about directories never changes an answer."""
    try:
        rules = IgnoreFile.of(lines)
    except DockerfileError:
        return
    fresh = [IgnoreFile.of(lines).ignored(path) for path in paths]
    assert fresh == [rules.ignored(path, is_dir=True) for path in paths]
    assert fresh == [rules.ignored(path) for path in paths]


@given(LINES, PATHS)
def test_a_directory_that_need_not_be_walked_keeps_nothing(lines, path):
    """Below a directory with ``may_descend`` false everything is ignored."""
    try:
        rules = IgnoreFile.of(lines)
    except DockerfileError:
        return
    if not rules.ignored(path):
        parent = posixpath.dirname(path)
        while parent:
            assert rules.may_descend(parent)
            parent = posixpath.dirname(parent)


@given(st.text())
def test_any_text_parses_or_is_refused(text):
    """Nothing but a DockerfileError comes out of an ignore file."""
    line = 1
    try:
        IgnoreFile.parse(text).ignored("a/b")
    except DockerfileError as error:
        line = error.line
    assert line > 0


@pytest.mark.parametrize(
    "text",
    [
        "**\n" * 100_000,
        "**/" * 100_000,
        "".join(f"**/x{n}/**\n" for n in range(4_000)),
        "*\n!*\n" * 20_000,
        "a*" * 50_000,
    ],
    ids=["lines", "one line", "different", "changing", "stars"],
)
def test_d2_a_hundred_thousand_patterns_take_linear_time(text):
    """However many stars there are, asking for some deep paths takes no more than seconds."""
    rules = IgnoreFile.parse(text)
    for name in "abcdefgh":
        rules.ignored("/".join(["a"] * 20 + [name]), is_dir=True)


def test_d2_a_pattern_out_of_the_context_matches_nothing():
    """``!../x`` neither keeps nor leaves out anything, and is no error."""
    rules = IgnoreFile.parse("secret\n!../secret\n../b\n/../c")
    assert rules.ignored("secret")
    assert not rules.ignored("b")


def test_d2_an_ignore_file_of_a_hundred_megabytes_is_refused():
    """The limit of a Dockerfile holds here, too."""
    with pytest.raises(DockerfileError, match="too large"):
        IgnoreFile.parse("x" * 100_000_000)
