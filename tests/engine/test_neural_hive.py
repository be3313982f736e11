"""The first hive, built for real: apt, pip, runc, and the script that users run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from tests.equivalence.trees import flatten, unexpected
from tests.servers import docker_registry, dockerd

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]
NAMES = [
    "python-grpc-base",
    "python-ml-base",
    "python-mlops-base",
    "python-nlp-base",
    "python-specialist-base",
]
REFS = [f"neural-hive-mind/{name}:1.0.0" for name in NAMES]
EPOCH = "1700000000"


def _run(*command, env=None, cwd=ROOT, code=0):
    """Run a command of the project with a store of the caller's choice."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == code, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The environment of a store that the script has just filled."""
    env = {
        "HIVEBASE_STORE": str(tmp_path_factory.mktemp("hive") / "store"),
        "SOURCE_DATE_EPOCH": EPOCH,
        "CI": "true",
    }
    _run("scripts/build-base-images.sh", env=env)
    return env


@pytest.fixture(scope="module")
def hivebase(store):
    """Run the installed command on that store."""

    def run(*words, code=0):
        return _run(str(ROOT / ".venv/bin/hivebase"), *words, env=store, code=code)

    return run


def _digests(env):
    done = _run(str(ROOT / ".venv/bin/hivebase"), "images", "--json", env=env)
    return {item["ref"]: item["digest"] for item in json.loads(done.stdout)["images"]}


def test_the_script_builds_five_images(hivebase):
    """Each is listed at 1.0.0 with digest, sizes, layers, base and what stands in for the official content."""
    images = json.loads(hivebase("images", "--json").stdout)["images"]
    assert [item["ref"] for item in images] == REFS
    for item in images:
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", item["digest"])
        assert item["size"] > item["compressed_size"] > 10_000_000
        assert 2 <= item["layers"] <= 40
        assert item["base"]
        assert isinstance(item["stand_ins"], list)
    by_name = {item["ref"]: item for item in images}
    assert by_name[REFS[1]]["base"] == "python:3.11-slim"
    assert by_name[REFS[4]]["base"] == REFS[3]


def test_a_second_run_changes_nothing_and_says_why(store):
    """One line per image, each cached and up to date."""
    before = _digests(store)
    done = _run("scripts/build-base-images.sh", env=store)
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("cached") and "UP_TO_DATE" in line for line in lines)
    assert _digests(store) == before


def test_the_contracts_hold(hivebase):
    """Every image keeps its own promises and its ancestors', without a network."""
    document = json.loads(hivebase("test", "--json").stdout)
    tests = {item["ref"]: item["tests"] for item in document["images"]}
    assert sorted(tests) == REFS
    assert {test["contract"] for test in tests[REFS[4]]} == {
        "python-ml-base",
        "python-grpc-base",
        "python-nlp-base",
        "python-specialist-base",
    }


def test_the_contracts_can_fail(store, tmp_path):
    """A promise that the image does not keep is reported, and the exit code is 1."""
    shutil.copytree(ROOT / "base-images", tmp_path / "base-images")
    shutil.copy(ROOT / "hivebase.toml", tmp_path)
    contract = tmp_path / "base-images/python-ml-base/container-structure-test.yaml"
    contract.write_text(
        "schemaVersion: 2.0.0\n"
        "commandTests:\n- {name: no such pip, command: pip, args: [--version], expectedOutput: ['^pip 1\\.0 ']}\n"
    )
    done = _run(str(ROOT / ".venv/bin/hivebase"), "test", "python-ml-base", env=store, cwd=tmp_path, code=1)
    assert "no such pip" in done.stdout
    assert "pip 24.0" in done.stdout


def test_skopeo_reads_the_store(store):
    """The store is an OCI image layout as it stands."""
    done = _run("skopeo", "inspect", f"oci:{store['HIVEBASE_STORE']}:neural-hive-mind/python-grpc-base:1.0.0")
    document = json.loads(done.stdout)
    assert document["Labels"]["org.opencontainers.image.version"] == "1.0.0"
    assert document["Digest"] == _digests(store)[REFS[0]]


@pytest.mark.server
def test_docker_loads_and_runs_an_exported_image(hivebase, tmp_path):
    """A real dockerd takes the docker-archive, and Python in it imports grpc."""
    file = tmp_path / "image.tar"
    hivebase("export", "python-grpc-base", str(file), "--format", "docker")
    with dockerd(tmp_path) as daemon:
        docker = ["docker", "--host", daemon]
        assert f"Loaded image: {REFS[0]}" in _run(*docker, "load", "--input", str(file)).stdout
        command = [
            "run",
            "--rm",
            "--network=host",
            REFS[0],
            "python",
            "-c",
            "import grpc; print(grpc.__version__)",
        ]
        assert re.match(r"1\.\d+", _run(*docker, *command).stdout)


