"""Indexes kept beside the blobs, and the contents that are read through them."""

from __future__ import annotations

import io
import random
import threading

import pytest
from tests import archives as make
from tests.hostile.trees import rows
from tests.layers.test_indexed import put

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError
from hivebase.layers import indexed_contents
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.layer import Layer
from hivebase.layers.snapshots import Snapshots
from hivebase.oci.model import LAYER_GZIP, Descriptor
from hivebase.oci.store import Store
from hivebase.tar import Entry

FILES = {f"d/{number:03}": random.Random(number).randbytes(number * 97) for number in range(60)}
RAW = make.archive(make.directory("d"), *(make.file(name, data) for name, data in FILES.items()))
OTHER = make.archive(make.file("other"))


@pytest.fixture(autouse=True)
def no_sync(monkeypatch):
    """Nothing here is about power cuts."""
    monkeypatch.setenv("HIVEBASE_UNSAFE_NO_SYNC", "1")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store")


def blob(store: Store, layer: Layer):
    return store.root / "blobs/sha256" / Digest(layer.descriptor.digest).hex


def index_file(store: Store, layer: Layer):
    return store.state / "cache/index" / layer.diff_id.hex


def listing(store: Store, *layers: Layer) -> list[str]:
    with Indexes(store).tree(layers) as tree:
        return tree.listdir("")


def test_a_layer_is_read_once(store):
    """The second look needs no blob."""
    (layer,) = put(store, RAW)
    assert listing(store, layer) == ["d"]
    blob(store, layer).unlink()
    assert listing(store, layer) == ["d"]
    with Indexes(store).tree([layer]) as tree, pytest.raises(NotFoundError):
        tree.open("d/001")


def test_a_layer_that_is_written_is_never_read(store):
    """The writer knows the entries; the index is the one that reading gives."""
    with Indexes(store).writer(5) as writer:
        writer.add(Entry("d", "dir", 0o700, mtime=9))
        for name, data in FILES.items():
            writer.add(Entry(name, "file", 0o644, size=len(data)), io.BytesIO(data))
        writer.add(Entry("d/again", "hardlink", 0o644, link="d/007"))
        writer.whiteout("x")
        writer.opaque("d")
        layer = writer.finish()
    assert layer is not None
    written = index_file(store, layer).read_bytes()
    with Indexes(store).tree([layer]) as tree:
        assert FILES["d/007"] == tree.open("d/again").read()
    index_file(store, layer).unlink()
    listing(store, layer)
    assert written == index_file(store, layer).read_bytes()


def test_a_layer_without_entries_has_no_index(store):
    """Nothing is kept of a step that changed nothing."""
    with Indexes(store).writer(5) as writer:
        assert writer.finish() is None
    assert Indexes(store).clear() == (0, 0)


def test_what_cannot_be_indexed_is_written_all_the_same(store):
    """The writer does not judge; who looks into the layer is told."""
    with Indexes(store).writer(5) as writer:
        writer.add(Entry("a", "file", 0o644))
        writer.add(Entry("a/b", "file", 0o644))
        writer.add(Entry("c", "file", 0o644))
        layer = writer.finish()
    assert layer is not None
    with pytest.raises(CorruptContentError):
        listing(store, layer)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "another version", "another layer's"])
def test_b6_a_damaged_index_is_made_again(store, damage):
    """Whatever is in the file, it costs time and not correctness."""
    layer, other = put(store, RAW, OTHER)
    listing(store, layer, other)
    path = index_file(store, layer)
    good = path.read_bytes()
    path.write_bytes(
        {
            "cut": good[:-9],
            "flipped": good[:-9] + bytes([good[-9] ^ 1]) + good[-8:],
            "empty": b"",
            "another version": good.replace(b"index 1", b"index 0", 1),
            "another layer's": index_file(store, other).read_bytes(),
        }[damage]
    )
    assert listing(store, layer) == ["d"]
    assert good == path.read_bytes()


def test_a10_a_blob_with_another_content_is_refused(store):
    """The index of a DiffID is not believed of a blob that was never seen to hold that content."""
    layer, other = put(store, RAW, OTHER)
    listing(store, layer, other)
    for _ in range(2):
        with pytest.raises(CorruptContentError) as caught:
            listing(store, Layer(other.descriptor, layer.diff_id))
        assert str(layer.diff_id) in caught.value.why


def uncompressed(store: Store, raw: bytes) -> Layer:
    return Layer(Descriptor(LAYER_GZIP, store.put(raw), len(raw)), Digest.of(raw))


def test_a8_a_damaged_blob_is_refused(store):
    """Before it is indexed, and before a byte of a file is believed: nothing but the digest tells here."""
    # What follows is longer than what is read ahead, so that reading the file does not come to the end.
    layer, other = (uncompressed(store, RAW + bytes(size)) for size in (4 << 20, 5 << 20))
    listing(store, layer)
    for damaged in (layer, other):
        data = bytearray(blob(store, damaged).read_bytes())
        data[RAW.index(FILES["d/059"]) + 5] ^= 1
        blob(store, damaged).chmod(0o600)
        blob(store, damaged).write_bytes(data)
    with pytest.raises(CorruptContentError):
        listing(store, other)
    with Indexes(store).tree([layer]) as tree, pytest.raises(CorruptContentError):
        tree.open("d/059").close()


