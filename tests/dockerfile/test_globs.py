"""Patterns of ignore files, one by one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.dockerfile.globs import Glob, GlobError

CASES = [
    # literal
    ("a", "a", True),
    ("a", "b", False),
    ("a", "a/b", False),
    ("a/b", "a/b", True),
    ("a.b", "axb", False),
    ("a+(b)|{c}$", "a+(b)|{c}$", True),
    # one component
    ("*", "a", True),
    ("*", "a/b", False),
    ("*.go", "a.go", True),
    ("*.go", ".go", True),
    ("*.go", "a/b.go", False),
    ("a*", "a", True),
    ("a*c", "abbc", True),
    ("a*c", "ab/c", False),
    ("*/b", "a/b", True),
    ("*/b", "b", False),
    ("*/*", "a/b", True),
    ("*/*", "a/b/c", False),
    ("?", "a", True),
    ("?", "", False),
    ("?", "/", False),
    ("a?c", "abc", True),
    ("a?c", "a/c", False),
    ("?", "é", True),
    # across components
    ("**", "a", True),
    ("**", "a/b/c", True),
    ("**/a", "a", True),
    ("**/a", "x/a", True),
    ("**/a", "x/y/a", True),
    ("**/a", "xa", False),
    ("**/a", "a/x", False),
    ("**/a/b", "x/a/b", True),
    ("**/*.md", "a.md", True),
    ("**/*.md", "x/y/a.md", True),
    ("a/**", "a", False),
    ("a/**", "a/b", True),
    ("a/**", "a/b/c", True),
    ("a/**", "ab", False),
    ("a**", "ab/c", True),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "a/xb", False),
    ("**/a/**", "a/b", True),
    ("**/a/**", "x/a/b", True),
    ("**/a/**", "x/a", False),
    ("**/**/a", "x/a", True),
    ("**/**/a", "xa", False),
    ("a/**/**/b", "a/b", True),
    ("**x", "ax", True),
    ("**x", "a/bx", True),
    ("****x", "ax", False),
    ("****x", "a/x", True),
    ("**x*", "ax", False),
    ("**x*", "a/xb", True),
    ("a**b", "ab", True),
    ("a**b", "axb", False),
    ("a**b", "ax/b", True),
    ("**/?/b", "a/x/b", True),
    # a line feed stops ** where it is a regular expression in moby, and nothing else
    ("a/**/b", "a/x\ny/b", False),
    ("**/a/**", "a/\n", False),
    ("a/*/b", "a/x\ny/b", True),
    ("a/**", "a/x\ny", True),
    # classes
    ("[ab]", "a", True),
    ("[ab]", "c", False),
    ("[a-c]x", "bx", True),
    ("[^a]", "b", True),
    ("[^a]", "a", False),
    ("[^a-c0-9]", "d", True),
    ("[^a-c0-9]", "5", False),
    ("[!a]", "!", True),
    (r"[\]]", "]", True),
    (r"[\-a]", "-", True),
    ("[^a]b", "/b", True),
    ("*.[ch]", "x.c", True),
    ("]", "]", True),
    # escapes
    (r"\*", "*", True),
    (r"\*", "a", False),
    (r"\[a]", "[a]", True),
    (r"a\bc", "abc", True),
    (r"\\", "\\", True),
    (r"**/\#", "x/#", True),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), CASES)
def test_matches(pattern, path, expected):
    """A pattern fits a whole path or not at all."""
    assert expected == Glob.parse(pattern).matches(path)


@pytest.mark.parametrize(
    "pattern", ["[", "[a", "[]", "[]a]", "[-a]", "[a-]", "[^]", "[z-a]", "a\\", "[a\\", "[a-\\"]
)
def test_bad_patterns(pattern):
    """Open classes, open ranges and dangling backslashes are malformed."""
    with pytest.raises(GlobError):
        Glob.parse(pattern)


def _as_regex(pattern: str) -> re.Pattern[str]:
    """Translate as moby does, but into a backtracking matcher."""
    out = []
    rest = pattern
    while rest:
        if rest.startswith("**"):
            rest = rest[2:].removeprefix("/")
            out.append(".*" if not rest else "(.*/)?")
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])))
            rest = rest[1:]
    return re.compile("".join(out))


@given(st.text("ab*?/", max_size=8), st.text("ab/\n", max_size=10))
def test_agrees_with_a_backtracking_matcher(pattern, path):
    """The automaton finds what a search of all possibilities finds."""
    if pattern.startswith("**") and not set(pattern[2:]) & set("*?") and pattern != "**":
        expected = path.endswith(pattern[2:]) or (pattern[2:3] == "/" and path == pattern[3:])
    elif pattern == "**":
        expected = True
    elif pattern.endswith(("**", "**/")) and not set(pattern.removesuffix("/")[:-2]) & set("*?"):
        expected = path.startswith(pattern.removesuffix("/")[:-2])
    else:
        expected = bool(_as_regex(pattern).fullmatch(path))
    assert expected == Glob.parse(pattern).matches(path)


@pytest.mark.parametrize(
    "pattern", ["**/a/" * 20_000 + "b", "*a" * 50_000, "**" * 100_000 + "x", "?*" * 50_000]
)
def test_d2_a_long_pattern_is_matched_in_linear_time(pattern):
    """A hundred thousand stars against a path that almost fits end at once."""
    glob = Glob.parse(pattern)
    assert not glob.matches("a/" * 2000 + "c")
