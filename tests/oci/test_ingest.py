"""Writing a blob: all of it, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError


def _ingest_files(store) -> list[str]:
    return [path.name for path in (store.state / "ingest").iterdir()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=2000) | st.just(bytes(3 << 19)), max_size=6))
def test_pieces_make_one_blob(store, pieces) -> None:
    """However the bytes arrive, the blob is their concatenation."""
    whole = b"".join(pieces)
    with store.ingest() as ingest:
        for piece in pieces:
            assert ingest.write(piece) == len(piece)
        assert (Digest.of(whole), len(whole)) == ingest.commit(Digest.of(whole), len(whole))
    assert store.read(Digest.of(whole), limit=len(whole)) == whole
    assert _ingest_files(store) == []


def test_the_blob_is_read_only_and_private(store) -> None:
    """Nobody may change a blob, and its directories keep others out."""
    path = store.blobs.path(store.put(b"x"))
    assert path.stat().st_mode & 0o777 == 0o444
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("expected", "size"),
    [(Digest.of(b"other"), None), (None, 3), (Digest.of(b"data"), 5), (Digest.of(b"x"), 4)],
)
def test_r8_other_bytes_than_expected_are_not_stored(store, expected, size) -> None:
    """A wrong digest or size leaves nothing behind."""
    with store.ingest() as ingest:
        ingest.write(b"data")
        with pytest.raises(CorruptContentError):
            ingest.commit(expected, size)
    assert not store.has(Digest.of(b"data"))
    assert _ingest_files(store) == []


def test_leaving_without_commit_stores_nothing(store) -> None:
    """An abandoned blob is gone, and so is one whose writer failed."""
    with store.ingest() as ingest:
        ingest.write(b"data")
    with pytest.raises(TypeError), store.ingest() as ingest:
        ingest.write("no bytes")
    assert not store.has(Digest.of(b"data"))
    assert _ingest_files(store) == []


def test_nothing_is_visible_before_the_commit(store) -> None:
    """A reader sees no blob while it is written."""
    with store.ingest() as ingest:
        ingest.write(b"data")
        assert not store.has(Digest.of(b"data"))
        ingest.commit()
        assert store.has(Digest.of(b"data"))


def test_an_existing_blob_stays(store) -> None:
    """The second writer of the same bytes drops its copy."""
    digest = store.put(b"x")
    before = store.blobs.path(digest).stat().st_ino
    assert digest == store.put(b"x")
    assert before == store.blobs.path(digest).stat().st_ino
    assert _ingest_files(store) == []


def test_s6_writing_a_blob_again_heals_a_damaged_one(store) -> None:
    """A damaged blob does not keep its good copy out."""
    digest = store.put(b"right")
    path = store.blobs.path(digest)
    path.chmod(0o600)
    path.write_bytes(b"wrong")
    store.put(b"right")
    assert store.read(digest) == b"right"
    assert len(list((store.state / "quarantine").iterdir())) == 1
