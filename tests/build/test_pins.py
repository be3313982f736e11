"""Digests of bases that are learned while building are written to hivebase.lock, and none is lost."""

from __future__ import annotations

import pytest

from hivebase.build.session import Options, Session
from hivebase.build.workspace import open_workspace, read_lock
from hivebase.oci.model import ImageConfig
from hivebase.oci.platforms import host_platform
from hivebase.oci.store import Store

FILES = {
    "hivebase.toml": '[hive]\nname = "team"\n[[group]]\nname = "all"\npath = "."\n',
    "a/Dockerfile": "FROM one.example/first:1\n",
    "b/Dockerfile": "FROM one.example/second:1\n",
}


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


@pytest.fixture
def root(tmp_path):
    """A hive whose two images stand on two bases of a registry."""
    for name, text in FILES.items():
        path = tmp_path / "hive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "hive"


def _session(store, root, image):
    def pull(reference, platform, _digest):
        config = ImageConfig(architecture=platform.architecture, os=platform.os, author=reference.canonical)
        return store.put_image(config, [])

    return Session(open_workspace(root), store, Options(images=[image]), pull=pull)


def test_s4_two_builds_that_learn_different_digests_lose_none(store, root):
    """The second one began before the first one wrote, and writes after it."""
    with _session(store, root, "a") as first, _session(store, root, "b") as second:
        first.prepare()
        second.prepare()
    platform = str(host_platform())
    lock = read_lock(root)
    assert lock.pin("one.example/first:1", platform) == store.refs()["one.example/first:1"].digest
    assert lock.pin("one.example/second:1", platform) == store.refs()["one.example/second:1"].digest
    assert sorted(path.name for path in root.iterdir()) == ["a", "b", "hivebase.lock", "hivebase.toml"]


def test_without_a_configuration_nothing_is_written(store, root):
    """A tree of other people's Dockerfiles stays as it is."""
    (root / "hivebase.toml").unlink()
    with _session(store, root, "a") as session:
        session.prepare()
    assert sorted(path.name for path in root.iterdir()) == ["a", "b"]
