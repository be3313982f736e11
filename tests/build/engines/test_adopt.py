"""What an engine saved becomes an image of our store, or is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

import pytest

from hivebase.build.engines.adopt import read_archive
from hivebase.errors import CorruptContentError
from hivebase.oci.inflate import inflated
from hivebase.oci.model import Descriptor
from hivebase.oci.store import Store


def _layer(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return out.getvalue()


def _saved(path, layers, *, diff_ids=None, count=1, packed=False):
    """Write a docker-archive as ``docker save`` does; return the DiffIDs."""
    told = diff_ids or [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": told}}
    files = {"config.json": json.dumps(config).encode()}
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    files |= {name: gzip.compress(data) if packed else data for name, data in zip(names, layers, strict=True)}
    entry = {"Config": "config.json", "RepoTags": ["x:1"], "Layers": names}
    files["manifest.json"] = json.dumps([entry] * count).encode()
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return told


@pytest.fixture
def store(tmp_path):
    """An empty one, kept from collecting."""
    made = Store.open(tmp_path / "store")
    with made.lease():
        yield made


@pytest.mark.parametrize("packed", [False, True])
def test_layers_are_stored_compressed_in_their_order(store, tmp_path, packed):
    """Whether the engine had compressed them or not, with the DiffID that its configuration tells."""
    told = _saved(tmp_path / "a.tar", [_layer("one"), _layer("two")], packed=packed)
    config, layers = read_archive(store, tmp_path / "a.tar", {})
    assert [str(layer.diff_id) for layer in layers] == told == list(config.rootfs.diff_ids)
    for layer, name in zip(layers, ("one", "two"), strict=True):
        with store.open_blob(layer.descriptor.digest) as blob, inflated(blob) as content:
            assert content.read() == _layer(name)


def test_a_layer_that_is_known_is_not_read(store, tmp_path):
    """A child has the blobs of its parent."""
    told = _saved(tmp_path / "a.tar", [_layer("one"), _layer("two")])
    known = Descriptor("application/x", "sha256:" + "1" * 64, 7)
    _, layers = read_archive(store, tmp_path / "a.tar", {told[0]: known})
    assert layers[0].descriptor is known
    assert not store.has(told[0])


def test_a_layer_that_is_another_one_is_refused(store, tmp_path):
    """Fault A-10, whoever wrote the archive."""
    _saved(tmp_path / "a.tar", [_layer("one")], diff_ids=["sha256:" + "0" * 64])
    with pytest.raises(CorruptContentError, match="not what the image says"):
        read_archive(store, tmp_path / "a.tar", {})


@pytest.mark.parametrize("count", [0, 2])
def test_an_archive_of_another_number_of_images_is_refused(store, tmp_path, count):
    """Which of them would it be?"""
    _saved(tmp_path / "a.tar", [_layer("one")], count=count)
    with pytest.raises(CorruptContentError, match=f"holds {count} images"):
        read_archive(store, tmp_path / "a.tar", {})


def test_a_missing_layer_is_refused(store, tmp_path):
    """The configuration tells of two."""
    _saved(tmp_path / "a.tar", [_layer("one")], diff_ids=["sha256:" + "0" * 64] * 2)
    with pytest.raises(CorruptContentError, match="names 2 layers"):
        read_archive(store, tmp_path / "a.tar", {})
