"""A hive on busybox, with a store of its own."""

from __future__ import annotations

import shutil

import pytest
from tests.hives import BASE, TestHive, busybox_tar


@pytest.fixture(scope="session")
def busybox_file(tmp_path_factory):
    """A root file system tar."""
    path = tmp_path_factory.mktemp("busybox") / "rootfs.tar"
    path.write_bytes(busybox_tar())
    return path


@pytest.fixture(scope="session")
def busybox_store(tmp_path_factory, busybox_file):
    """A store that has the base image ``busybox:1``; to be copied."""
    made = TestHive(tmp_path_factory.mktemp("prepared"), tmp_path_factory.mktemp("store"))
    made.run("import", str(busybox_file), BASE)
    return made.store


@pytest.fixture
def hive(tmp_path, busybox_store):
    """An empty hive whose store has the base image ``busybox:1``."""
    made = TestHive(tmp_path / "hive", tmp_path / "store")
    made.root.mkdir()
    shutil.copytree(busybox_store, made.store)
    return made
