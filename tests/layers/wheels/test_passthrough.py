"""A layer of gzip members: any reader sees one tar, and the compressed bytes of wheels are in it as they were."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib

import pytest
from tests.layers.blobs import Blobs
from tests.wheels import deflate

from hivebase.digest import Digest
from hivebase.layers.wheels.passthrough import PassthroughWriter
from hivebase.tar import Entry

BIG = bytes(range(256)) * 20


@pytest.fixture
def blobs():
    """A store in memory."""
    return Blobs()


def _write(blobs, fill, observe=None):
    with blobs.ingest() as blob:
        writer = PassthroughWriter(blob, observe)
        fill(writer)
        layer = writer.finish()
    return layer, blobs.blobs[layer.descriptor.digest], writer


def _add(writer, name, data):
    writer.add_deflated(Entry(name, "file", 0o644, size=len(data)), data, deflate(data), zlib.crc32(data))


def test_streams_are_in_it_as_they_were(blobs):
    """Nothing is compressed again but headers and small files."""
    layer, data, _ = _write(blobs, lambda writer: _add(writer, "x", BIG))
    assert deflate(BIG) in data
    assert gzip.decompress(data).startswith(b"x\0")
    assert layer.diff_id == Digest.of(gzip.decompress(data))
    assert layer.descriptor.size == len(data)


def test_any_tar_reader_sees_all_of_it(blobs):
    """Small and large ones, directories, and content that comes in pieces."""

    def fill(writer):
        writer.add(Entry("d", "dir", 0o755))
        _add(writer, "d/small", b"1")
        _add(writer, "d/large", BIG)
        writer.add(Entry("d/pieces", "file", 0o755, size=6), iter([b"abc", b"def"]))
        entry = Entry("d/streamed", "file", 0o644, size=len(BIG))
        writer.add_deflated(entry, iter([BIG[:7], BIG[7:]]), deflate(BIG), zlib.crc32(BIG))

    layer, data, writer = _write(blobs, fill)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        files = [(one.name, archive.extractfile(one)) for one in archive if one.isfile()]
        read = {name: file.read() for name, file in files if file is not None}
        assert archive.getnames()[0] == "d"
    assert read == {"d/small": b"1", "d/large": BIG, "d/pieces": b"abcdef", "d/streamed": BIG}
    assert writer.size == len(gzip.decompress(data))
    assert layer.diff_id == Digest.of(gzip.decompress(data))


def test_offsets_are_those_of_the_contents(blobs):
    """An index made on the way finds each file."""
    seen = {}

    def fill(writer):
        for name, data in {"a": b"one", "b" * 200: BIG, "c": b"three"}.items():
            _add(writer, name, data)

    _, data, _ = _write(
        blobs, fill, lambda entry, offset: seen.update({entry.name[:1]: (offset, entry.size)})
    )
    tar = gzip.decompress(data)
    assert [tar[offset : offset + size] for offset, size in seen.values()] == [b"one", BIG, b"three"]


def test_the_same_twice(blobs):
    """Without times or names in the gzip headers."""

    def fill(writer):
        _add(writer, "a", BIG)
        writer.add(Entry("b", "file", 0o644, size=len(BIG)), BIG)

    assert _write(blobs, fill)[0] == _write(Blobs(), fill)[0]
