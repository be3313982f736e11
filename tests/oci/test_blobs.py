"""Blobs: what is read is what was written, or it is refused and put aside."""

from __future__ import annotations

import os
import time

import pytest

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, UsageError
from hivebase.oci.store import Store


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """Return the list that every hashing of a whole blob is noted in."""
    seen: list[str] = []
    from hivebase.oci.blobs import Blobs  # noqa: PLC0415 -- patched below

    original = Blobs._rehash

    def spy(self: Blobs, digest: str, fd: int) -> None:
        seen.append(digest)
        original(self, digest, fd)

    monkeypatch.setattr(Blobs, "_rehash", spy)
    return seen


def test_what_is_put_is_read(store) -> None:
    """Bytes come back whole by both ways of reading."""
    data = os.urandom(3 << 20)
    digest = store.put(data)
    assert store.read(digest) == data
    with store.open_blob(digest) as stream:
        assert stream.read() == data
    with store.open_blob(digest) as stream:
        parts = [stream.read(1000), stream.read(1 << 20), stream.read()]
    assert b"".join(parts) == data
    assert (len(data), True) == (store.size(digest), store.has(digest))


def test_what_is_not_there(store) -> None:
    """A missing blob is an error of its own."""
    digest = Digest.of(b"missing")
    assert store.size(digest) is None
    assert not store.has(digest)
    for use in (store.read, store.open_blob, store.verify):
        with pytest.raises(NotFoundError):
            use(digest)


def test_r9_a_blob_longer_than_the_limit_is_not_read(store) -> None:
    """A document has a limit; the blob itself is left alone."""
    digest = store.put(b"x" * 100)
    with pytest.raises(CorruptContentError):
        store.read(digest, limit=99)
    assert len(store.read(digest, limit=100)) == 100


@pytest.mark.parametrize("digest", ["sha256:../../index.json", "../x", "", "sha256:" + "A" * 64])
def test_s14_hostile_digests_never_become_paths(store, digest) -> None:
    """Every way in checks the digest first."""
    for use in (store.has, store.size, store.read, store.open_blob, store.verify):
        with pytest.raises(UsageError):
            use(digest)


def test_a_blob_just_written_is_not_hashed_again(store, hashed) -> None:
    """Writing is verifying."""
    digest = store.put(b"x")
    store.verify(digest)
    assert hashed == []


def test_a_second_process_trusts_the_stamp(store, hashed) -> None:
    """A new process does not read gigabytes to do nothing."""
    digest = store.put(b"x")
    Store.open(store.root).verify(digest)
    assert hashed == []


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(path.read_bytes()),
        os.utime,
        lambda path: path.rename(path.with_name("y")) and path.with_name("y").rename(path),
        lambda path: (path.with_name("y").write_bytes(path.read_bytes()), path.with_name("y").replace(path)),
    ],
    ids=["written", "touched", "renamed", "replaced"],
)
def test_any_touch_makes_the_stamp_wrong(store, hashed, change) -> None:
    """Whatever could have changed the bytes makes the next use hash them, once."""
    digest = store.put(b"x")
    time.sleep(0.02)  # the kernel's file times are coarse
    change(store.blobs.path(digest))
    store.verify(digest)
    assert hashed == [digest]
    Store.open(store.root).verify(digest)
    assert hashed == [digest]


@pytest.mark.parametrize("stamp", [b"", b"1 2 3 4", b"\xff", b"1" * 10_000])
def test_s9_a_garbage_stamp_costs_only_a_hash(store, hashed, stamp) -> None:
    """Stamps are a cache: nothing depends on their being right."""
    digest = store.put(b"x")
    (store.state / "verified" / digest.hex).write_bytes(stamp)
    Store.open(store.root).verify(digest)
    assert hashed == [digest]


def test_a_reader_that_stops_early_is_not_misled(store) -> None:
    """The end of the stream is where wrong bytes show: reading on finds them."""
    digest = store.put(b"right")
    path = store.blobs.path(digest)
    path.chmod(0o600)
    path.write_bytes(b"wrong")
    with store.open_blob(digest) as stream:
        assert stream.read(5) == b"wrong"
        with pytest.raises(CorruptContentError):
            stream.read(1)
    assert not store.has(digest)


def test_a_good_blob_that_took_the_place_is_not_put_aside(store) -> None:
    """Only the file that was read is rejected, not one that another process has put right meanwhile."""
    digest = store.put(b"right")
    path = store.blobs.path(digest)
    path.chmod(0o600)
    path.write_bytes(b"wrong")
    with store.open_blob(digest) as stream:
        stream.read(5)
        other = path.with_name("other")
        other.write_bytes(b"right")
        other.rename(path)
        with pytest.raises(CorruptContentError):
            stream.read(1)
    assert store.read(digest) == b"right"
