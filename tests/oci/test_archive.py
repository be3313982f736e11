"""Writing archives: deterministic, complete, and taken by the real tools."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from tests.oci.images import layer_tar, put_image, put_layer

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.fs import remove_tree
from hivebase.oci.archive import export_docker, export_oci, oci_name, write_docker, write_oci
from hivebase.oci.model import ImageConfig, RootFS
from hivebase.tar import Reader

NAME = "team/app:1.0"
ONE, TWO = layer_tar({"a": b"1"}), layer_tar({"b": b"2" * 3000})
EXPORTS = [export_oci, export_docker]


@pytest.fixture
def image(store):
    """Return an image of three layers, of which two are equal."""
    store.tag(NAME, put_image(store, ONE, TWO, ONE))
    return store.image(NAME)


def _members(file) -> dict[str, bytes]:
    with file.open("rb") as stream:
        return {entry.name: body.read() for entry, body in Reader(stream) if entry.kind == "file"}


def test_an_oci_archive_is_a_layout(store, image, tmp_path) -> None:
    """All blobs are there under their digests, and the index names the image."""
    export_oci(store, image, NAME, tmp_path / "x.tar")
    members = _members(tmp_path / "x.tar")
    index = json.loads(members["index.json"])
    assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == NAME
    blobs = {name.rpartition("/")[2]: data for name, data in members.items() if name.startswith("blobs/")}
    assert len(blobs) == 4
    assert all(name == Digest.of(data).hex for name, data in blobs.items())


def test_a_docker_archive_has_plain_layers(store, image, tmp_path) -> None:
    """Layers are named by DiffID and uncompressed; a layer that is there twice is written once."""
    export_docker(store, image, NAME, tmp_path / "x.tar")
    members = _members(tmp_path / "x.tar")
    (manifest,) = json.loads(members.pop("manifest.json"))
    assert manifest["RepoTags"] == [NAME]
    assert [members[name] for name in manifest["Layers"]] == [ONE, TWO, ONE]
    assert Digest.of(members[manifest["Config"]]) == image.manifest.config.digest
    assert len(members) == 3


def _written(write, *arguments, **options) -> dict[str, bytes]:
    stream = io.BytesIO()
    write(*arguments, stream, **options)
    stream.seek(0)
    return {entry.name: body.read() for entry, body in Reader(stream) if entry.kind == "file"}


def test_an_oci_archive_without_a_layer_names_it_all_the_same(store, image) -> None:
    """Its blob alone is left out; whoever reads must have it. Those written are told with their sizes."""
    one, two, _ = image.manifest.layers
    told: dict[str, int] = {}
    whole = _written(write_oci, store, image, [oci_name(NAME)])
    part = _written(write_oci, store, image, [oci_name(NAME)], without={one.digest}, told=told.setdefault)
    assert whole.keys() - part.keys() == {f"blobs/sha256/{Digest.parse(one.digest).hex}"}
    assert part.items() <= whole.items()
    assert told == {two.digest: two.size}


def test_a_docker_archive_without_a_layer_names_it_all_the_same(store, image) -> None:
    """Its file alone is left out, in all its places."""
    told: dict[str, int] = {}
    whole = _written(write_docker, store, image, [NAME])
    part = _written(write_docker, store, image, [NAME], without={Digest.of(ONE)}, told=told.setdefault)
    assert whole.keys() - part.keys() == {f"{Digest.of(ONE).hex}.tar"}
    assert part.items() <= whole.items()
    assert told == {Digest.of(TWO): len(TWO)}


def test_an_oci_archive_has_as_many_names_as_wanted(store, image) -> None:
    """One entry in the index for each, with nothing but its annotations."""
    names = [oci_name("team/app:1.0"), {"org.opencontainers.image.ref.name": "localhost/x:2"}]
    index = json.loads(_written(write_oci, store, image, names)["index.json"])
    assert {entry["digest"] for entry in index["manifests"]} == {image.descriptor.digest}
    assert [entry["annotations"] for entry in index["manifests"]] == names
    assert names[0]["io.containerd.image.name"] == "docker.io/team/app:1.0"


@pytest.mark.parametrize("export", EXPORTS)
def test_p1_equal_images_give_equal_files(store, image, tmp_path, export) -> None:
    """No clock, user or order takes part."""
    export(store, image, NAME, tmp_path / "x")
    time.sleep(0.01)
    export(store, image, NAME, tmp_path / "y")
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_a_reference_with_a_digest_is_no_tag(store, image) -> None:
    """Docker has no tag for it, so it is left out; several names are kept in order."""
    stream = io.BytesIO()
    write_docker(store, image, [f"a:1@{image.descriptor.digest}", "b", "c:2"], stream)
    stream.seek(0)
    (data,) = [body.read() for entry, body in Reader(stream) if entry.name == "manifest.json"]
    assert json.loads(data)[0]["RepoTags"] == ["b:latest", "c:2"]


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("where", [0, 20, -1])
def test_s6_damage_leaves_the_old_file(store, image, tmp_path, export, where) -> None:
    """A flipped bit in a layer, its last byte too, fails the export and keeps what was there."""
    file = tmp_path / "x.tar"
    file.write_bytes(b"old")
    path = store.blobs.path(image.manifest.layers[1].digest)
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    with pytest.raises(CorruptContentError):
        export(store, image, NAME, file)
    assert file.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.endswith(".tmp")] == []


def test_a10_a_layer_that_is_not_its_diff_id_is_refused(store, tmp_path) -> None:
    """The right blob under the wrong DiffID is not exported."""
    layer, _ = put_layer(store, ONE)
    config = ImageConfig(architecture="amd64", os="linux", rootfs=RootFS(diff_ids=(Digest.of(TWO),)))
    image = store.image(store.put_image(config, [layer]).digest)
    with pytest.raises(CorruptContentError):
        export_docker(store, image, NAME, tmp_path / "x.tar")
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.parametrize("export", EXPORTS)
def test_a_file_that_cannot_be_written_is_told(store, image, tmp_path, export) -> None:
    """The error names the file."""
    with pytest.raises(SystemFaultError) as raised:
        export(store, image, NAME, tmp_path / "missing/x.tar")
    assert "missing/x.tar" in raised.value.where


def test_a_device_is_written_to_and_stays(store, image) -> None:
    """/dev/null and pipes are not replaced by files."""
    export_oci(store, image, NAME, Path("/dev/null"))
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("export", "scheme"), [(export_oci, "oci-archive"), (export_docker, "docker-archive")]
)
@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeo_copies_out_of_the_archive(store, image, tmp_path, export, scheme) -> None:
    """Another implementation finds all parts and verifies their digests."""
    export(store, image, NAME, tmp_path / "x.tar")
    result = subprocess.run(
        ["skopeo", "copy", f"{scheme}:{tmp_path}/x.tar", f"dir:{tmp_path}/copy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


@contextlib.contextmanager
def _dockerd():
    """Run a Docker daemon of its own; yields the arguments that reach it."""
    directory = Path(tempfile.mkdtemp(prefix="hb"))  # short: a socket's path has at most 107 bytes
    socket = f"unix://{directory}/sock"
    arguments = ["dockerd", "--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec"]
    arguments += ["--pidfile", f"{directory}/pid", "-H", socket, "--iptables=false", "--bridge=none"]
    arguments += ["--storage-driver=vfs"]
    with (directory / "log").open("wb") as log, subprocess.Popen(arguments, stdout=log, stderr=log) as daemon:
        try:
            docker = ["docker", "-H", socket]
            for _ in range(100):
                if subprocess.run([*docker, "version"], capture_output=True, check=False).returncode == 0:
                    break
                time.sleep(0.1)
            yield docker
        finally:
            daemon.terminate()
            daemon.wait()
            remove_tree(directory)


@pytest.mark.server
@pytest.mark.root
@pytest.mark.skipif(shutil.which("dockerd") is None, reason="dockerd is not installed")
def test_docker_loads_the_archive(store, image, tmp_path) -> None:
    """A real daemon takes the file, and gives the image the id that we gave its configuration."""
    export_docker(store, image, NAME, tmp_path / "x.tar")
    with _dockerd() as docker:
        loaded = subprocess.run(
            [*docker, "load", "-i", tmp_path / "x.tar"], capture_output=True, text=True, check=False
        )
        found = subprocess.run(
            [*docker, "image", "inspect", "--format", "{{.Id}} {{len .RootFS.Layers}}", NAME],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (loaded.stdout, loaded.stderr) == (f"Loaded image: {NAME}\n", "")
    assert found.stdout == f"{image.manifest.config.digest} 3\n"
