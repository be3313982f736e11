import pytest

from hivebase.plan.checks import bad_chmod, is_remote, looks_secret


@pytest.mark.parametrize(
    "text", ["0", "644", "0755", "7777", "u=rwX,go=rX", "+x", "a-w", "u+s,g=u", "=r", "u+"]
)
def test_modes(text):
    """Octal and symbolic."""
    assert bad_chmod(text) == ""


@pytest.mark.parametrize("text", ["8", "77777", "rwx", "u=rwq", "", "0x1", "-1"])
def test_bad_modes(text):
    """What chmod would not take, and what has no operation."""
    assert bad_chmod(text) != ""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://example.com/x", True),
        ("http://example.com/x", True),
        ("git@github.com:a/b.git", True),
        ("ssh://git@example.com/x", True),
        ("https", False),
        ("a@b", False),
        ("dir/file:x", False),
        ("user@2x.png", False),
    ],
)
def test_remote_sources(source, expected):
    """A URL or a repository, not a file with an odd name."""
    assert expected == is_remote(source)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PASSWORD", True),
        ("db_password", True),
        ("API_KEY", True),
        ("GITHUB_TOKEN", True),
        ("PUBLIC_KEY", False),
        ("MONKEY", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("AUTHOR", False),
    ],
)
def test_d7_names_of_secrets(name, expected):
    """Whole words of a name, BuildKit's list."""
    assert expected == looks_secret(name)