def test_an_uncompressed_layer_will_do(store):
    """The first bytes decide."""
    with Indexes(store).tree([uncompressed(store, RAW)]) as tree:
        assert FILES["d/033"] == tree.open("d/033").read()


def test_s5_clearing_waits_for_who_writes(store):
    """The temporary file of a living writer is not taken for a dead one's."""
    (layer,) = put(store, RAW)
    listing(store, layer)
    writing = store.lock("index", shared=True)
    writing.acquire()
    clearing = threading.Thread(target=Indexes(store).clear)
    clearing.start()
    clearing.join(0.2)
    assert index_file(store, layer).exists()
    writing.release()
    clearing.join()
    assert not index_file(store, layer).exists()


def test_accounts_are_read_without_the_layer(store):
    """The index of a layer from elsewhere holds them, so that --chown does not inflate what comes before."""
    for name, size in (("etc/passwd", 9), ("etc/group", 9), ("./etc/passwd", 9), ("etc/passwd", 1 << 20)):
        raw = make.archive(make.file("first", b"1"), make.file(name, b"x" * size), make.hardlink("l", name))
        (layer,) = put(store, raw)
        listing(store, layer)
        if size < 100:
            blob(store, layer).unlink()
        with Indexes(store).tree([layer]) as tree:
            assert tree.open("l").read() == b"x" * size


def test_clearing_removes_all(store):
    """A dry run tells the same and removes nothing."""
    layers = put(store, RAW, OTHER)
    listing(store, *layers)
    (store.state / "cache/index/.killed.tmp").write_bytes(b"half")
    told = Indexes(store).clear(dry_run=True)
    assert told[0] == 3
    assert told == Indexes(store).clear()
    assert Indexes(store).clear() == (0, 0)


@pytest.mark.parametrize("patience", [0, 1 << 30])
@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled"])
def test_files_are_read_in_any_order(store, monkeypatch, order, patience):
    """Also several at once, half read, and after a copy of the layer was made."""
    monkeypatch.setattr(indexed_contents, "PATIENCE", patience)
    names = {
        "sorted": sorted(FILES),
        "reversed": sorted(FILES, reverse=True),
        "shuffled": random.Random(1).sample(sorted(FILES), len(FILES)),
    }[order]
    with Indexes(store).tree(put(store, RAW)) as tree:
        held = tree.open("d/030")
        assert held.read(100) == FILES["d/030"][:100]
        for name in names:
            with tree.open(name) as file:
                assert file.read(7) == FILES[name][:7]
            with tree.open(name) as file:
                assert FILES[name] == file.read()
        assert held.read() == FILES["d/030"][100:]
        held.close()
    assert [path.name for path in store.state.iterdir() if path.name.startswith("tmp")] == []


class _Counting(Store):
    opened = 0

    def open_blob(self, digest):
        type(self).opened += 1
        return super().open_blob(digest)


@pytest.mark.parametrize(("order", "most"), [(1, 1), (-1, 4)])
def test_the_order_does_not_decide_how_long_it_takes(tmp_path, monkeypatch, order, most):
    """In the layer's order it is inflated once; in any other a few times, then from a copy."""
    monkeypatch.setattr(indexed_contents, "PATIENCE", len(RAW))
    store = _Counting.open(tmp_path / "counted")
    with Indexes(store).tree(put(store, RAW)) as tree:
        monkeypatch.setattr(_Counting, "opened", 0)
        for name in sorted(FILES)[::order]:
            tree.open(name).close()
    assert 1 <= _Counting.opened <= most


@pytest.mark.root
def test_an_unpacked_layer_is_read_from_there(store):
    """No blob is needed, and looking unpacks nothing."""
    layers = put(store, RAW, OTHER)
    with Snapshots(store) as snapshots:
        with Indexes(store, snapshots).tree(layers) as tree:
            before = rows(tree)
        assert snapshots.usage() == []
        snapshots.directories(
            [layer.descriptor for layer in layers], [str(layer.diff_id) for layer in layers]
        )
        for layer in layers:
            blob(store, layer).unlink()
        with Indexes(store, snapshots).tree(layers) as tree:
            assert before == rows(tree)


def test_threads_share_one_index(store):
    """Two steps that look at one base read it once."""
    store = _Counting.open(store.root)
    (layer,) = put(store, RAW)
    indexes = Indexes(store)
    _Counting.opened = 0
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(indexes.get(layer))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert _Counting.opened == 1


def test_many_files_are_looked_up_quickly(store):
    """Only the directories on the way are decoded, not all that the layer holds."""
    raw = make.archive(*(make.file(f"usr/{number // 100}/{number}") for number in range(20_000)))
    (layer,) = put(store, raw)
    listing(store, layer)
    indexes = Indexes(store)
    with indexes.tree([layer]) as tree:
        entry = tree.lstat("usr/7/777")
    assert entry is not None
    assert sorted(indexes.get(layer)._decoded) == ["", "usr", "usr/7"]
