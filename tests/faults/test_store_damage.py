"""Damaged, missing and planted things in the store: faults S-6, S-7 and S-8."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

import pytest

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.oci.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = bytes(range(256)) * 8192  # two MiB: more than one read


@pytest.fixture
def store(tmp_path) -> Store:
    """Return a store that holds DATA."""
    store = Store.open(tmp_path / "store")
    store.put(DATA)
    return store


DIGEST = Digest.of(DATA)
USES: dict[str, Callable[[Store], object]] = {
    "read": lambda store: store.read(DIGEST),
    "open": lambda store: store.open_blob(DIGEST).read(),
    "verify": lambda store: store.verify(DIGEST),
    "chunks": lambda store: _read_in_pieces(store.open_blob(DIGEST)),
}


def _read_in_pieces(stream: BinaryIO) -> None:
    while stream.read(1 << 16):
        pass


def _refused_and_healed(store: Store, use) -> None:
    with pytest.raises(CorruptContentError) as raised:
        USES[use](store)
    assert DIGEST in raised.value.what
    assert "quarantine" in raised.value.hint
    assert not store.has(DIGEST)
    assert len(list((store.state / "quarantine").iterdir())) == 1
    store.put(DATA)
    assert store.read(DIGEST) == DATA


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("position", [0, len(DATA) // 2, len(DATA) - 513, -1])
@pytest.mark.parametrize("again", [False, True], ids=["same-process", "new-process"])
def test_s6_a_bit_flip_is_found_before_the_end(store, use, position, again) -> None:
    """One wrong bit anywhere: refused, put aside, and the next write puts it right."""
    path = store.blobs.path(DIGEST)
    data = bytearray(DATA)
    data[position] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    os.utime(path, ns=(1, 1))
    _refused_and_healed(Store.open(store.root) if again else store, use)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("content", [b"", DATA[:-1], DATA[: len(DATA) // 2], DATA + b"x"])
def test_s7_a_truncated_or_longer_blob_is_found(store, use, content) -> None:
    """Another length is as bad as another bit."""
    path = store.blobs.path(DIGEST)
    path.chmod(0o600)
    path.write_bytes(content)
    _refused_and_healed(store, use)


def _link_to_itself(path: Path, elsewhere: Path) -> None:
    elsewhere.write_bytes(DATA)
    path.symlink_to(elsewhere)


PLANTED: dict[str, Callable[[Path, Path], object]] = {
    "link-to-the-right-bytes": _link_to_itself,
    "dangling-link": lambda path, elsewhere: path.symlink_to(elsewhere),
    "directory": lambda path, _: path.mkdir(),
    "full-directory": lambda path, _: (path / "sub").mkdir(parents=True),
    "fifo": lambda path, _: os.mkfifo(path),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("planted", PLANTED)
def test_s8_what_is_no_regular_file_is_refused(store, tmp_path, use, planted) -> None:
    """A link (even to the right bytes), a directory or a fifo is neither followed nor waited for."""
    path, elsewhere = store.blobs.path(DIGEST), tmp_path / "elsewhere"
    path.unlink()
    PLANTED[planted](path, elsewhere)
    assert not store.has(DIGEST)
    _refused_and_healed(store, use)
    if elsewhere.exists():
        assert elsewhere.read_bytes() == DATA


@pytest.mark.parametrize("planted", PLANTED)
def test_s8_writing_replaces_what_was_planted(store, tmp_path, planted) -> None:
    """A write goes beside what was planted, never through it."""
    path, elsewhere = store.blobs.path(DIGEST), tmp_path / "elsewhere"
    path.unlink()
    PLANTED[planted](path, elsewhere)
    before = elsewhere.read_bytes() if elsewhere.exists() else None
    store.put(DATA)
    assert store.read(DIGEST) == DATA
    assert path.is_file()
    assert not path.is_symlink()
    assert before == (elsewhere.read_bytes() if elsewhere.exists() else None)
