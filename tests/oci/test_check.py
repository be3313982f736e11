"""The check: everything is read, and each fault is one sentence."""

from __future__ import annotations

from tests.oci.images import layer_tar, put_image

from hivebase.digest import Digest
from hivebase.oci.model import INDEX, MANIFEST, Descriptor, Index, canonical_json

TAR = layer_tar({"a": b"1"})


def test_a_good_store_has_no_problems(store) -> None:
    """Nothing is reported of a store as we make it."""
    store.tag("a:1", put_image(store, TAR))
    store.put(b"unnamed")
    assert store.check() == []


def test_s6_a_flipped_bit_is_found_although_the_stamp_is_right(store) -> None:
    """The check trusts no stamp, and afterwards says what is missing."""
    descriptor = put_image(store, TAR)
    store.tag("a:1", descriptor)
    layer = store.manifest(descriptor.digest).layers[0].digest
    path = store.blobs.path(layer)
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    facts = path.stat()
    stamp = f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"
    (store.state / "verified" / path.name).write_text(stamp)
    store.verify(layer)
    problems = store.check()
    assert len(problems) == 2
    assert "damaged" in problems[0]
    assert problems[1] == f"a:1: the blob {layer} is missing"


def test_what_is_no_blob_is_told(store) -> None:
    """A strange file among the blobs is named, and left alone."""
    (store.blobs.directory / "strange").write_text("x")
    assert len(store.check()) == 1
    assert (store.blobs.directory / "strange").exists()


def test_missing_parts_and_wrong_sizes_are_told(store) -> None:
    """Every pointer is followed, through indexes too."""
    descriptor = put_image(store, TAR)
    wrong = Descriptor(MANIFEST, descriptor.digest, descriptor.size + 1)
    missing = Descriptor(MANIFEST, Digest.of(b"missing"), 7)
    data = canonical_json(Index(schema_version=2, media_type=INDEX, manifests=(wrong, missing)))
    store.tag("multi:1", Descriptor(INDEX, store.put(data), len(data)))
    assert store.check() == [
        f"multi:1: the blob {descriptor.digest} has {descriptor.size} bytes, not {descriptor.size + 1}",
        f"multi:1: the blob {missing.digest} is missing",
    ]


def test_a_document_that_is_not_what_it_says_is_told(store) -> None:
    """A blob with the right digest may still be the wrong thing."""
    store.tag("a:1", Descriptor(MANIFEST, store.put(b'{"x":1}'), 7))
    assert len(store.check()) == 1
