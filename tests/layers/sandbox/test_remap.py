"""Local package directories under the names by which a step sees them."""

from __future__ import annotations

import pytest

from hivebase.layers.sandbox.remap import LocalDirectories


@pytest.fixture
def index(tmp_path):
    """A package index whose pages link to a directory beside it."""
    simple = tmp_path / "mirror/simple"
    for project, link in (
        ("a", "../../files/a.whl#sha256=0"),
        ("b", "../../more%20files/b.whl"),
        ("c", "/abs/c.whl"),
    ):
        (simple / project).mkdir(parents=True)
        (simple / project / "index.html").write_text(f'<a href="{link}">x</a> <a href="https://h/x">y</a>')
    for name in ("files", "more files", "private"):
        (simple.parent / name).mkdir()
    return simple


def test_what_the_pages_link_to_is_shown_too_and_nothing_else(index, tmp_path):
    """The directory of the files keeps its place beside the index; others beside it stay hidden."""
    local = LocalDirectories(tmp_path / "home")

    assert local.index(f"file://{index}/") == "file:///run/hivebase-host/directories/0/simple"
    assert local.directories == [
        ("directories/0/simple", str(index)),
        ("directories/0/files", str(index.parent / "files")),
        ("directories/0/more files", str(index.parent / "more files")),
    ]


def test_one_directory_is_shown_once(index, tmp_path):
    """However often it is named."""
    local = LocalDirectories(tmp_path / "home")

    assert local.index(f"file://{index}") == local.index(str(index))
    assert len({place for place, _ in local.directories}) == len(local.directories) == 3


def test_a_page_of_links_shows_its_directory(tmp_path):
    """find-links may name a file."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/links.html").touch()
    local = LocalDirectories(tmp_path / "home")

    assert local.find_links(f"{tmp_path}/wheels/links.html") == "/run/hivebase-host/directories/0/links.html"
    assert local.directories == [("directories/0", f"{tmp_path}/wheels")]


@pytest.mark.parametrize("place", ["", "home", "home/.."])
def test_home_and_what_is_above_it_are_never_shown(tmp_path, place):
    """A configuration that names the home directory or the root does not open it to every step."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "page.html").touch()
    local = LocalDirectories(home)

    for name in (f"{tmp_path}/{place}", "/", f"file://{tmp_path}/{place}", f"{home}/page.html"):
        assert local.find_links(name) == name
        assert local.index(name) == name
    assert local.directories == []


@pytest.mark.parametrize(
    "url", ["https://host/simple", "file://other-host/simple", "./relative", "/no/such", ""]
)
def test_everything_else_stays_as_it_is(tmp_path, url):
    """URLs of the network, relative names and what does not exist."""
    local = LocalDirectories(tmp_path / "home")

    assert (local.index(url), local.find_links(url), local.directories) == (url, url, [])
