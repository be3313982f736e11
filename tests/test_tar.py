"""Reading and writing tar."""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivebase.errors import BuildError, CorruptContentError, UsageError
from hivebase.tar import END, Entry, Limits, Reader, Writer, clean, encode, padding
from tests import archives as make


def read(raw: bytes, limits: Limits | None = None) -> list[tuple[Entry, bytes]]:
    return [(entry, body.read()) for entry, body in Reader(io.BytesIO(raw), limits, where="layer 7")]


def names(raw: bytes) -> list[str]:
    return [entry.name for entry, _ in read(raw)]


def write(*items: tuple[Entry, bytes]) -> bytes:
    parts: list[bytes] = []
    writer = Writer(parts.append)
    for entry, data in items:
        writer.add(entry, data)
    writer.close()
    return b"".join(parts)


XATTRS = (("security.capability", b"\x01\0\0\x02=\n"), ("user.empty", b""))
EXAMPLES = [
    Entry("etc", "dir", 0o755, mtime=1),
    Entry("etc/passwd", "file", 0o644, size=4, mtime=1_700_000_000),
    Entry("a" * 100, "file", 0o600),
    Entry("b" * 90 + "/" + "c" * 100, "file", 0o600),
    Entry("d" * 200 + "/" + "e" * 200, "file", 0o4755, uid=3_000_000, gid=0o7777777 + 1, mtime=-4),
    Entry("f" * 99, "dir", 0o1777),
    Entry("é/ß", "symlink", 0o777, link="x" * 101),
    Entry("nicht\udcff-utf8", "hardlink", 0o644, link="ä"),
    Entry("dev/null", "char", 0o666, major=1, minor=3),
    Entry("dev/sda", "block", 0o660, gid=6, major=8),
    Entry("run/pipe", "fifo", 0o600),
    Entry("ping", "file", 0o755, xattrs=XATTRS),
    Entry("line\nbreak = 7", "file", 0o644),
]


@pytest.mark.parametrize("entry", EXAMPLES, ids=lambda entry: entry.name[:12])
def test_what_is_written_is_read_again(entry):
    """Every kind of entry, and every field beyond what ustar holds, survives the round trip."""
    data = b"abcd"[: entry.size]
    assert [(entry, data)] == read(write((entry, data)))


_NAME = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=90)
_PATH = st.lists(_NAME.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=4).map("/".join)


@given(st.lists(st.tuples(_PATH, st.binary(max_size=1500), st.integers(-(1 << 40), 1 << 40)), max_size=4))
def test_any_names_and_contents_survive(files):
    """Names, contents and times of all sorts survive the round trip, several in one archive."""
    items = [(Entry(name, "file", 0o644, size=len(data), mtime=time), data) for name, data, time in files]
    assert items == read(write(*items))


def test_other_readers_see_the_same(tmp_path):
    """GNU tar and Python read what we write as we meant it."""
    raw = write(*((entry, b"abcd"[: entry.size]) for entry in EXAMPLES))
    with tarfile.open(fileobj=io.BytesIO(raw)) as other:
        assert [(entry.name, entry.size, entry.mtime) for entry in EXAMPLES] == [
            (member.name, member.size, int(member.mtime)) for member in other
        ]
    listed = subprocess.run(["tar", "tf", "-", "--null"], input=raw, capture_output=True, check=True)
    assert listed.stderr == b""


def test_encoding_is_plain_ustar_where_that_suffices():
    """An ordinary entry is one block, so that the oldest reader can read it."""
    assert len(encode(Entry("usr/bin/python3", "file", 0o755, size=5_000_000))) == 512
    assert len(encode(Entry("p" * 150 + "/" + "n" * 100, "file", 0o755))) == 512
    assert len(encode(Entry("n" * 101, "file", 0o755))) == 3 * 512


def test_an_archive_ends_after_two_blocks():
    """The size of an archive follows from its content: nothing is padded to records of 10 KiB."""
    assert write() == END
    assert len(write((Entry("a", "file", 0o644, size=3), b"abc"))) == 512 + 512 + 1024
    assert padding(1024) == b""


