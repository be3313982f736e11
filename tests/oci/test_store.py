"""Images in the store, as we and other tools see them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from tests.oci.images import layer_tar, put_image, put_layer

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, UsageError
from hivebase.oci.model import (
    INDEX,
    MANIFEST,
    Descriptor,
    ImageConfig,
    Index,
    Platform,
    RootFS,
    canonical_json,
)

NAME = "neural-hive-mind/python-grpc-base:1.0.0"
ONE, TWO = layer_tar({"a": b"1"}), layer_tar({"b": b"2"})


def test_an_image_comes_back(store) -> None:
    """Name, manifest and configuration are found by reference and by digest."""
    descriptor = put_image(store, ONE, TWO)
    store.tag(NAME, descriptor)
    image = store.image(NAME)
    assert (NAME, descriptor.digest) == (image.ref, image.descriptor.digest)
    assert image.config.rootfs.diff_ids == (Digest.of(ONE), Digest.of(TWO))
    assert len(image.manifest.layers) == 2
    for ref in (descriptor.digest, f"{NAME}@{descriptor.digest}", f"docker.io/{NAME}"):
        assert image.manifest == store.image(ref).manifest


def test_equal_images_have_equal_digests(store) -> None:
    """Nothing but the content decides about the digest."""
    assert put_image(store, ONE) == put_image(store, ONE)
    assert put_image(store, ONE).digest != put_image(store, TWO).digest


@pytest.mark.parametrize("ref", ["missing:1", str(Digest.of(b"missing"))])
def test_an_image_that_is_not_there(store, ref) -> None:
    """The error names what was asked for."""
    with pytest.raises(NotFoundError) as raised:
        store.image(ref)
    assert ref in raised.value.what


def test_what_is_no_reference_is_told(store) -> None:
    """A digest that is none is a mistake of the user."""
    with pytest.raises(UsageError):
        store.image("sha256:../x")


def test_an_index_gives_the_image_of_the_platform(store) -> None:
    """The wanted platform decides, also through an index within an index."""
    entries = []
    for architecture in ("amd64", "arm64"):
        image = put_image(store, ONE, architecture=architecture)
        entries.append(
            Descriptor(MANIFEST, image.digest, image.size, platform=Platform(architecture, "linux"))
        )
    inner = canonical_json(Index(schema_version=2, media_type=INDEX, manifests=tuple(entries)))
    nested = Descriptor(INDEX, store.put(inner), len(inner))
    outer = canonical_json(Index(schema_version=2, media_type=INDEX, manifests=(nested,)))
    store.tag("multi:1", Descriptor(INDEX, store.put(outer), len(outer)))
    for architecture in ("amd64", "arm64"):
        image = store.image("multi:1", Platform(architecture, "linux"))
        assert architecture == image.config.architecture
    with pytest.raises(NotFoundError):
        store.image("multi:1", Platform("s390x", "linux"))


def test_r9_an_index_nested_too_deep_is_refused(store) -> None:
    """Indexes of indexes have a limit, so a loop of them would have one too."""
    found = put_image(store, ONE)
    for _ in range(5):
        data = canonical_json(Index(schema_version=2, media_type=INDEX, manifests=(found,)))
        found = Descriptor(INDEX, store.put(data), len(data))
    with pytest.raises(CorruptContentError):
        store.image(found.digest)


def test_a10_layers_and_diff_ids_must_be_as_many(store) -> None:
    """A configuration that does not fit its manifest is refused, when reading and when writing."""
    layer, diff_id = put_layer(store, ONE)
    config = ImageConfig(architecture="amd64", os="linux", rootfs=RootFS(diff_ids=(diff_id, diff_id)))
    with pytest.raises(ValueError, match="DiffIDs"):
        store.put_image(config, [layer])
    good = store.image(put_image(store, ONE).digest)
    data = canonical_json(config)
    manifest = {
        "schemaVersion": 2,
        "config": {"mediaType": "x", "digest": str(store.put(data)), "size": len(data)},
        "layers": json.loads(canonical_json(list(good.manifest.layers))),
    }
    with pytest.raises(CorruptContentError):
        store.image(store.put(json.dumps(manifest).encode()))


def test_annotations_belong_to_the_manifest(store) -> None:
    """What is true of one build, not of all children, is an annotation."""
    config = ImageConfig(architecture="amd64", os="linux")
    descriptor = store.put_image(config, [], annotations={"a": "b"})
    assert store.manifest(descriptor.digest).annotations == {"a": "b"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a\0", "a" * 201])
def test_locks_have_names(store, name) -> None:
    """A name of a lock that could not be a file is a mistake of the program."""
    with pytest.raises(ValueError, match="lock"):
        store.lock(name)


def test_locks_are_per_name(store) -> None:
    """Different names do not exclude each other."""
    with store.lock("a"):
        assert not store.lock("a").try_acquire()
        with store.lock("b"):
            pass


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeo_reads_the_store_as_it_stands(store) -> None:
    """The store is an OCI layout: another tool inspects and copies an image out of it."""
    store.tag(NAME, put_image(store, ONE, TWO))
    result = subprocess.run(
        ["skopeo", "inspect", f"oci:{store.root}:{NAME}"], capture_output=True, text=True, check=False
    )
    assert result.stderr == ""
    assert len(json.loads(result.stdout)["Layers"]) == 2
    target = store.root.parent / "copy"
    copy = ["skopeo", "copy", f"oci:{store.root}:{NAME}", f"dir:{target}"]
    result = subprocess.run(copy, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_importing_the_store_is_quick() -> None:
    """Opening a store does not load what only some commands need."""
    heavy = "('ctypes', 'json', 'isal', 'urllib3')"
    code = f"import hivebase.oci.store, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
