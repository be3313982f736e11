"""Images into Docker's daemons: what they have is not sent, and what they lost is."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from tests.build.load.loading import interrupted
from tests.oci.images import layer_tar

from hivebase.build.load.docker import held_chain

pytestmark = [pytest.mark.root, pytest.mark.server]


def test_the_second_time_no_layer_is_sent(images, docker):
    """The first time all are; the image runs, has our names and is whole."""
    sizes = images.sizes(images.base, docker.form)
    first = images.load(docker, images.base)
    assert (first["layers_sent"], first["layers_present"], first["bytes_sent"]) == (2, 0, sum(sizes))
    again = images.load(docker, images.base)
    assert (again["layers_sent"], again["layers_present"], again["bytes_sent"]) == (0, 2, 0)
    assert (first["names"], again["refused"]) == ([images.base], "")
    assert images.base in docker.names()
    images.assert_whole(docker, images.base, images.base)


def test_a_patch_sends_one_layer(images, docker):
    """And the patched image runs on the layers that were there."""
    images.load(docker, images.base)
    patched = images.patched()
    loaded = images.load(docker, patched)
    assert (loaded["layers_sent"], loaded["bytes_sent"]) == (1, images.sizes(patched, docker.form)[-1])
    assert loaded["refused"] == ""
    ran = docker("run", "--rm", "--network=none", patched, "/bin/cat", "/patch")
    assert ran == images.token
    images.assert_whole(docker, patched, patched)


def test_what_stands_on_another_layer_is_sent_again_where_layers_are_chains(images, docker):
    """Docker's own store knows a layer by all below it, containerd's the blob alone."""
    images.load(docker, images.base)
    other = images.put("other", images.bottom[0], layer_tar({"new": b"n"}), images.bottom[1])
    loaded = images.load(docker, other)
    assert (loaded["layers_sent"], loaded["refused"]) == ({"docker": 2, "oci": 1}[docker.form], "")
    images.assert_whole(docker, other, other)


def test_a_daemon_that_lost_the_base_gets_all(images, docker, tmp_path):
    """Its images are removed between the question and the archive: it refuses, and is given everything."""
    images.load(docker, images.base)
    patched = images.patched()
    env = docker.first("load", docker.forget, tmp_path / "bin")
    loaded = images.load(docker, patched, env=env)
    assert (loaded["layers_sent"], loaded["layers_present"]) == (3, 0)
    assert loaded["bytes_sent"] == sum(images.sizes(patched, docker.form))
    assert loaded["refused"] != ""
    assert images.base not in docker.names()
    ran = docker("run", "--rm", "--network=none", patched, "/bin/cat", "/patch")
    assert ran == images.token
    images.assert_whole(docker, patched, patched)


def test_a_refusal_is_told(images, old_docker, tmp_path):
    """On standard error; standard output has the result."""
    images.load(old_docker, images.base)
    images.hive.env = old_docker.first("load", old_docker.forget, tmp_path / "bin")
    done = images.hive.run("load", images.base, "--into", "docker")
    assert "sending all layers, as docker refused a part: open /" in done.stderr
    assert "sent 2 of 2 layers" in done.stderr
    assert done.stdout == f"Loaded image: {images.base}\n"


def test_layers_that_came_as_another_blob_are_sent(images, docker_with_containerd, tmp_path):
    """They are unpacked there already, and the daemon would not miss the blobs before somebody wants them."""
    images.hive.run("export", images.base, str(tmp_path / "x.tar"), "--format", "docker")
    docker_with_containerd("load", stdin=(tmp_path / "x.tar").read_bytes())
    loaded = images.load(docker_with_containerd, images.base)
    assert (loaded["layers_sent"], loaded["refused"]) == (2, "")
    images.assert_whole(docker_with_containerd, images.base, images.base)


def test_an_image_has_our_digests(images, docker):
    """Docker's own store calls it by its configuration, containerd's by its manifest."""
    images.load(docker, images.base)
    image = images.store.image(images.base)
    ours = image.manifest.config.digest if docker.form == "docker" else image.descriptor.digest
    assert docker("image", "inspect", "--format", "{{.Id}}", images.base).strip() == ours


def test_latest_is_a_second_name(images, docker):
    """Where it is asked for."""
    loaded = images.load(docker, images.base, "--latest")
    latest = images.base.replace(":1.0", ":latest")
    assert loaded["names"] == [images.base, latest]
    assert {images.base, latest} <= set(docker.names())


def test_a_damaged_blob_is_no_reason_to_send_all(images, old_docker):
    """It is told, and the daemon has no image of it."""
    patched = images.patched()
    images.load(old_docker, images.base)
    path = images.store.blobs.path(images.store.image(patched).manifest.layers[-1].digest)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    done = images.hive.run("load", patched, "--into", "docker", code=1)
    assert "error[corrupt-content]" in done.stderr
    assert "sending all layers" not in done.stderr
    assert patched not in old_docker.names()


def test_an_interrupted_load_leaves_nothing(images, old_docker):
    """Neither in our store nor, once the daemon has noticed, in its own."""
    directory = Path(old_docker.env["DATA"]) / "tmp"
    large = images.put_large(200_000_000)

    def unpacks() -> bool:
        return any(directory.glob("docker-import-*"))

    done = interrupted(images, old_docker, large, signal.SIGINT, unpacks)
    assert (done.returncode, done.stdout) == (130, "")
    assert "error[interrupted]" in done.stderr
    deadline = time.monotonic() + 20
    while unpacks() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not unpacks()
    assert large not in old_docker.names()


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([], ""),
        (["ab"], "ab"),
        (["abcdx"], "abcd"),
        (["abc", "abcd", "a"], "abcd"),
        (["bcd"], ""),
        (["xabc"], ""),
        (["ax", "xb"], "a"),
        ([""], ""),
    ],
)
def test_only_a_common_beginning_is_there(images, expected):
    """A layer upon others is another layer."""
    assert held_chain("abcd", images) == frozenset(expected)


def test_a_layer_that_comes_again_higher_up_is_sent():
    """Its file serves both places, and the upper one needs it."""
    assert held_chain("aba", ["a"]) == frozenset()
    assert held_chain("aab", ["aa"]) == {"a"}