@pytest.mark.parametrize(("size", "data"), [(2, b"abc"), (4, b"abc"), (4, io.BytesIO(b"abc")), (4, None)])
def test_content_of_another_length_is_refused(size, data):
    """A file that shrinks while it is read, or a wrong size, cannot make a broken archive."""
    with pytest.raises(BuildError):
        Writer(lambda _: None).add(Entry("a", "file", 0o644, size=size), data)


@pytest.mark.parametrize(
    "entry",
    [
        Entry("", "dir", 0o755),
        Entry("a\0b", "file", 0o644),
        Entry("a", "symlink", 0o777, link="b\0"),
        Entry("a", "file", 0o644, uid=-1),
        Entry("a", "file", 0o644, gid=0xFFFFFFFF),
        Entry("a", "char", 0o644, major=1 << 30),
        Entry("a", "dir", 0o755, size=1),
        Entry("a", "file", 0o644, xattrs=(("user.a=b", b""),)),
    ],
)
def test_entries_that_tar_cannot_hold_are_refused(entry):
    """What would be read back as something else is not written."""
    with pytest.raises(UsageError):
        encode(entry)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("./", ""),
        ("", ""),
        ("../../etc/passwd", "etc/passwd"),
        ("a/../../x", "x"),
        ("/abs//./path/", "abs/path"),
        ("a/b/..", "a"),
        ("..", ""),
        ("a\\..\\b", "a\\..\\b"),
    ],
)
def test_a4_clean_stays_inside(name, expected):
    """A name is read as a process in a chroot would."""
    assert expected == clean(name)


def test_gnu_long_names_are_read():
    """GNU tar's way to store long names and link targets."""
    raw = make.archive(
        make.gnu_long("n" * 300),
        make.gnu_long("t" * 300, b"K"),
        make.symlink("n" * 100, "t" * 100, magic=make.GNU),
    )
    assert [(entry.name, entry.link) for entry, _ in read(raw)] == [("n" * 300, "t" * 300)]


def test_old_gnu_headers_with_a_prefix_are_read():
    """Layers written by Go before 1.8 have a ustar prefix in a GNU header."""
    old = make.archive(make.file("name", magic=make.GNU, prefix=b"some/long/directory"))
    times = make.archive(make.file("name", magic=make.GNU, prefix=b"00000000000\0" * 2))
    assert names(old) == ["some/long/directory/name"]
    assert names(times) == ["name"]


def test_unix_v7_headers_are_read():
    """A header without magic has no prefix and no devices; a slash at the end makes a directory."""
    raw = make.archive(make.file("old/", flag=b"\0", magic=make.V7), make.file("f", b"x", flag=b"\0"))
    assert [(entry.name, entry.kind) for entry, _ in read(raw)] == [("old", "dir"), ("f", "file")]


def test_signed_checksums_are_read():
    """Old writers summed signed bytes; names beyond ASCII tell the difference."""
    block = make.header("é")
    counted = block[:148] + block[156:]
    signed = sum(c - 256 * (c >= 128) for c in counted) + 256
    assert names(make.archive(make.header("é", checksum=b"%06o\0 " % signed))) == ["é"]


def test_pax_values_win_and_times_lose_their_fraction():
    """Extended headers replace name, owner and time; empty values mean nothing."""
    records = {"path": "long", "uid": "70000000", "gid": "", "mtime": "12.9", "comment": "\0"}
    (entry, _), *_ = read(make.archive(make.pax(records), make.file("short", gid=7)))
    assert (entry.name, entry.uid, entry.gid, entry.mtime) == ("long", 70_000_000, 7, 12)
    (entry, _), *_ = read(make.archive(make.pax({"mtime": "-0.5"}), make.file("a")))
    assert entry.mtime == -1


