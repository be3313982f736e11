"""The archive of a wheel: good ones are read as zipfile reads them, in every form that writers produce."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import wheels as make

from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.layers.wheels.archive import PIECE, Archive, Member

if TYPE_CHECKING:
    from pathlib import Path

WHERE = "x-1-py3-none-any.whl"


def opened(tmp_path: Path, raw: bytes) -> Archive:
    path = tmp_path / "blob"
    path.write_bytes(raw)
    return Archive.open(path, where=WHERE)


def contents(archive: Archive) -> dict[str, bytes]:
    return {member.name: archive.read(member) for member in archive.members if not member.is_dir}


def test_members_are_in_the_order_of_the_directory(tmp_path):
    """What a member is comes from its header; a directory loses its slash."""
    raw = make.archive(
        make.member("b/"), make.member("b/a", b"1" * 100), make.member("a", b"22", method=0, mode=0o100755)
    )
    with opened(tmp_path, raw) as archive:
        assert [member.name for member in archive.members] == ["b", "b/a", "a"]
        assert [member.is_dir for member in archive.members] == [True, False, False]
        data = b"1" * 100
        stream = make.deflate(data)
        # The first member's headers take 32 bytes, its own 33.
        expected = Member("b/a", 8, zlib.crc32(data), len(stream), 100, 0o100644, 65, False, True)
        assert archive.get("b/a") == expected
        last = archive.get("a")
        assert last is not None
        assert (last.method, last.size, last.compressed, last.mode) == (0, 2, 2, 0o100755)
        assert archive.get("b/") is None
        assert archive.get("c") is None


def test_raw_bytes_are_the_stored_ones(tmp_path):
    """A layer takes over the deflate stream as it is."""
    data = bytes(range(256)) * 20
    with opened(tmp_path, make.archive(make.member("a", data), make.member("b", data, method=0))) as archive:
        deflated, stored = archive.members
        assert archive.raw(deflated) == make.deflate(data)
        assert archive.raw(stored) == data
        assert archive.read(deflated) == archive.read(stored) == data


def test_views_outlive_the_archive(tmp_path):
    """What was handed out stays readable after closing; the archive itself does not."""
    with opened(tmp_path, make.archive(make.member("a", b"123", method=0))) as archive:
        view = archive.raw(archive.members[0])
    assert bytes(view) == b"123"
    with pytest.raises(ValueError, match="released"):
        archive.raw(archive.members[0])


@pytest.mark.parametrize("method", [make.STORED, make.DEFLATED])
def test_pieces_are_the_content(tmp_path, method):
    """Pieces are bounded, and all of them together are what read returns."""
    data = b"".join(struct.pack("<Q", n * n) for n in range(1 << 20))
    with opened(tmp_path, make.archive(make.member("a", data, method=method))) as archive:
        pieces = list(archive.pieces(archive.members[0]))
    assert max(map(len, pieces)) <= PIECE
    assert len(pieces) >= 8
    assert b"".join(pieces) == data


def test_a_bomb_is_inflated_no_further_than_it_claims(tmp_path):
    """A stream of 64 MiB that claims a kilobyte costs no more than one piece."""
    stream = make.deflate(bytes(64 << 20), 9)
    fields = {"size": 1 << 10}
    raw = make.archive(make.member("a", stream=stream, local=fields, central=fields))
    with opened(tmp_path, raw) as archive:
        with pytest.raises(CorruptContentError, match="damaged"):
            archive.read(archive.members[0])
        with pytest.raises(CorruptContentError, match="larger than it claims"):
            next(archive.pieces(archive.members[0]))


@pytest.mark.parametrize("more", [b"x", b"\0" * 9, b"x" * 999])
def test_what_follows_a_stream_is_found_wherever_input_was_cut(tmp_path, monkeypatch, more):
    """Also where the stream ends with a piece of input."""
    data = b"content" * 50
    stream = make.deflate(data)
    with opened(tmp_path, make.archive(make.member("a", data, stream=stream + more))) as archive:
        for size in (1, len(stream) - 1, len(stream), len(stream) + 1, 1 << 18):
            monkeypatch.setattr("hivebase.layers.wheels.archive._INPUT", size)
            with pytest.raises(CorruptContentError, match="follows its end"):
                list(archive.pieces(archive.members[0]))


WIDE = {"size": make.WIDE, "compressed": make.WIDE}
PLAIN = make.member("a", b"content")
SIZES = (len(PLAIN.data), len(PLAIN.stored()))


def both(local=(), central=(), **fields) -> bytes:
    return make.archive(
        make.member("0", b"first"),
        make.member("a", b"content", local=dict(local), central=dict(central), **fields),
        make.member("z", b"last"),
    )


def wide(*numbers: int) -> bytes:
    return make.extra(1, struct.pack(f"<{len(numbers)}Q", *numbers))


FORMS = {
    "plain": both(),
    "stored": both(method=0),
    "best effort": both(flags=2),
    "fastest": both(flags=6),
    "another version needed": both(local={"version": 45}),
    "another time": both(local={"time": 1}),
    "timestamps in the local header": both(local={"extra": make.extra(0x5455, b"\3" + bytes(8))}),
    "owner in both": both({"extra": make.extra(0x7875, bytes(11))}, {"extra": make.extra(0x7875, bytes(11))}),
    "a comment": both(central={"comment": b"hello"}),
    "zip64 in both": both(WIDE | {"extra": wide(*SIZES)}, WIDE | {"extra": wide(*SIZES)}),
    "zip64 in the local header only": both(WIDE | {"extra": wide(*SIZES)}),
    "zip64 for one number": both(central={"size": make.WIDE, "extra": wide(SIZES[0])}),
    "zip64 sizes that old Pythons repeat": both({"extra": wide(*SIZES)}),
    "descriptor": both(descriptor=12),
    "descriptor with signature": both(descriptor=16),
    "wide descriptor": both(descriptor=20),
    "wide descriptor with signature": both(descriptor=24),
    "wide descriptor after zip64": both(WIDE | {"extra": wide(0, 0)}, descriptor=24),
    "descriptor that repeats the header": both(
        {"crc": zlib.crc32(PLAIN.data), "size": SIZES[0], "compressed": SIZES[1]}, descriptor=16
    ),
    "stored with descriptor": both(method=0, descriptor=16),
    "made on Windows": both(system=0, mode=0),
    "no file type": both(mode=0o644),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_writers_produce_is_read(tmp_path, form):
    """Streaming writers, old Pythons and Info-ZIP are no attackers."""
    with opened(tmp_path, FORMS[form]) as archive:
        assert contents(archive) == {"0": b"first", "a": b"content", "z": b"last"}


@pytest.mark.parametrize(
    "name",
    [
        "é.py",
        "日本/語.py",
        "a b",
        "a" * 255,
        "é" * 127,
        "..a",
        "a..",
        "...",
        ".wha",
        "a.wh.b",
        "~",
        "\u200d",
        "-",
    ],
)
def test_odd_names_that_are_fine(tmp_path, name):
    """Whatever stays inside and can be a file on Linux is kept as it is."""
    with opened(tmp_path, make.archive(make.member(name, b"1"))) as archive:
        assert archive.members[0].name == name


def test_the_longest_name(tmp_path):
    """Exactly as long as Linux takes."""
    name = "/".join(["a" * 240] * 17)
    assert len(name) == 4096
    with opened(tmp_path, make.archive(make.member(name, b"1"))) as archive:
        assert archive.members[0].name == name


def test_members_may_lie_in_another_order_than_they_are_listed(tmp_path):
    """Only that nothing is left over and nothing overlaps counts."""
    one, two = make.member("a", b"1"), make.member("b", b"22")
    length = len(two.local_bytes())
    raw = make.archive(
        make.member("a", b"1", central={"offset": length}), make.member("b", b"22", central={"offset": 0})
    )
    body = one.local_bytes() + two.local_bytes()
    assert raw.startswith(body)
    swapped = two.local_bytes() + one.local_bytes() + raw[len(body) :]
    with opened(tmp_path, swapped) as archive:
        assert contents(archive) == {"a": b"1", "b": b"22"}


def test_an_empty_directory_stream_is_no_content(tmp_path):
    """Some writers deflate directories too."""
    with opened(tmp_path, make.archive(make.member("d/", method=8))) as archive:
        assert archive.members[0].is_dir


def test_a_wheel_may_contain_a_wheel(tmp_path):
    """An end record inside a stored member means nothing unless it reaches to the end of the file."""
    inner = make.wheel().bytes()
    with opened(tmp_path, make.archive(make.member("a.whl", inner, method=0))) as archive:
        assert contents(archive) == {"a.whl": inner}


def test_zip64_end_records(tmp_path):
    """Both agree, or the plain one refers to the other."""
    most = {"here": 0xFFFF, "count": 0xFFFF, "size": make.WIDE, "offset": make.WIDE}
    for end in ({}, most, {"disk": 0xFFFF, "start": 0xFFFF}):
        with opened(tmp_path, make.archive(PLAIN, zip64=True, end=end)) as archive:
            assert contents(archive) == {"a": b"content"}


def test_more_members_than_a_plain_end_record_can_count(tmp_path):
    """As zipfile writes them, with zip64."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as file:
        for n in range(0x10000):
            file.writestr(str(n), b"")
    with opened(tmp_path, raw.getvalue()) as archive:
        assert len(archive.members) == 0x10000


