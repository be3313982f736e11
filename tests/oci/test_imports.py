"""Reading images from files, ours and hostile ones."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess

import pytest
from tests.oci.images import layer_tar, put_image

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, HivebaseError, NotFoundError, UsageError
from hivebase.oci.archive import export_docker, export_oci, import_path
from hivebase.oci.model import REF_NAME
from hivebase.oci.platforms import host_platform
from hivebase.oci.store import Store
from hivebase.tar import Entry, Writer

NAME = "team/app:1.0"
ONE, TWO = layer_tar({"a": b"1"}), layer_tar({"b": b"2" * 3000})


@pytest.fixture
def other(tmp_path) -> Store:
    """Return a second store, to export from; it holds the image NAME."""
    other = Store.open(tmp_path / "other")
    other.tag(NAME, put_image(other, ONE, TWO, architecture=host_platform().architecture))
    return other


def _tar(path, members: dict[str, bytes | str]) -> None:
    """Write a tar of files, and of symbolic links given as text."""
    with path.open("wb") as stream:
        writer = Writer(stream.write)
        for name, data in members.items():
            if isinstance(data, str):
                writer.add(Entry(name, "symlink", 0o777, link=data))
            else:
                writer.add(Entry(name, "file", 0o644, size=len(data)), data)
        writer.close()


@pytest.mark.parametrize("export", [export_oci, export_docker])
@pytest.mark.parametrize("compress", [False, True])
def test_what_we_export_is_imported(store, other, tmp_path, export, compress) -> None:
    """Both formats come back with the same content, also from a compressed file."""
    file = tmp_path / "x.tar"
    export(other, other.image(NAME), NAME, file)
    if compress:
        file.write_bytes(gzip.compress(file.read_bytes()))
    descriptor = import_path(store, file, "mine:1")
    image = store.image("mine:1")
    assert descriptor.digest == image.descriptor.digest
    assert image.config == other.image(NAME).config
    assert list(store.refs()) == ["mine:1"]
    assert store.check() == []
    assert list((store.state / "work").iterdir()) == []


def test_a_layout_directory_is_imported(store, other) -> None:
    """A store is a layout, so one store imports from another."""
    import_path(store, other.root, NAME)
    assert store.image(NAME).manifest == other.image(NAME).manifest


def test_importing_again_changes_nothing(store, other) -> None:
    """The second import finds everything there."""
    assert import_path(store, other.root, NAME) == import_path(store, other.root, NAME)
    assert store.check() == []


@pytest.mark.parametrize("compress", [False, True])
def test_a_root_file_system_becomes_an_image(store, tmp_path, compress) -> None:
    """A plain tar is one layer, byte for byte, with Docker's PATH."""
    data = layer_tar({"bin/sh": b"#!", "etc/passwd": b"root:x:0:0::/:/bin/sh\n"})
    file = tmp_path / "rootfs.tar"
    file.write_bytes(gzip.compress(data) if compress else data)
    import_path(store, file, "base:1")
    image = store.image("base:1")
    assert (Digest.of(data),) == image.config.rootfs.diff_ids
    assert store.read(image.manifest.layers[0].digest) == file.read_bytes()
    assert image.config.config.environment()["PATH"].startswith("/usr/local/sbin:")
    assert host_platform() == image.config.platform


def test_of_several_images_the_named_one_is_taken(store, other) -> None:
    """With several images in a file, the reference decides; without a fit, the names are told."""
    second = put_image(other, TWO, architecture=host_platform().architecture)
    other.tag("team/second:1.0", second)
    assert second.digest == import_path(store, other.root, "docker.io/team/second:1.0").digest
    with pytest.raises(UsageError) as raised:
        import_path(store, other.root, "third:1")
    assert NAME in raised.value.why


def test_images_without_names_are_not_guessed_at(store, other) -> None:
    """Two unnamed images are two, not one."""
    index = json.loads((other.root / "index.json").read_bytes())
    first = {key: value for key, value in index["manifests"][0].items() if key != "annotations"}
    second = put_image(other, TWO)
    entries = [first, first | {"digest": second.digest, "size": second.size}]
    (other.root / "index.json").write_text(json.dumps(index | {"manifests": entries}))
    with pytest.raises(UsageError):
        import_path(store, other.root, "x:1")


def test_nothing_in_the_file_chooses_a_name(store, other) -> None:
    """Names in the file are not taken over (CVE-2026-50195)."""
    index = json.loads((other.root / "index.json").read_bytes())
    index["manifests"][0]["annotations"][REF_NAME] = "docker.io/library/python:3.11-slim"
    (other.root / "index.json").write_text(json.dumps(index))
    import_path(store, other.root, "mine:1")
    assert list(store.refs()) == ["mine:1"]


