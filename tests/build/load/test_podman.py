"""Images into podman: what it has is not sent, and what it cannot use is."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.build.load.loading import interrupted
from tests.oci.images import layer_tar

from hivebase.build.load.podman import local_name

pytestmark = [pytest.mark.root, pytest.mark.server]


def test_the_second_time_no_layer_is_sent(images, podman):
    """The image has the digest of our manifest, and the name that podman gives what comes from a file."""
    first = images.load(podman, images.base)
    assert (first["layers_sent"], first["bytes_sent"]) == (2, sum(images.sizes(images.base, "oci")))
    again = images.load(podman, images.base)
    assert (again["layers_sent"], again["layers_present"], again["bytes_sent"]) == (0, 2, 0)
    assert (again["names"], again["refused"]) == ([f"localhost/{images.base}"], "")
    digest = podman("image", "inspect", "--format", "{{.Digest}}", f"localhost/{images.base}").strip()
    assert digest == images.store.image(images.base).descriptor.digest
    images.assert_whole(podman, f"localhost/{images.base}", images.base)


def test_a_patch_sends_one_layer(images, podman):
    """And the patched image is whole: all paths can be read through a mount."""
    images.load(podman, images.base)
    patched = images.patched()
    loaded = images.load(podman, patched, "--latest")
    assert (loaded["layers_sent"], loaded["bytes_sent"]) == (1, images.sizes(patched, "oci")[-1])
    latest = f"localhost/{patched.replace(':1.0', ':latest')}"
    assert loaded["names"] == [f"localhost/{patched}", latest]
    assert set(podman.names()) >= {f"localhost/{patched}", latest}
    images.assert_whole(podman, latest, patched)
    root = Path(podman("image", "mount", latest).strip())
    try:
        found = {path: (root / path).stat().st_size for path in ("patch", "one", "two")}
    finally:
        podman("image", "unmount", latest)
    assert found == {"patch": len(images.token), "one": 2000, "two": 70_000}


def test_a_layer_upon_another_is_not_sent_again(images, podman):
    """Podman makes it from the one that it has."""
    images.load(podman, images.base)
    other = images.put("other", images.bottom[0], layer_tar({"new": b"n"}), images.bottom[1])
    loaded = images.load(podman, other)
    assert (loaded["layers_sent"], loaded["refused"]) == (1, "")
    images.assert_whole(podman, f"localhost/{other}", other)


def test_layers_that_came_from_another_blob_are_sent(images, podman, tmp_path):
    """It seems to have them, but cannot know that they are the same: it refuses, and is given all."""
    images.hive.run("export", images.base, str(tmp_path / "x.tar"), "--format", "docker")
    podman("load", "--quiet", stdin=(tmp_path / "x.tar").read_bytes())
    patched = images.patched()
    loaded = images.load(podman, patched)
    assert (loaded["layers_sent"], loaded["layers_present"]) == (3, 0)
    assert "no such file or directory" in str(loaded["refused"])
    images.assert_whole(podman, f"localhost/{patched}", patched)


def test_a_podman_that_lost_the_base_gets_all(images, podman, tmp_path):
    """Its images are removed between the question and the archive."""
    images.load(podman, images.base)
    patched = images.patched()
    loaded = images.load(podman, patched, env=podman.first("load", podman.forget, tmp_path / "bin"))
    assert (loaded["layers_sent"], podman.names()) == (3, [f"localhost/{patched}"])
    assert loaded["refused"] != ""
    images.assert_whole(podman, f"localhost/{patched}", patched)


@pytest.fixture
def service(podman, tmp_path):
    """The same storage behind a service: its client cannot read our files."""
    socket = tmp_path / "s"
    command = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
    with subprocess.Popen(command, env={**os.environ, **podman.env}) as running:
        try:
            deadline = time.monotonic() + 20
            while not socket.exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            # The client of Debian's package goes to a service when it is told to.
            wrapper = tmp_path / "remote" / "podman"
            wrapper.parent.mkdir()
            wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/podman --remote --url unix://{socket} "$@"\n')
            wrapper.chmod(0o755)
            env = {"PATH": f"{wrapper.parent}:{os.environ['PATH']}"}
            yield replace(podman, program=str(wrapper), env=env)
        finally:
            running.terminate()


def test_a_service_is_sent_what_it_lacks(images, service, podman):
    """Over its socket, as to the local one."""
    assert images.load(service, images.base)["layers_sent"] == 2
    patched = images.patched()
    assert images.load(service, patched)["layers_sent"] == 1
    images.assert_whole(podman, f"localhost/{patched}", patched)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_load_leaves_nothing(images, podman, tmp_path, number):
    """Podman leaves its copies of the archive when it is ended, so they are where we take them away."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    large = images.put_large(100_000_000)
    runtime = replace(podman, env={**podman.env, "TMPDIR": str(elsewhere)})
    work = images.hive.store / ".hivebase" / "work"
    done = interrupted(images, runtime, large, number, lambda: any(work.glob("build-*/*")))
    assert (done.returncode, done.stdout) == (130, "")
    assert list(elsewhere.iterdir()) == []
    assert f"localhost/{large}" not in podman.names()


@pytest.mark.parametrize("written", ["python:3.11-slim", "team/app:1", "reg.example:5000/x/y:2"])
def test_names_are_those_of_a_docker_archive(images, podman, tmp_path, written):
    """What podman calls an image does not depend on how it got there."""
    images.store.tag(written, images.store.image(images.base).descriptor)
    images.hive.run("export", written, str(tmp_path / "x.tar"), "--format", "docker")
    printed = podman("load", "--quiet", stdin=(tmp_path / "x.tar").read_bytes())
    assert printed == f"Loaded image: {local_name(written)}\n"
    podman("image", "rm", local_name(written))
    loaded = images.load(podman, written)
    assert loaded["names"] == [local_name(written)]
    assert podman("image", "exists", local_name(written)) == ""
