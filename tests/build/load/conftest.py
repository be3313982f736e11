"""Docker in three forms, podman and containerd, each with a store of its own, and images for them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.build.load.runtimes import Images, Runtime
from tests.docker_host import current_dockerd
from tests.docker_wrapper import path_with_docker
from tests.hives import TestHive
from tests.servers import containerd, dockerd, need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DOCKER_FORGET = '"$RUNTIME" image rm --force $("$RUNTIME" image ls --quiet --no-trunc | sort -u)'


@pytest.fixture
def images(tmp_path) -> Images:
    """A store with a base image."""
    return Images(TestHive(tmp_path, tmp_path / "store"))


def _docker(program: str, env: dict[str, str], form) -> Runtime:
    listing = ("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
    return Runtime("docker", program, env, form, ("save",), listing, _DOCKER_FORGET)


@pytest.fixture(scope="module")
def old_docker(tmp_path_factory) -> Iterator[Runtime]:
    """Docker 20.10 of Debian 12; the daemon's data are in ``DATA``."""
    root: Path = tmp_path_factory.mktemp("old")
    with dockerd(root) as address:
        env = {
            "DOCKER_HOST": address,
            "PATH": f"/usr/bin:{os.environ['PATH']}",
            "DATA": f"{root}/dockerd/data",
        }
        yield _docker("/usr/bin/docker", env, "docker")


@pytest.fixture(scope="module")
def new_docker(tmp_path_factory) -> Iterator[Runtime]:
    """Docker 26.1 of Debian 13 with its classic image store."""
    root: Path = tmp_path_factory.mktemp("new")
    with current_dockerd(root) as (client, variables):
        path = path_with_docker(root / "bin", client, variables)
        yield _docker(f"{root}/bin/docker", {"PATH": path}, "docker")


@pytest.fixture(scope="module")
def docker_with_containerd(tmp_path_factory) -> Iterator[Runtime]:
    """The same with the containerd image store, which newer versions have by default."""
    root: Path = tmp_path_factory.mktemp("containerd")
    with pytest.MonkeyPatch.context() as patch:
        # As in its own tests; a person sets features.containerd-snapshotter in daemon.json.
        patch.setenv("TEST_INTEGRATION_USE_SNAPSHOTTER", "1")
        with current_dockerd(root) as (client, variables):
            path = path_with_docker(root / "bin", client, variables)
            yield _docker(f"{root}/bin/docker", {"PATH": path}, "oci")


@pytest.fixture(params=["old_docker", "new_docker", "docker_with_containerd"])
def docker(request) -> Runtime:
    """Each of them."""
    runtime: Runtime = request.getfixturevalue(request.param)
    return runtime


@pytest.fixture(scope="module")
def podman(tmp_path_factory) -> Iterator[Runtime]:
    """The podman of root, in a storage of its own."""
    need("podman")
    root: Path = tmp_path_factory.mktemp("podman")
    storage = root / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "{root}/run"\ngraphroot = "{root}/graph"\n'
        '[storage.options.overlay]\nskip_mount_home = "true"\n'
    )
    env = {"CONTAINERS_STORAGE_CONF": str(storage)}
    save = ("save", "--quiet", "--format", "oci-archive")
    listing = ("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
    yield Runtime("podman", "podman", env, "oci", save, listing, '"$RUNTIME" image rm --all --force')
    subprocess.run(["podman", "image", "rm", "--all", "--force"], env={**os.environ, **env}, check=True)


@pytest.fixture(scope="module")
def private_containerd(tmp_path_factory) -> Iterator[Runtime]:
    """A containerd of its own."""
    with containerd(tmp_path_factory.mktemp("containerd")) as address:
        env = {"CONTAINERD_ADDRESS": address}
        forget = '"$RUNTIME" images rm --sync $("$RUNTIME" images ls --quiet)'
        listing = ("images", "ls", "--quiet")
        yield Runtime("containerd", "ctr", env, "oci", ("images", "export", "-"), listing, forget)
