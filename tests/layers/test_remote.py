"""What the sources of an ADD mean."""

from __future__ import annotations

import pytest

from hivebase.errors import UsageError
from hivebase.layers.remote import UNNAMED, Repository, file_name, parse_git


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("https://host/team/app.git", Repository("https://host/team/app.git", "https")),
        ("https://host/app.git#v1.0", Repository("https://host/app.git", "https", "v1.0")),
        ("https://host/app.git#v1:docs/a", Repository("https://host/app.git", "https", "v1", "docs/a")),
        ("https://host/app.git#:docs", Repository("https://host/app.git", "https", "", "docs")),
        ("git@host:team/app.git", Repository("git@host:team/app.git", "ssh")),
        ("git@host:app#main:x", Repository("git@host:app", "ssh", "main", "x")),
        ("ssh://git@host:22/app", Repository("ssh://git@host:22/app", "ssh")),
        ("git://host/app", Repository("git://host/app", "git")),
        ("https://host/a.git#main:../../etc", Repository("https://host/a.git", "https", "main", "etc")),
        ("https://host/file.txt", None),
        ("http://host/app.git.zip", None),
        ("https://host/app.git/", None),
    ],
)
def test_repositories_are_told_from_downloads(name, expected):
    """By the protocol, or by ``.git`` at the end of a path, as in BuildKit."""
    assert expected == parse_git(name)


@pytest.mark.parametrize(
    "name",
    [
        "ssh://-oProxyCommand=touch/x",
        "ssh://git@-oProxyCommand=touch/x",
        "https://-u/app.git",
        "https://host/app.git#--upload-pack=touch",
        "https://host/app.git#-x",
        "https://host/app.git#a..b",
        "https://host/app.git#a b",
        "https://host/a b.git",
        "https://host/a\n.git",
        "git@host:a\tb",
        "ssh://host/app?branch=x",
    ],
)
def test_d13_words_that_git_could_take_for_options_are_refused(name):
    """Hosts, refs and URLs start and consist of what names consist of."""
    with pytest.raises(UsageError):
        parse_git(name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/dir/file.txt?x=1#y", "file.txt"),
        ("https://host/a%20b", "a b"),
        ("https://host/", UNNAMED),
        ("https://host", UNNAMED),
        ("https://host/..", UNNAMED),
        ("https://host/%2e%2e", UNNAMED),
        ("https://host/a%2fb", "b"),
        ("https://host/a%00b", UNNAMED),
    ],
)
def test_a_download_is_named_by_its_path(url, name):
    """And never by something that leaves the directory."""
    assert name == file_name(url)