def test_p1_another_machine_gives_the_same_digests(store, tmp_path_factory):
    """Another directory, umask, time zone, language, hash seed and number of workers: the same five digests."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a directory with spaces"
    elsewhere.mkdir()
    shutil.copytree(ROOT / "base-images", elsewhere / "base-images")
    shutil.copy(ROOT / "hivebase.toml", elsewhere)
    for path in (elsewhere, *elsewhere.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (0, 0))
    env = {
        "HIVEBASE_STORE": str(elsewhere.parent / "store"),
        "SOURCE_DATE_EPOCH": EPOCH,
        "TZ": "Asia/Tokyo",
        "LANG": "pt_BR.UTF-8",
        "PYTHONHASHSEED": "7",
    }
    command = f"umask 077; exec {ROOT}/.venv/bin/hivebase build -q -j1"
    _run("sh", "-c", command, env=env, cwd=elsewhere)
    assert _digests(env) == _digests(store)


def test_what_is_composed_is_what_pip_installs(store, hivebase, tmp_path):
    """All wheels of the hive, in all five images, really installed in a second store: no tree differs unexpectedly."""
    hivebase("export", "python:3.11-slim", str(tmp_path / "base.tar"))
    installed = {**store, "HIVEBASE_STORE": str(tmp_path / "store")}
    command = str(ROOT / ".venv/bin/hivebase")
    _run(command, "import", str(tmp_path / "base.tar"), "python:3.11-slim", env=installed)
    _run(command, "build", "-q", "--no-compose", env=installed)
    stores = [Path(env["HIVEBASE_STORE"]) for env in (store, installed)]
    for ref in REFS:
        composed, run = (flatten(layout, ref) for layout in stores)
        assert unexpected(composed, run) == []


@pytest.mark.server
def test_the_hive_is_published_once_and_a_patch_is_small(store, tmp_path):
    """First push, nothing in the second, a few MB after a patch of protobuf; docker, podman and skopeo read it all."""
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copytree(ROOT / "base-images", tree / "base-images")
    for name in ("hivebase.toml", "hivebase.lock"):
        shutil.copy(ROOT / name, tree)
    # In the same store, beside the images that the tests above look at: so this comes last.
    env = store
    command = str(ROOT / ".venv/bin/hivebase")
    with docker_registry(tmp_path) as host:
        target = ["--to", f"{host}/hive", "--allow-stand-ins"]

        def push(*words):
            return json.loads(_run(command, "push", *target, *words, "--json", env=env, cwd=tree).stdout)

        assert "stand-ins" in _run(command, "push", "--to", f"{host}/hive", env=env, cwd=tree, code=4).stderr
        first = push()
        assert [item["status"] for item in first["images"]] == ["published"] * 5
        assert first["blobs"]["mounted"] > first["blobs"]["sent"] > 20
        second = push()
        assert (second["blobs"]["sent"], second["blobs"]["mounted"], second["bytes"]) == (0, 0, 0)
        settings = tree / "hivebase.toml"
        settings.write_text(settings.read_text().replace('"1.0.0"', '"1.0.1"'))
        _run(command, "lock", "-P", "protobuf==7.36.1", env=env, cwd=tree)
        _run(command, "build", "-q", env=env, cwd=tree)
        patch = push()
        assert [item["tags"] for item in patch["images"]] == [["1.0.1"]] * 5
        assert patch["bytes"] < 5_000_000 < first["bytes"] / 100
        digests = {item["name"]: item["digest"] for item in patch["images"]}
        _readable(host, digests, tmp_path)


def _readable(host, digests, directory):
    """Pull every image with docker, podman and skopeo, each into something empty."""
    docker = ["docker", "--host"]
    skopeo = ["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]
    # podman wants a short path for what it keeps while it runs.
    with dockerd(directory) as daemon, tempfile.TemporaryDirectory(prefix="podman-") as run:
        podman = ["podman", "--root", str(directory / "podman"), "--runroot", run]
        try:
            for name, digest in digests.items():
                image = f"{host}/hive/{name}:1.0.1"
                assert digest in _run(*docker, daemon, "pull", image).stdout
                _run(*podman, "--storage-driver=overlay", "pull", "--tls-verify=false", "--quiet", image)
                copied = directory / f"{name}.layout"
                _run(*skopeo, f"docker://{image}", f"oci:{copied}:x")
                assert digest[7:] in (copied / "index.json").read_text()
                shutil.rmtree(copied)
            python = ["run", "--rm", "--network=none", image, "python", "-V"]
            assert "Python 3.11" in _run(*docker, daemon, *python).stdout
        finally:
            for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
                if f" {directory}/podman" in line:
                    subprocess.run(["umount", "--lazy", line.split()[4]], check=False)
