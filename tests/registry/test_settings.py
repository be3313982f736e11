"""The ``registry`` table of hivebase.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from hivebase.errors import UsageError
from hivebase.registry.settings import Mirror, RegistrySettings, connected_host
from hivebase.transport import HostPolicy

TEXT = """
[registry."registry.example:5000"]
insecure = true
[registry."10.0.0.5"]
ca = "certificates/ca.pem"
[registry."docker.io"]
mirror = "mirror.example/hub/"
[registry."[::1]:5000"]
ca = "/etc/ca.pem"
[registry."Capital.example"]
insecure = true
"""


def test_the_table_is_read():
    """Hosts, relative files, mirrors."""
    settings = RegistrySettings.parse(tomllib.loads(TEXT)["registry"], Path("/hive"))
    expected = {
        "registry.example:5000": HostPolicy(insecure=True),
        "10.0.0.5": HostPolicy(ca=Path("/hive/certificates/ca.pem")),
        "registry-1.docker.io": HostPolicy(),
        "[::1]:5000": HostPolicy(ca=Path("/etc/ca.pem")),
        "capital.example": HostPolicy(insecure=True),
    }
    assert expected == settings.hosts
    assert settings.mirrors == {"docker.io": Mirror("mirror.example", "hub")}


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"r.example": True}, "not a table"),
        ({"r.example": {"insecur": True}}, "unknown key 'insecur'"),
        ({"r.example": {"insecure": "yes"}}, "true or false"),
        ({"r.example": {"ca": 5}}, "a string"),
        ({"https://r.example": {}}, "not a registry"),
        ({"r.example/path": {}}, "not a registry"),
        ({"r.example:0": {}}, "not a registry"),
        ({"user@r.example": {}}, "not a registry"),
        ({"r.example": {"mirror": "http://m.example"}}, "not a registry"),
        ({"r.example": {"mirror": "m.example/../x y"}}, "not a repository prefix"),
    ],
)
def test_mistakes_are_named(table, word):
    """The error names the table and what is wrong in it."""
    with pytest.raises(UsageError, match=word) as caught:
        RegistrySettings.parse(table)
    assert caught.value.where.startswith("[registry.")


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_one_server(name):
    """All its names lead to the same host."""
    assert connected_host(name) == "registry-1.docker.io"
