"""``hivebase load``: what is refused before a runtime is asked, and one that is not there."""

from __future__ import annotations

import json
import os
import shlex
import sys

import pytest
from tests.hives import TestHive
from tests.oci.images import layer_tar, put_image
from tests.servers import need

from hivebase.oci.store import Store

REF = "team/app:1.0"
PROGRAMS = {
    "docker": ("docker", "docker.io"),
    "podman": ("podman", "podman"),
    "containerd": ("ctr", "containerd"),
}


@pytest.fixture
def hive(tmp_path):
    """One image in the store."""
    store = Store.open(tmp_path / "store")
    store.tag(REF, put_image(store, layer_tar({"a": b"1"})))
    return TestHive(tmp_path, tmp_path / "store")


@pytest.mark.parametrize("runtime", PROGRAMS)
def test_a_runtime_that_is_not_installed_is_told(hive, tmp_path, runtime):
    """With the package that brings it."""
    program, package = PROGRAMS[runtime]
    hive.env["PATH"] = str(tmp_path / "nothing")
    err = hive.run("load", REF, "--into", runtime, code=3).stderr
    assert f"{program} is not installed" in err
    assert f"apt-get install {package}" in err


@pytest.mark.parametrize(
    ("runtime", "env"),
    [
        ("docker", {"DOCKER_HOST": "unix:///nowhere/socket"}),
        ("podman", {"CONTAINER_HOST": "unix:///nowhere/socket"}),
        ("containerd", {"CONTAINERD_ADDRESS": "/nowhere/socket"}),
    ],
)
def test_a_runtime_that_does_not_answer_is_told(hive, runtime, env):
    """With what its own command says."""
    program, _ = PROGRAMS[runtime]
    need("dockerd" if runtime == "docker" else "podman" if runtime == "podman" else "containerd")
    hive.env.update(env)
    done = hive.run("load", REF, "--into", runtime, code=3)
    assert done.stdout == ""
    assert f"{program} does not answer" in done.stderr
    assert "/nowhere" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--into", "docker", "--namespace", "k8s.io"),
        ("--into", "containerd", "--namespace", "a b"),
        ("--into", "containerd", "--namespace", "-x"),
        ("--into", "crio"),
        (),
    ],
)
def test_words_that_make_no_sense_are_a_mistake(hive, words):
    """Of usage."""
    assert "error[usage]" in hive.run("load", REF, *words, code=2).stderr


@pytest.mark.parametrize("runtime", PROGRAMS)
def test_latest_is_not_for_automation(hive, runtime):
    """A policy, whatever the runtime."""
    hive.env["CI"] = "true"
    assert "error[policy]" in hive.run("load", REF, "--into", runtime, "--latest", code=4).stderr


def test_an_image_that_is_not_there_is_a_mistake(hive):
    """And the nearest one is named."""
    err = hive.run("load", "team/ap:1.0", "--into", "docker", code=2).stderr
    assert REF in err


def test_a_runtime_that_fails_is_told_with_its_words(hive, tmp_path):
    """A program that answers all questions and takes no image: exit code 1."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in load) cat >/dev/null; echo "no space left" >&2; exit 1;; info) echo "[]";; esac\n'
    )
    program.chmod(0o755)
    hive.env["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    err = hive.run("load", REF, "--into", "docker", code=1).stderr
    assert f"docker did not load {REF}" in err
    assert "because no space left" in err


def test_podman_under_the_name_of_docker_is_sent_all(hive, tmp_path):
    """It says nothing of an image store, so nothing is left out: a docker-archive, as all of them take it."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase "$1" in load) cat > {tmp_path}/archive;; info) echo no such field >&2; exit 125;; esac\n'
    )
    program.chmod(0o755)
    hive.env["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    done = hive.json("load", REF, "--into", "docker")
    assert (done["layers_sent"], done["names"]) == (1, [REF])
    assert b"manifest.json" in (tmp_path / "archive").read_bytes()[:100]


def test_a_prune_meanwhile_takes_nothing_away(hive, tmp_path):
    """The image loses its name and all that nothing names is collected, while the runtime is asked what it has."""
    collect = (
        f"from pathlib import Path; from hivebase.oci.store import Store; s = Store.open(Path({str(hive.store)!r})); "
        f"assert s.untag({REF!r}); s.collect()"
    )
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ncase \"$1\" in load) cat >/dev/null;; info) echo '[]';; "
        f"image) {sys.executable} -c {shlex.quote(collect)};; esac\n"
    )
    program.chmod(0o755)
    hive.env["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    assert hive.json("load", REF, "--into", "docker")["layers_sent"] == 1
    assert Store.open(hive.store).refs() == {}


def test_the_document_says_what_was_sent(hive, tmp_path):
    """Under a schema version."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ncase "$1" in load) cat >/dev/null;; info) echo "[]";; esac\n')
    program.chmod(0o755)
    hive.env["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    done = hive.run("load", REF, "--into", "docker", "--json")
    assert json.loads(done.stdout) == {
        "schema_version": 1,
        "ref": REF,
        "digest": Store.open(hive.store).image(REF).descriptor.digest,
        "runtime": "docker",
        "names": [REF],
        "layers": 1,
        "layers_sent": 1,
        "layers_present": 0,
        "bytes_sent": len(layer_tar({"a": b"1"})),
        "refused": "",
    }
