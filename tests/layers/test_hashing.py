"""The digests that are remembered between runs."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.copying import is_private

from hivebase.digest import Digest
from hivebase.layers import hashing
from hivebase.layers.hashing import RACY_NS, HashCache
from hivebase.seal import seal

STAMP = (1, 2, 3, 4_000, 5_000)
LATER = 5_000 + RACY_NS
DIGEST = Digest.of(b"content")


def test_a_digest_survives_the_run(tmp_path):
    """It is found again under the same path and stamp."""
    cache = HashCache.open(tmp_path, tmp_path / "context")
    cache.put("dir/file", STAMP, DIGEST, LATER)
    cache.save()

    assert HashCache.open(tmp_path, tmp_path / "context").get("dir/file", STAMP) == DIGEST


def test_two_contexts_do_not_share(tmp_path):
    """The context's directory is part of the place."""
    cache = HashCache.open(tmp_path, tmp_path / "context")
    cache.put("file", STAMP, DIGEST, LATER)
    cache.save()

    assert HashCache.open(tmp_path, tmp_path / "other").get("file", STAMP) is None


@pytest.mark.parametrize("changed", range(5))
def test_any_part_of_the_stamp_matters(changed):
    """Device, inode, size and both times."""
    cache = HashCache()
    cache.put("file", STAMP, DIGEST, LATER)
    other = tuple(value + (at == changed) for at, value in enumerate(STAMP))

    assert cache.get("file", STAMP) == DIGEST
    assert cache.get("file", other) is None


@pytest.mark.parametrize(
    ("mtime", "ctime"), [(LATER, 0), (0, LATER), (LATER - RACY_NS + 1, 0), (LATER * 2, 0)]
)
def test_young_files_are_not_believed(mtime, ctime):
    """A change within the clock's tick, or a clock that went back (fault S-15), would go unnoticed."""
    cache = HashCache()
    cache.put("file", (1, 2, 3, mtime, ctime), DIGEST, LATER)

    assert cache.get("file", (1, 2, 3, mtime, ctime)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        msgspec.msgpack.encode([{b"f": [*STAMP, bytes(32)]}]),
        seal(b"hivebase hashes 1\n", msgspec.msgpack.encode([{b"f": [*STAMP, bytes(32)]}])),
        seal(b"hivebase hashes 2\n", b"\x92\x01"),
        seal(b"hivebase hashes 2\n", msgspec.msgpack.encode([{b"f": [*STAMP, b"short"]}])),
        seal(b"hivebase hashes 2\n", msgspec.msgpack.encode([{b"f": [*STAMP, bytes(32)]}]))[:-1] + b"\1",
    ],
)
def test_a_damaged_or_foreign_file_is_an_empty_cache(tmp_path, data):
    """It is rewritten by the next save (fault S-9)."""
    file = tmp_path / "hashes"
    file.write_bytes(data)
    cache = HashCache(file)

    assert cache.get("f", STAMP) is None
    cache.put("f", STAMP, DIGEST, LATER)
    cache.save()
    assert HashCache(file).get("f", STAMP) == DIGEST


def test_names_that_are_not_utf8_are_kept(tmp_path):
    """File names are bytes."""
    cache = HashCache(tmp_path / "hashes")
    cache.put("caf\udce9", STAMP, DIGEST, LATER)
    cache.save()

    assert HashCache(tmp_path / "hashes").get("caf\udce9", STAMP) == DIGEST


def test_earlier_entries_are_kept_until_there_are_too_many(tmp_path, monkeypatch):
    """Two Dockerfiles of one context look at different parts of it."""
    for name in ("one", "two"):
        cache = HashCache(tmp_path / "hashes")
        cache.put(name, STAMP, DIGEST, LATER)
        cache.save()
    assert HashCache(tmp_path / "hashes").get("one", STAMP) == DIGEST

    monkeypatch.setattr(hashing, "MAX_REMEMBERED", 2)
    cache = HashCache(tmp_path / "hashes")
    cache.put("three", STAMP, DIGEST, LATER)
    cache.save()

    assert HashCache(tmp_path / "hashes").get("one", STAMP) is None
    assert HashCache(tmp_path / "hashes").get("three", STAMP) == DIGEST


def test_two_images_of_one_context_keep_what_both_hashed(tmp_path):
    """Both opened the cache before either saved."""
    caches = {name: HashCache(tmp_path / "hashes") for name in ("one", "two")}
    for name, cache in caches.items():
        cache.put(name, STAMP, DIGEST, LATER)
        cache.save()

    again = HashCache(tmp_path / "hashes")

    assert [again.get(name, STAMP) for name in caches] == [DIGEST, DIGEST]


def test_nothing_new_writes_nothing(tmp_path):
    """A run that changes nothing touches nothing."""
    HashCache(tmp_path / "hashes").save()

    assert list(tmp_path.iterdir()) == []


def test_the_file_is_private(tmp_path):
    """Names of files are nobody else's business."""
    cache = HashCache.open(tmp_path / "state", tmp_path)
    cache.put("file", STAMP, DIGEST, LATER)
    cache.save()

    assert all(is_private(path) for path in (tmp_path / "state").rglob("*") if path.is_file())
