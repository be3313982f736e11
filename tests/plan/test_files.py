import pytest
from tests.plan.memory import MemoryListing

from hivebase.errors import UsageError
from hivebase.plan.files import EmptyListing, clamp, follow


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b", "a/b"),
        ("/a//b/", "a/b"),
        ("../../etc/passwd", "etc/passwd"),
        ("a/../..", ""),
        ("//a", "a"),
        (".", ""),
    ],
)
def test_clamping(path, expected):
    """No path leaves the root by its text."""
    assert expected == clamp(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("plain", "plain"),
        ("link", "dir/file"),
        ("dirlink/file", "dir/file"),
        ("up", "etc/passwd"),
        ("abs", "dir/file"),
        ("chain", "dir/file"),
        ("dirlink/../plain", "plain"),
        ("missing/x", "missing/x"),
        ("dangling", "nowhere"),
    ],
)
def test_d1_links_are_followed_inside_the_listing(path, expected):
    """A link, relative or absolute, never resolves to anything outside."""
    listing = MemoryListing(
        {
            "plain": "p",
            "dir/file": "f",
            "link": "-> dir/file",
            "dirlink": "-> dir",
            "up": "-> ../../../etc/passwd",
            "abs": "-> /dir/file",
            "chain": "-> link",
            "dangling": "-> nowhere",
        }
    )
    assert expected == follow(listing, path)


def test_d1_a_loop_of_links_ends():
    """Links that point at each other are an error, not an endless walk."""
    with pytest.raises(UsageError, match="symbolic links"):
        follow(MemoryListing({"a": "-> b", "b": "-> a"}), "a")


def test_the_empty_listing():
    """Nothing exists but the root."""
    listing = EmptyListing()
    assert listing.get("x") is None
    assert list(listing.children("")) == []
    with pytest.raises(UsageError):
        listing.digest("x")
