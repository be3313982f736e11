"""Collection: what something reaches stays, the rest goes."""

from __future__ import annotations

import pytest
from tests.oci.images import layer_tar, put_image

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.oci.model import INDEX, Descriptor, Index, canonical_json
from hivebase.oci.store import Store

TAR = layer_tar({"a": b"1"})


def _all(store) -> set[str]:
    return set(store.blobs.digests())


def test_a_named_image_stays_whole(store) -> None:
    """Manifest, configuration and layers of a name are reached; what nothing names goes."""
    store.tag("a:1", put_image(store, TAR))
    kept = _all(store)
    junk = store.put(b"junk")
    result = store.collect()
    assert ((junk,), 4) == (result.digests, result.size)
    assert kept == _all(store)
    assert store.check() == []


def test_an_index_keeps_its_images(store) -> None:
    """Reachability goes through indexes."""
    image = put_image(store, TAR)
    data = canonical_json(Index(schema_version=2, media_type=INDEX, manifests=(image,)))
    store.tag("multi:1", Descriptor(INDEX, store.put(data), len(data)))
    before = _all(store)
    store.collect()
    assert before == _all(store)


def test_an_untagged_image_goes(store) -> None:
    """Removing a name frees what only it reached, and what is shared stays."""
    store.tag("a:1", put_image(store, TAR))
    kept = _all(store)
    store.tag("b:1", put_image(store, TAR, layer_tar({"b": b"2"})))
    store.untag("b:1")
    store.collect()
    assert kept == _all(store)


def test_dry_run_removes_nothing(store) -> None:
    """Asking what would go is free of effects."""
    junk = store.put(b"junk")
    assert store.collect(dry_run=True).digests == (junk,)
    assert store.has(junk)


def test_what_the_caller_keeps_stays(store) -> None:
    """Layers of the build cache stay as long as their records do; of a manifest also what it names."""
    layer, junk = store.put(b"layer"), store.put(b"junk")
    image = put_image(store, TAR)
    store.put_record("step", Digest.of(b"key"), {"layer": str(layer)})
    keep = (str(value["layer"]) for _, value in store.records("step"))
    assert store.collect(keep=[*keep, image.digest, Digest.of(b"missing")]).digests == (junk,)
    assert store.image(image.digest)


def test_s5_what_a_lease_holds_stays(store) -> None:
    """Written, found and read blobs stay while the lease lives, also for another process's collector."""
    old = store.put(b"old")
    image = put_image(store, TAR)
    other = Store.open(store.root)
    with store.lease():
        new = store.put(b"new")
        store.has(old)
        store.image(image.digest)
        assert other.collect().digests == ()
    assert {old, new} < set(other.collect().digests)
    assert _all(store) == set()


def test_a_blob_without_lease_that_is_being_written_is_not_touched(store) -> None:
    """A collector removes no temporary file that a living process writes."""
    with store.ingest() as ingest:
        ingest.write(b"data")
        store.collect()
        digest, _ = ingest.commit()
    assert store.read(digest) == b"data"


def test_quarantine_is_emptied(store) -> None:
    """Damaged blobs are kept for a look until the next collection."""
    digest = store.put(b"right")
    path = store.blobs.path(digest)
    path.chmod(0o600)
    path.write_bytes(b"wrong")
    with pytest.raises(CorruptContentError):
        store.read(digest)
    result = store.collect()
    assert (result.quarantined, result.size) == (1, 5)
    assert list((store.state / "quarantine").iterdir()) == []


def test_a_damaged_manifest_stops_the_collection(store) -> None:
    """When it is not known what to keep, nothing is removed."""
    descriptor = put_image(store, TAR)
    store.tag("a:1", descriptor)
    path = store.blobs.path(descriptor.digest)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"layers", b"Layers"))
    before = len(_all(store))
    with pytest.raises(CorruptContentError):
        store.collect()
    assert len(_all(store)) == before - 1
