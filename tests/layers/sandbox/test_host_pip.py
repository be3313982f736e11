"""The host's pip configuration, as pip itself would read it."""

from __future__ import annotations

import configparser

import pytest

from hivebase.errors import UsageError
from hivebase.layers.sandbox.host_pip import pip_configuration, pip_settings
from hivebase.layers.sandbox.remap import LocalDirectories


@pytest.fixture
def host(tmp_path):
    """Return a function that merges the configuration of a host whose files are given by name."""
    home, root = tmp_path / "home", tmp_path / "root"

    def read(files=(), **environ):
        for name, text in dict(files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        settings = pip_settings({"HOME": str(home), **environ}, home, root)
        parser = configparser.RawConfigParser()
        parser.read_string(pip_configuration(settings, LocalDirectories(home)))
        return {section: dict(parser[section]) for section in parser.sections()}

    return read


def test_files_are_merged_and_the_users_wins(host):
    """The user's file overrides the global one, setting by setting."""
    merged = host(
        {
            "root/etc/pip.conf": "[global]\nindex-url = https://a\ntimeout = 9\n",
            "home/.config/pip/pip.conf": "[global]\nindex-url = https://b\n",
        }
    )

    assert merged == {"global": {"index-url": "https://b", "timeout": "9"}}


def test_underscores_and_hyphens_are_the_same(host):
    """As pip spells them."""
    assert host({"root/etc/pip.conf": "[install]\nextra_index_url = https://a\n"}) == {
        "install": {"extra-index-url": "https://a"}
    }


def test_variables_win_over_every_section(host):
    """A variable counts for all commands, so a section of one command does not override it."""
    merged = host({"root/etc/pip.conf": "[install]\nindex-url = https://a\n"}, PIP_INDEX_URL="https://b")

    assert merged == {"global": {"index-url": "https://b"}}


def test_the_named_file_replaces_the_users(host, tmp_path):
    """PIP_CONFIG_FILE leaves the global file and hides the user's."""
    merged = host(
        {
            "root/etc/pip.conf": "[global]\ntimeout = 9\n",
            "home/.pip/pip.conf": "[global]\nindex-url = https://user\n",
            "named.conf": "[global]\nretries = 2\n",
        },
        PIP_CONFIG_FILE=str(tmp_path / "named.conf"),
    )

    assert merged == {"global": {"timeout": "9", "retries": "2"}}


def test_dev_null_means_no_file(host):
    """The documented way to ignore all files."""
    assert host({"root/etc/pip.conf": "[global]\ntimeout = 9\n"}, PIP_CONFIG_FILE="/dev/null") == {}


def test_what_decides_the_result_is_not_taken(host):
    """Targets, constraints, build options and paths of keys stay on the host."""
    file = "[global]\ntarget = /x\nconstraint = /c\nclient-cert = /k\nuser = true\n[list]\nformat = json\n"

    assert host({"root/etc/pip.conf": file}, PIP_CONSTRAINT="/c", PIP_NO_BINARY=":all:") == {}


def test_a_broken_file_is_named_without_its_content(host):
    """The error says which file; the line, which may hold a password, is not repeated."""
    with pytest.raises(UsageError) as caught:
        host({"root/etc/pip.conf": "index-url = https://user:hidden@x\n"})

    assert caught.value.where.endswith("etc/pip.conf")
    assert "hidden" not in str(caught.value)


def test_directories_are_rewritten(host, tmp_path):
    """Local places lead into the directory that the step sees; missing ones and URLs stay as they are."""
    (tmp_path / "wheels").mkdir()
    merged = host(PIP_FIND_LINKS=f"{tmp_path}/wheels https://links.example /no/such")

    assert merged["global"]["find-links"].split() == [
        "/run/hivebase-host/directories/0",
        "https://links.example",
        "/no/such",
    ]