def test_content_of_links_is_not_content():
    """Go ignores the size of what has no content; so the next header follows at once."""
    raw = make.archive(make.file("a", b"x"), make.hardlink("b", "a", size=512), make.file("c"))
    assert names(raw) == ["a", "b", "c"]


def test_global_headers_are_ignored_unless_they_lie():
    """git archive writes a harmless one; one that renames every file is refused."""
    raw = make.archive(make.pax({"comment": "abc", "mtime": "7"}, b"g"), make.file("a"))
    assert [(entry.name, entry.mtime) for entry, _ in read(raw)] == [("a", 0)]
    for key, value in {"path": "x", "linkpath": "x", "size": "5", "GNU.sparse.name": "x"}.items():
        with pytest.raises(CorruptContentError):
            read(make.archive(make.pax({key: value}, b"g"), make.file("a")))


def test_base_256_numbers_are_read():
    """GNU's binary numbers, positive and negative."""
    raw = make.archive(make.file("a", uid=make.base256(1 << 24, 8), mtime=make.base256(-5, 12)))
    assert [(entry.uid, entry.mtime) for entry, _ in read(raw)] == [(1 << 24, -5)]


ENDS = {
    "none": b"",
    "one block": bytes(512),
    "two blocks": bytes(1024),
    "a record": bytes(10_240),
    "something after it": bytes(1024) + b"anything at all",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a9_ends_are_read_as_go_does(end):
    """Whatever follows the last entry, or nothing, is no entry, and is read to its end."""
    stream = io.BytesIO(make.archive(make.file("a", b"x"), end=end))
    assert [entry.name for entry, _ in Reader(stream)] == ["a"]
    assert stream.read() == b""


def test_bodies_may_be_left_unread():
    """Who skips content still finds the next entry."""
    raw = make.archive(make.file("a", b"x" * 5000), make.file("b", b"y"))
    found = []
    for entry, body in Reader(io.BytesIO(raw)):
        found.append((entry.name, body.read(2)))
    assert found == [("a", b"xx"), ("b", b"y")]


FILE = make.file("a", b"abc")
REJECTED = {
    "a zero block between entries": make.archive(make.file("a"), bytes(512), make.file("b")),
    "pax size differs": make.archive(make.pax({"size": "600"}), make.file("a", b"abc")),
    "pax size hides an entry": make.archive(make.pax({"size": "1024"}), make.file("a"), make.file("b"), FILE),
    "pax size is negative": make.archive(make.pax({"size": "-1"}), make.file("a")),
    "pax size is no number": make.archive(make.pax({"size": "0x10"}), make.file("a")),
    "long name makes a file a directory": make.archive(make.gnu_long("x/"), make.file("x", b"y", flag=b"\0")),
    "long name makes a directory a file": make.archive(make.pax({"path": "x"}), make.file("x/", flag=b"\0")),
    "negative size": make.archive(make.file("a", size=make.base256(-1, 12))),
    "huge size": make.archive(make.file("a", size=make.base256(1 << 62, 12))),
    "size beyond 64 bits": make.archive(make.file("a", size=make.base256(1 << 80, 12))),
    "8 GB of extended header": make.archive(make.pax(b"", size=make.base256(8 << 30, 12))),
    "negative extended header": make.archive(make.pax(b"", size=make.base256(-512, 12))),
    "record without length": make.archive(make.pax(b"path=x\n"), FILE),
    "record longer than the header": make.archive(make.pax(b"99 path=x\n"), FILE),
    "record of length 0": make.archive(make.pax(b"0 path=x\n"), FILE),
    "record without newline": make.archive(make.pax(b"9 path=xx"), FILE),
    "record without equals sign": make.archive(make.pax(b"8 pathx\n"), FILE),
    "NUL in a pax name": make.archive(make.pax({"path": "a\0b"}), FILE),
    "time is no number": make.archive(make.pax({"mtime": "1e9"}), FILE),
    "two extended headers": make.archive(make.pax({"path": "x"}), make.pax({"path": "y"}), FILE),
    "two long names": make.archive(make.gnu_long("x"), make.gnu_long("y"), FILE),
    "pax and GNU names differ": make.archive(make.gnu_long("x"), make.pax({"path": "y"}), FILE),
    "extended header before the end": make.archive(make.pax({"path": "x"})),
    "wrong checksum": make.archive(make.file("a", checksum=b"000000\0 ")),
    "sign in a number": make.archive(make.file("a", size=b"-1")),
    "underscore in a number": make.archive(make.file("a", size=b"1_0")),
    "digit 9 in a number": make.archive(make.file("a", mode=b"0009")),
    "owner beyond 32 bits": make.archive(make.file("a", uid=make.base256(1 << 32, 8))),
    "owner -1": make.archive(make.file("a", uid=make.base256((1 << 32) - 1, 8))),
    "negative owner": make.archive(make.pax({"gid": "-1"}), FILE),
    "unknown type": make.archive(make.file("a", flag=b"7")),
    "GNU sparse": make.archive(make.file("a", flag=b"S", magic=make.GNU)),
    "PAX sparse": make.archive(make.pax({"GNU.sparse.major": "1"}), FILE),
    "name over 4096 bytes": make.archive(make.pax({"path": "n" * 4097}), FILE),
    "link target over 4096 bytes": make.archive(make.pax({"linkpath": "n" * 4097}), make.symlink("a", "b")),
    "truncated header": make.file("a")[:100],
    "truncated content": make.file("a", b"x" * 600)[:700],
    "truncated padding": make.file("a", b"x" * 600)[:1200],
    "not tar": b"PK\x03\x04" * 200,
}


@pytest.mark.parametrize("raw", REJECTED.values(), ids=REJECTED.keys())
def test_a9_ambiguous_and_damaged_archives_are_refused(raw):
    """What two readers could take for two archives is refused with the archive's name, never a traceback."""
    with pytest.raises(CorruptContentError) as caught:
        read(raw)
    assert caught.value.where == "layer 7"


def test_a7_limits_stop_bombs():
    """Entries, bytes, extended headers and depth end at their limits, before memory is taken."""
    many = make.archive(*[make.file(str(number)) for number in range(20)])
    big = make.archive(make.file("a", bytes(5000)))
    deep = make.archive(make.pax({"path": "/".join("d" * 50)}), FILE)
    assert len(read(many, Limits(entries=20))) == 20
    assert len(read(big, Limits(total=5120 + 512 + 1024))) == 1
    assert len(read(deep, Limits(depth=50))) == 1
    for raw, limits in (
        (many, Limits(entries=19)),
        (big, Limits(total=5120)),
        (make.archive(FILE) + bytes(100_000), Limits(total=50_000)),
        (deep, Limits(depth=49)),
        (make.archive(make.pax({"comment": "x" * 2000}), FILE), Limits(header=2000)),
    ):
        with pytest.raises(CorruptContentError):
            read(raw, limits)


class Trickle(io.RawIOBase):
    """A stream that gives one byte less than asked, as sockets and pipes do."""

    def __init__(self, raw: bytes):
        super().__init__()
        self._inner = io.BytesIO(raw)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(max(1, size - 1))


def test_short_reads_are_completed():
    """A stream may give less than asked at any time."""
    raw = make.archive(make.pax({"path": "long"}), make.file("a", b"x" * 1000), make.file("b", b"y"))
    found = [(entry.name, body.read()) for entry, body in Reader(cast("BinaryIO", Trickle(raw)))]
    assert found == [("long", b"x" * 1000), ("b", b"y")]


@given(st.binary(max_size=2048), st.integers(0, 511), st.integers(0, 255))
def test_no_bytes_crash_the_reader(garbage, position, value):
    """Garbage, and a good archive with one byte changed, give entries or our own error."""
    good = bytearray(make.archive(make.pax({"path": "x"}), FILE))
    good[position] = value
    for raw in (garbage, bytes(good), make.header("a") + garbage):
        with contextlib.suppress(CorruptContentError):
            read(raw)