def test_links_in_a_docker_archive_stay_inside(store, other, tmp_path) -> None:
    """A repeated layer may be a link to its twin, as old Docker writes it; a link outside finds nothing."""
    image = other.image(NAME)
    config = other.read(image.manifest.config.digest)
    manifest = [{"Config": "c.json", "Layers": ["1/layer.tar", "2/layer.tar"], "RepoTags": None}]
    good: dict[str, bytes | str] = {
        "manifest.json": json.dumps(manifest).encode(),
        "c.json": config,
        "1/layer.tar": ONE,
        "3/layer.tar": TWO,
        "2/layer.tar": "../3/layer.tar",
    }
    _tar(tmp_path / "good.tar", good)
    import_path(store, tmp_path / "good.tar", "good:1")
    assert store.image("good:1").config == image.config
    canary = tmp_path / "canary"
    canary.write_bytes(TWO)
    for target in (str(canary), "../../../../../.." + str(canary), "layer.tar"):
        _tar(tmp_path / "bad.tar", good | {"2/layer.tar": target})
        with pytest.raises(NotFoundError):
            import_path(store, tmp_path / "bad.tar", "bad:1")


def test_links_in_a_layout_are_refused(store, other, tmp_path) -> None:
    """A blob of a layout directory that is a link to elsewhere is not read."""
    path = other.blobs.path(other.image(NAME).manifest.layers[0].digest)
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    with pytest.raises(CorruptContentError):
        import_path(store, other.root, NAME)


def test_d4_a_fifo_in_a_layout_does_not_block(store, other) -> None:
    """What is no plain file is refused, not waited for."""
    path = other.blobs.path(other.image(NAME).manifest.layers[0].digest)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CorruptContentError):
        import_path(store, other.root, NAME)


def test_a10_a_wrong_layer_is_refused(store, other, tmp_path) -> None:
    """A docker-archive whose layer is not its DiffID is not imported, and nothing is named."""
    config = other.read(other.image(NAME).manifest.config.digest)
    manifest = [{"Config": "c.json", "Layers": ["1.tar", "2.tar"], "RepoTags": ["x:1"]}]
    members: dict[str, bytes | str] = {
        "manifest.json": json.dumps(manifest).encode(),
        "c.json": config,
        "1.tar": ONE,
        "2.tar": ONE,
    }
    _tar(tmp_path / "x.tar", members)
    with pytest.raises(CorruptContentError):
        import_path(store, tmp_path / "x.tar", "x:1")
    assert store.refs() == {}
    assert list((store.state / "ingest").iterdir()) == []


@pytest.mark.parametrize("position", [0, 0.5, -1])
def test_s6_damaged_blobs_are_not_imported(store, other, position) -> None:
    """A flipped bit in any blob of a layout fails the import."""
    for path in list(other.blobs.directory.iterdir()):
        data = bytearray(path.read_bytes())
        data[int(position * len(data)) if position > 0 else position] ^= 1
        path.chmod(0o600)
        good = path.read_bytes()
        path.write_bytes(data)
        with pytest.raises(HivebaseError):
            import_path(Store.open(store.root.with_name(path.name)), other.root, NAME)
        path.write_bytes(good)


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage" * 200, bytes(1024), gzip.compress(b"garbage" * 200), gzip.compress(ONE)[:-3], ONE[:700]],
    ids=["empty", "garbage", "no-entries", "gzip-garbage", "gzip-cut", "tar-cut"],
)
def test_files_that_are_no_image(store, tmp_path, content) -> None:
    """Anything else is refused with one of our errors, and nothing is named."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(HivebaseError):
        import_path(store, tmp_path / "x", "x:1")
    assert store.refs() == {}


def test_a_directory_that_is_no_layout(store, tmp_path) -> None:
    """The error says what is missing."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as raised:
        import_path(store, tmp_path / "empty", "x:1")
    assert "oci-layout" in raised.value.why


def test_a_file_that_is_not_there(store, tmp_path) -> None:
    """A missing file is told by its name."""
    with pytest.raises(HivebaseError) as raised:
        import_path(store, tmp_path / "missing", "x:1")
    assert "missing" in str(raised.value)


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.parametrize("scheme", ["oci", "oci-archive", "docker-archive"])
def test_what_skopeo_writes_is_imported(store, other, tmp_path, scheme) -> None:
    """Archives of another implementation come back with the same layers."""
    target = tmp_path / "target"
    copy = ["skopeo", "copy", f"oci:{other.root}:{NAME}", f"{scheme}:{target}:{NAME}"]
    result = subprocess.run(copy, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    import_path(store, target, NAME)
    assert store.image(NAME).config.rootfs == other.image(NAME).config.rootfs
