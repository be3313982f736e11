"""Reading compressed layers without trusting them."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.oci.inflate import InflateLimits, inflated

DATA = bytes(range(256)) * 5000


def _read(data: bytes, limits: InflateLimits | None = None) -> bytes:
    with inflated(io.BytesIO(data), where="it", limits=limits) as stream:
        return stream.read()


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(0, 9))
def test_a8_all_members_are_read(parts, level) -> None:
    """A gzip file may have many members, empty ones too; the content is all of them."""
    assert b"".join(parts) == _read(b"".join(gzip.compress(part, level) for part in parts))


@pytest.mark.parametrize("data", [b"", b"\x1f", b"plain", DATA])
def test_what_is_not_compressed_is_passed_on(data) -> None:
    """The first bytes decide."""
    assert data == _read(data)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(DATA)[:-1],
        gzip.compress(DATA)[:-8],
        gzip.compress(DATA)[:50],
        gzip.compress(DATA)[:2],
        gzip.compress(DATA) + b"garbage",
        gzip.compress(DATA) + b"\x1f",
        gzip.compress(DATA) + bytes(1),
        gzip.compress(DATA) + gzip.compress(DATA)[:30],
        gzip.compress(DATA)[:-8] + bytes(4) + gzip.compress(DATA)[-4:],
        gzip.compress(DATA)[:-4] + bytes(4),
        gzip.compress(DATA)[:100] + bytes(50) + gzip.compress(DATA)[150:],
    ],
    ids=[
        "cut",
        "no-trailer",
        "half",
        "magic",
        "garbage",
        "one-byte",
        "zero",
        "half-member",
        "crc",
        "size",
        "body",
    ],
)
def test_a8_damage_is_refused(data) -> None:
    """Truncation, wrong checks and anything after the end make the blob unusable."""
    with pytest.raises(CorruptContentError) as raised:
        _read(data)
    assert raised.value.where == "it"


def test_a7_a_bomb_is_stopped() -> None:
    """Content far beyond its compressed size is refused before it fills anything."""
    bomb = gzip.compress(bytes(8 << 20))
    assert len(_read(bomb)) == 8 << 20
    with pytest.raises(CorruptContentError):
        _read(bomb, InflateLimits(free=1 << 20))
    with pytest.raises(CorruptContentError):
        _read(gzip.compress(bytes(2 << 20), 0), InflateLimits(total=1 << 20))


def test_zstd_is_told_with_the_way_out() -> None:
    """What cannot be read is an environment fault, not damage."""
    with pytest.raises(SystemFaultError) as raised:
        _read(b"\x28\xb5\x2f\xfd" + bytes(10))
    assert "skopeo" in raised.value.hint


def test_zlib_without_gzip_is_taken_as_content() -> None:
    """Only gzip is unpacked: other bytes are the layer itself."""
    data = zlib.compress(DATA)
    assert data == _read(data)
