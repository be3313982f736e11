import time
from typing import Any

import pytest
from tests.plan.memory import MemoryListing

from hivebase.errors import UsageError
from hivebase.plan.select import expand_pattern, select, unmatched

TREE = MemoryListing(
    {
        "a.txt": "a",
        "b.txt": "b",
        "[x].txt": "x",
        "dir/one.py": "1",
        "dir/sub/two.py": "2",
        "dir/sub/readme.md": "r",
        "dir/link": "-> one.py",
        "other/one.py": "o",
        "latest": "-> dir",
        "named": "-> a.txt",
        "empty": None,
    }
)


def pairs(*patterns: str, **options: Any) -> list[tuple[str, str]]:
    return [(item.source, item.destination) for item in select(TREE, patterns, **options)]


def test_a_file_keeps_its_name():
    """One named file."""
    (item,) = select(TREE, ["a.txt"])
    assert (item.source, item.destination, item.top) == ("a.txt", "a.txt", True)


def test_a_directory_gives_its_contents():
    """The directory itself is the destination, and its own entry comes first; links below stay links."""
    expected = [
        ("dir", ""),
        ("dir/link", "link"),
        ("dir/one.py", "one.py"),
        ("dir/sub", "sub"),
        ("dir/sub/readme.md", "sub/readme.md"),
        ("dir/sub/two.py", "sub/two.py"),
    ]
    assert expected == pairs("dir")
    assert expected == pairs("dir/")
    assert expected == pairs("./dir/.")
    kinds = {item.destination: item.fact.kind for item in select(TREE, ["dir"])}
    assert kinds["link"] == "symlink"


def test_a_dot_is_everything():
    """The whole source."""
    assert pairs(".")[0] == ("", "")
    assert ("dir/sub/two.py", "dir/sub/two.py") in pairs(".")
    assert pairs(".") == pairs("/")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["[x].txt", "a.txt", "b.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("[^a].txt", ["b.txt"]),
        (r"\[x\].txt", ["[x].txt"]),
        ("*/one.py", ["dir/one.py", "other/one.py"]),
        ("d*/s*/*.py", ["dir/sub/two.py"]),
        ("**/one.py", ["dir/one.py", "other/one.py"]),
    ],
)
def test_wildcards_match_within_components(pattern, expected):
    """Go's filepath.Match, one component at a time; a directory behind a link is not looked into."""
    assert expected == [source for source, _ in pairs(pattern)]


def test_links_are_followed_up_to_the_first_wildcard():
    """BuildKit resolves what precedes it, and walks the tree from there."""
    listing = MemoryListing({"d/e/a": "a", "d/e/b": "b", "k": "-> d/e", "d/l": "-> e"})
    assert list(expand_pattern(listing, "k/*")) == ["d/e/a", "d/e/b"]
    assert list(expand_pattern(listing, "d/*/a")) == ["d/e/a"]
    assert list(expand_pattern(listing, "d/l/[a]")) == ["d/e/a"]


def test_a_wildcard_in_a_directory_that_is_not_there():
    """It may match nothing, but where it is looked for has to be something."""
    listing = MemoryListing({"d/a": "a", "f": "f"})
    assert list(expand_pattern(listing, "d/x*")) == []
    assert list(expand_pattern(listing, "f/*")) == []
    with pytest.raises(UsageError, match=r"no/\*"):
        list(expand_pattern(listing, "no/*"))


def test_d1_a_source_cannot_leave_the_source_tree():
    """``..`` stops at the root, as in a chroot."""
    assert pairs("../../a.txt") == [("a.txt", "a.txt")]
    with pytest.raises(UsageError, match="etc/passwd"):
        pairs("../../etc/passwd")


def test_d1_a_named_link_is_followed_inside():
    """The content is copied under the link's name; a linked directory gives its contents."""
    assert pairs("named") == [("a.txt", "named")]
    assert ("dir/one.py", "one.py") in pairs("latest")
    outside = MemoryListing({"evil": "-> ../../../etc/shadow"})
    with pytest.raises(UsageError, match="evil"):
        select(outside, ["evil"])


def test_nothing_found_is_an_error_that_names_the_pattern():
    """What has no wildcard must exist."""
    with pytest.raises(UsageError, match="nope"):
        pairs("a.txt", "nope")


def test_a_wildcard_may_be_empty():
    """``COPY package.json yarn.lock* ./`` is how people say that a file is optional; ``COPY nop[e] ./`` as well."""
    assert pairs("*.nope") == []
    assert pairs("a.txt", "yarn.lock*") == [("a.txt", "a.txt")]
    assert unmatched(TREE, ["a.txt", "yarn.lock*"]) == ("yarn.lock*",)


def test_exclude_takes_ignore_patterns():
    """What is excluded is excluded with its contents; exceptions come back."""
    assert pairs("*.txt", exclude=["b*", "[[]*"]) == [("a.txt", "a.txt")]
    remaining = [destination for _, destination in pairs("dir", exclude=["sub"])]
    assert remaining == ["", "link", "one.py"]
    markdown = [destination for _, destination in pairs("dir", exclude=["**/*.md"])]
    assert "sub/readme.md" not in markdown
    assert "sub/two.py" in markdown


def test_parents_keep_the_path():
    """``--parents`` recreates the directories, each once."""
    expected = [("dir", "dir"), ("dir/sub", "dir/sub"), ("dir/sub/two.py", "dir/sub/two.py")]
    assert expected == pairs("dir/sub/two.py", parents=True)
    everywhere = [destination for _, destination in pairs("**/*.py", parents=True)]
    assert everywhere == ["dir", "dir/one.py", "dir/sub", "dir/sub/two.py", "other", "other/one.py"]


def test_parents_start_at_the_pivot():
    """What stands before ``/./`` is not recreated."""
    assert pairs("dir/./sub/two.py", parents=True) == [("dir/sub", "sub"), ("dir/sub/two.py", "sub/two.py")]


@pytest.mark.parametrize("pattern", ["[", "[a", "x\\", "[]"])
def test_malformed_patterns_are_refused(pattern):
    """A class that does not close is an error and matches nothing."""
    with pytest.raises(UsageError):
        pairs(pattern)


def test_d2_hostile_patterns_take_linear_time():
    """Many stars against a long name end at once."""
    listing = MemoryListing({"a" * 250: "x"})
    started = time.perf_counter()
    assert select(listing, ["*a" * 60 + "b"]) == ()
    assert time.perf_counter() - started < 20
