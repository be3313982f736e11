"""Writing layers."""

from __future__ import annotations

import io

import pytest
from tests.layers.blobs import Blobs

from hivebase.digest import Digest
from hivebase.errors import BuildError
from hivebase.layers.layer import LayerWriter
from hivebase.oci.model import LAYER_GZIP
from hivebase.oci.store import Store
from hivebase.tar import Entry

EPOCH = 1_700_000_000


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


def test_a_layer_is_what_was_added(blobs):
    """Descriptor and DiffID fit the bytes, which hold the entries in the order given."""
    items = [
        (Entry("etc", "dir", 0o755, mtime=5), b""),
        (Entry("etc/small", "file", 0o644, size=3), b"abc"),
        (Entry("big", "file", 0o644, size=3 << 20), b"x" * (3 << 20)),
    ]
    with LayerWriter(blobs, EPOCH) as writer:
        for entry, data in items:
            writer.add(entry, io.BytesIO(data) if entry.name == "big" else data)
        layer = writer.finish()
    assert layer is not None
    assert blobs.entries(layer) == items
    assert layer.diff_id == Digest.of(blobs.tar(layer))
    blob = blobs.blobs[layer.descriptor.digest]
    assert (layer.descriptor.media_type, layer.descriptor.size) == (LAYER_GZIP, len(blob))


def test_no_entries_no_layer(blobs):
    """A step that changes nothing leaves nothing, not even a started blob."""
    with LayerWriter(blobs, EPOCH) as writer:
        assert writer.finish() is None
    assert blobs.begun == 0


def test_times_end_at_the_epoch(blobs):
    """Later times become the epoch, earlier ones stay."""
    with LayerWriter(blobs, EPOCH) as writer:
        for name, time in (("a", EPOCH + 1), ("b", EPOCH), ("c", 7), ("d", -7)):
            writer.add(Entry(name, "dir", 0o755, mtime=time))
        layer = writer.finish()
    assert layer is not None
    assert [entry.mtime for entry, _ in blobs.entries(layer)] == [EPOCH, EPOCH, 7, -7]


@pytest.mark.parametrize(
    "name", [".wh.x", ".wh.", ".wh..", ".wh...", ".wh..wh..opq", "a/.wh.b", "a/.wh.b/c", ".wh..wh.plnk"]
)
def test_a6_names_that_delete_are_refused(blobs, name):
    """A file of a context or wheel cannot delete files below it; the message names it."""
    with LayerWriter(blobs, EPOCH) as writer, pytest.raises(BuildError) as caught:
        writer.add(Entry(name, "file", 0o644))
    assert repr(name) in caught.value.what
    assert blobs.blobs == {}


def test_deletions_are_written_on_purpose(blobs):
    """Whiteouts and opaque marks carry no time, owner or mode."""
    with LayerWriter(blobs, EPOCH) as writer:
        writer.whiteout("a/b")
        writer.whiteout("c")
        writer.opaque("d/e")
        layer = writer.finish()
    assert layer is not None
    expected = [Entry(name, "file", 0) for name in ("a/.wh.b", ".wh.c", "d/e/.wh..wh..opq")]
    assert [entry for entry, _ in blobs.entries(layer)] == expected


def test_s1_a_failure_leaves_no_blob(tmp_path):
    """When a file cannot be read to its end, the real store holds neither blob nor remains of one."""
    store = Store.open(tmp_path / "store")
    with pytest.raises(BuildError), LayerWriter(store, EPOCH) as writer:
        writer.add(Entry("big", "file", 0o644, size=5 << 20), io.BytesIO(b"x" * (4 << 20)))
    assert list((store.root / "blobs" / "sha256").iterdir()) == []
    assert list((store.state / "ingest").iterdir()) == []


def test_p1_equal_entries_equal_digests(blobs):
    """The same entries give the same blob and DiffID, however their data arrives."""
    layers = []
    for data in (b"x" * 5000, io.BytesIO(b"x" * 5000)):
        with LayerWriter(blobs, EPOCH) as writer:
            writer.add(Entry("a", "file", 0o644, size=5000), data)
            layers.append(writer.finish())
    assert layers[0] == layers[1]
