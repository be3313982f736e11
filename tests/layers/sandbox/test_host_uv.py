"""The host's uv configuration, as variables."""

from __future__ import annotations

import pytest

from hivebase.errors import UsageError
from hivebase.layers.sandbox.host_uv import uv_variables
from hivebase.layers.sandbox.remap import LocalDirectories


@pytest.fixture
def host(tmp_path):
    """Return a function that reads a host whose uv.toml of the user is given."""
    home = tmp_path / "home"
    (home / ".config/uv").mkdir(parents=True)

    def read(text="", **environ):
        (home / ".config/uv/uv.toml").write_text(text)
        return uv_variables(environ, home, tmp_path / "root", LocalDirectories(home))

    return read


def test_indexes_of_the_file_become_variables(host):
    """Named and default indexes keep their role."""
    assert host(
        'native-tls = true\n[[index]]\nname = "a"\nurl = "https://a"\n'
        '[[index]]\nurl = "https://b"\n[[index]]\nurl = "https://c"\ndefault = true\n'
    ) == {"UV_INDEX": "a=https://a https://b", "UV_DEFAULT_INDEX": "https://c", "UV_NATIVE_TLS": "1"}


def test_older_spellings_and_the_pip_section_count(host):
    """As uv itself accepts them."""
    assert host(
        '[pip]\nindex-url = "https://a"\nextra-index-url = ["https://b"]\nfind-links = ["https://l"]\n'
    ) == {
        "UV_INDEX_URL": "https://a",
        "UV_EXTRA_INDEX_URL": "https://b",
        "UV_FIND_LINKS": "https://l",
    }


def test_variables_win_over_the_file(host):
    """As in uv."""
    assert host('index-url = "https://a"\n', UV_INDEX_URL="https://b", UV_CACHE_DIR="/x") == {
        "UV_INDEX_URL": "https://b"
    }


def test_local_directories_are_rewritten(host, tmp_path):
    """Also behind a name."""
    (tmp_path / "simple").mkdir()
    (tmp_path / "wheels").mkdir()

    assert host(UV_INDEX=f"mine=file://{tmp_path}/simple", UV_FIND_LINKS=f"{tmp_path}/wheels") == {
        "UV_INDEX": "mine=file:///run/hivebase-host/directories/0/simple",
        "UV_FIND_LINKS": "/run/hivebase-host/directories/1",
    }


def test_a_url_with_an_equals_sign_is_not_a_name(host):
    """The part before the sign is a name only if it has no slash."""
    assert host(UV_INDEX="https://a/?x=y") == {"UV_INDEX": "https://a/?x=y"}


def test_configuration_can_be_turned_off(host):
    """UV_NO_CONFIG ignores the files."""
    assert host('index-url = "https://a"\n', UV_NO_CONFIG="1") == {}


def test_a_broken_file_is_named(host):
    """With its path."""
    with pytest.raises(UsageError, match=r"uv\.toml"):
        host("[")