def test_what_zipfile_streams_is_read(tmp_path):
    """Without seeking, zipfile writes descriptors, and zip64 where it cannot know better."""

    class Pipe(io.RawIOBase):
        written = b""

        def writable(self):
            return True

        def write(self, data):
            self.written += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a", b"content")
        with file.open("b", "w", force_zip64=True) as member:
            member.write(b"more")
        file.mkdir("d")
    with opened(tmp_path, pipe.written) as archive:
        assert contents(archive) == {"a": b"content", "b": b"more"}


def test_a_file_that_cannot_be_read(tmp_path):
    """The machine's fault, not the wheel's."""
    with pytest.raises(SystemFaultError, match=WHERE):
        Archive.open(tmp_path / "nothing", where=WHERE)
    with pytest.raises(SystemFaultError, match=WHERE):
        Archive.open(tmp_path, where=WHERE)


PART = st.text(
    st.characters(codec="utf-8", categories=["L", "N"], include_characters="._-+ ~"), min_size=1, max_size=20
).filter(lambda part: part not in {".", ".."} and not part.startswith(".wh."))
FILES = st.dictionaries(
    st.lists(PART, min_size=1, max_size=4).map("/".join), st.binary(max_size=200), max_size=8
).filter(lambda files: not any(other.startswith(name + "/") for name in files for other in files))


@given(files=FILES, stored=st.booleans())
def test_zipfile_and_we_agree(tmp_path_factory, files, stored):
    """A good archive that zipfile wrote has the same names and bytes here."""
    path = tmp_path_factory.mktemp("zips") / "blob"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    with zipfile.ZipFile(path) as file:
        expected = {info.filename: file.read(info) for info in file.infolist()}
    with Archive.open(path, where=WHERE) as archive:
        assert contents(archive) == expected == files
        assert {m.name: b"".join(archive.pieces(m)) for m in archive.members} == files
