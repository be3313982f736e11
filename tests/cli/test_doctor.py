"""``hivebase doctor --to``: whether a push would be let in, found out before anything is built."""

from __future__ import annotations

import base64
import json

import pytest
from tests.hives import TestHive
from tests.servers import docker_registry, free_port

pytestmark = pytest.mark.server

FILES = {
    "hivebase.toml": '[hive]\nname = "hive"\nversion = "1.0.0"\n\n[[group]]\nname = "some"\npath = "low"\n',
    "low/one/Dockerfile": "FROM scratch\n",
    "high/Dockerfile": "FROM hive/one:1.0.0\n",
}


@pytest.fixture
def hive(tmp_path):
    return TestHive(tmp_path / "hive", tmp_path / "store", {"HOME": str(tmp_path)}).write(FILES)


def login(tmp_path, host: str, password: str) -> None:
    entry = {"auth": base64.b64encode(f"me:{password}".encode()).decode()}
    (tmp_path / ".docker").mkdir(exist_ok=True)
    (tmp_path / ".docker/config.json").write_text(json.dumps({"auths": {host: entry}}))


def test_each_repository_is_tried_and_nothing_is_left(hive, tmp_path):
    """Nothing is built yet; the upload that was begun is given up."""
    with docker_registry(tmp_path) as host:
        checks = hive.json("doctor", "--to", f"{host}/team", "--group", "some")["checks"]
        assert [(item["state"], item["detail"]) for item in checks] == [("ok", "team/one can be written to")]
        (home,) = tmp_path.glob("registry-*")
        assert len(list(home.rglob("_uploads/*"))) == 1
        assert list(home.rglob("_uploads/*/startedat")) == []


def test_a_password_that_is_not_taken(hive, tmp_path):
    """The same refusal as the push would meet; the password is not shown."""
    with docker_registry(tmp_path, user=("me", "right-password")) as host:
        done = hive.run("doctor", "--to", f"{host}/team", code=3)
        assert f"{host} refuses access" in done.stderr
        login(tmp_path, host, "wrong-password")
        done = hive.run("doctor", "--to", f"{host}/team", code=3)
        assert "does not let us write" in done.stderr
        assert "wrong-password" not in done.stderr + done.stdout
        login(tmp_path, host, "right-password")
        hive.run("doctor", "--to", f"{host}/team")


def test_nobody_there(hive):
    """An error of the network, as of the push."""
    done = hive.run("doctor", "--to", f"localhost:{free_port()}/team", code=3)
    assert "error[registry-unreachable]" in done.stderr


def test_wrong_words(hive):
    assert "--to" in hive.run("doctor", "--no-create", code=2).stderr
    assert "no profile is called" in hive.run("doctor", "--to", "nowhere", code=2).stderr
