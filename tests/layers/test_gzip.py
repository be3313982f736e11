"""Compressing layers. What is refused on reading is in tests/hostile."""

from __future__ import annotations

import gzip
import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.layers.gzip import BLOCK, Compressor
from hivebase.oci.inflate import inflated
from hivebase.oci.model import canonical_json


def compress(*chunks: bytes, workers: int = 2) -> bytes:
    parts: list[bytes] = []
    with Compressor(parts.append, workers=workers) as compressor:
        for chunk in chunks:
            compressor.write(chunk)
    return b"".join(parts)


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_what_is_compressed_is_read_again(chunks):
    """Our reader and Python's see the content, whatever the pieces it came in."""
    blob = compress(*chunks)
    assert gzip.decompress(blob) == b"".join(chunks)
    assert inflated(io.BytesIO(blob)).read() == b"".join(chunks)


DATA = canonical_json(list(range(400_000)))  # two blocks and a half


@pytest.mark.parametrize(("piece", "workers"), [(len(DATA), 1), (BLOCK, 7), (BLOCK + 1, 2), (100_003, 3)])
def test_p1_bytes_depend_on_the_content_alone(piece, workers):
    """Neither the number of cores nor the sizes of writes change the blob."""
    pieces = [DATA[at : at + piece] for at in range(0, len(DATA), piece)]
    assert compress(*pieces, workers=workers) == compress(DATA)


def test_the_format_is_pinned():
    """Members of one MiB, without time, name or operating system."""
    blob = compress(DATA[: 2 * BLOCK])
    first = compress(DATA[:BLOCK])
    assert blob[:10] == bytes.fromhex("1f8b 0800 0000 0000 00ff")
    assert blob == first + compress(DATA[BLOCK : 2 * BLOCK])
    assert len(blob) < len(DATA) / 2


def test_nothing_is_a_stream_too():
    """An empty layer is a valid gzip file."""
    assert gzip.decompress(compress()) == b""


def test_a_failing_sink_ends_everything():
    """A full disk is reported to the writer, and no thread stays behind."""

    def fail(_data: bytes) -> None:
        raise OSError("full")

    before = threading.active_count()
    compressor = Compressor(fail, workers=2)
    with pytest.raises(OSError, match="full"), compressor:
        compressor.write(bytes(9 * BLOCK))
    assert threading.active_count() == before
