"""Faults A-3, A-4, A-6, A-12, A-13, A-14, A-16: wheels that no honest tool makes, each refused by name.

The zip rows follow what PyPI refuses since August 2025, CVE-2024-0450, CVE-2025-8291 and CVE-2025-54368.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from tests import wheels as make

from hivebase.errors import CorruptContentError
from hivebase.layers.wheels.archive import Archive
from hivebase.layers.wheels.checked import verified
from hivebase.layers.wheels.metadata import read_contents
from hivebase.values import replace

if TYPE_CHECKING:
    from pathlib import Path

GOOD = make.wheel()
MODULE = "x/__init__.py"
INFO = "x-1.dist-info"
RECORD = f"{INFO}/RECORD"
OTHER = make.wheel(files={"evil.py": b"import os\n"})


def read(tmp_path: Path, raw: bytes, file: str = GOOD.file) -> dict[str, bytes]:
    """Return the files of a wheel as everything that checks it has passed them."""
    path = tmp_path / "blob"
    path.write_bytes(raw)
    with Archive.open(path, where=file) as archive:
        contents = read_contents(archive, file)
        return {
            member.name: data if isinstance(data, bytes) else b"".join(data)
            for member, _, data in verified(archive, contents)
        }


def refusal(tmp_path: Path, raw: bytes, file: str = GOOD.file) -> str:
    """Return the message with which a wheel is refused, which names it."""
    with pytest.raises(CorruptContentError) as caught:
        read(tmp_path, raw, file)
    assert str(caught.value).startswith(f"{file}: this wheel is not acceptable: ")
    return str(caught.value)


def spoilt(name: str = MODULE, **fields) -> bytes:
    """Return the good wheel with one member spoilt."""
    return GOOD.replacing(name, **fields).bytes()


def named(*names: str | bytes, **fields) -> bytes:
    """Return the good wheel with more members, that RECORD lists."""
    return GOOD.adding(*(make.member(name, b"1", **fields) for name in names)).bytes()


def wide(*numbers: int) -> bytes:
    return make.extra(1, struct.pack(f"<{len(numbers)}Q", *numbers))


def test_the_good_wheel_is_read(tmp_path):
    """Everything below differs from this one in one thing."""
    files = read(tmp_path, GOOD.bytes())
    assert list(files) == [f"{INFO}/METADATA", RECORD, f"{INFO}/WHEEL", MODULE]
    assert files[MODULE] == b"answer = 42\n"


# The whole file: where it starts, where it ends, what lies between.


def _end_record_in_a_member() -> bytes:
    """Return a wheel with a stored member that is an end record whose comment is the rest of the file."""

    def made(comment: int) -> bytes:
        end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0, 0, 0, 0, comment)
        return GOOD.adding(make.member("x/z.bin", end, method=make.STORED)).bytes()

    # The row of RECORD has another hash then, and deflate may take another number of bytes for it.
    for comment in range(len(made(0))):
        raw = made(comment)
        if comment == len(raw) - raw.index(b"PK\5\6") - 22:
            return raw
    raise AssertionError


SHAPES = {
    "empty": (b"", "it is empty"),
    "not a zip": (b"#!/bin/sh\n" * 100, "not a zip file"),
    "only half": (GOOD.bytes()[: len(GOOD.bytes()) // 2], "not a zip file"),
    "cut by one byte": (GOOD.bytes()[:-1], "follows its end record"),
    "comment": (GOOD.bytes(comment=b"hello"), "follows its end record"),
    "a comment that is not there": (GOOD.bytes()[:-2] + b"\1\0", "follows its end record"),
    "comment that is a zip": (GOOD.bytes(comment=OTHER.bytes()), "not right before its end record"),
    "appended bytes": (GOOD.bytes(after=b"\0"), "follows its end record"),
    "two wheels, one after the other": (GOOD.bytes() + OTHER.bytes(), "not right before"),
    "two end records": (GOOD.bytes() + GOOD.bytes()[-22:], "not right before"),
    "an end record in the directory": (
        spoilt(central={"comment": b"PK\5\6"}),
        "more than one end record",
    ),
    "an end record in a member": (_end_record_in_a_member(), "more than one end record"),
    "a stub before the first member": (
        GOOD.bytes(before=b"#!/bin/sh\nexec python $0\n"),
        "precedes its first",
    ),
    "bytes before the directory": (GOOD.bytes(between=b"secret"), "belongs to no member"),
    "bytes between two members": (spoilt(after=b"secret"), "belongs to no member"),
    "a local file that the directory does not list": (
        spoilt(after=make.member("evil.py", b"1").local_bytes()),
        "belongs to no member",
    ),
    "bytes after the directory": (GOOD.bytes(after_directory=b"secret"), "between its central directory"),
    "a directory signature": (
        GOOD.bytes(after_directory=b"PK\5\5\0\0"),
        "between its central directory",
    ),
    "one entry more than counted": (GOOD.bytes(end={"here": 3, "count": 3}), "between its central directory"),
    "one entry less than counted": (GOOD.bytes(end={"here": 5, "count": 5}), "cut short"),
    "counts that differ": (GOOD.bytes(end={"here": 3}), "several disks"),
    "disk 1": (GOOD.bytes(end={"disk": 1, "start": 1}), "several disks"),
    "a directory elsewhere": (GOOD.bytes(end={"offset": 0}), "not right before"),
    "too many members": (
        GOOD.bytes(
            zip64=True, end={"here": 0xFFFF, "count": 0xFFFF}, end64={"here": 200_001, "count": 200_001}
        ),
        "more than 200000",
    ),
    "sentinels without zip64": (
        GOOD.bytes(end={"here": 0xFFFF, "count": 0xFFFF}),
        "zip64 one that is not there",
    ),
    "zip64 counts that differ": (GOOD.bytes(zip64=True, end64={"here": 9, "count": 9}), "zip64 one disagree"),
    "zip64 offset that differs": (GOOD.bytes(zip64=True, end64={"offset": 0}), "zip64 one disagree"),
    "zip64 record elsewhere": (GOOD.bytes(zip64=True, end64={"at": 0}), "not where it should be"),
    "zip64 record of another length": (GOOD.bytes(zip64=True, end64={"length": 60}), "record is damaged"),
    "zip64 on two disks": (GOOD.bytes(zip64=True, end64={"disks": 2}), "not where it should be"),
}


@pytest.mark.parametrize("vector", SHAPES)
def test_a12_a_file_that_is_more_or_less_than_one_zip(tmp_path, vector):
    """Whatever some reader would take for another archive, or would not see, is refused."""
    raw, because = SHAPES[vector]
    assert because in refusal(tmp_path, raw)


def test_a12_an_end_record_inside_the_end_record(tmp_path):
    """A reader that looks for the last signature finds it in the count of members and the directory's size."""
    count, size = struct.unpack("<HH", b"PK\5\6")
    parts = [make.member(f"{n:05}", method=make.STORED) for n in range(count)]
    short = (size - count * (46 + 5)) % 0x10000
    raw = make.archive(*parts[:-1], make.member(f"{count:05}", method=0, central={"comment": bytes(short)}))
    assert raw[-12:-8] == b"PK\5\6"
    assert "more than one end record" in refusal(tmp_path, raw)


# One header against the other.


def _at_the_end() -> bytes:
    """Return a wheel with a local header of which only the signature is before the end of the file."""

    def made(offset: int) -> bytes:
        *most, last = GOOD.all()
        return make.archive(*most, replace(last, central={"comment": b"PK\3\4", "offset": offset}))

    return made(len(made(0)) - 22 - 4)


SECOND_NAME = make.extra(0x7075, b"\1" + struct.pack("<I", zlib.crc32(MODULE.encode())) + b"evil.py")
DESCRIBED = GOOD.replacing(MODULE, descriptor=12).members[0].local_bytes()[-12:]
DISAGREE = "disagrees with the central directory"
HEADERS = {
    "another name in the local header": (spoilt(local={"name": b"x/__evil__.py"}), "called otherwise"),
    "a longer name in the local header": (spoilt(local={"name": MODULE.encode() + b"c"}), "called otherwise"),
    "another method": (spoilt(local={"method": 0}), DISAGREE),
    "another flag": (spoilt(local={"flags": make.UTF8}), DISAGREE),
    "another crc": (spoilt(local={"crc": 1}), DISAGREE),
    "another size": (spoilt(local={"size": 1}), DISAGREE),
    "another compressed size": (spoilt(local={"compressed": 1}), DISAGREE),
    "sizes left out without a descriptor": (spoilt(local={"crc": 0, "size": 0, "compressed": 0}), DISAGREE),
    "no local header": (spoilt(local={"signature": b"PK\3\5"}), "is not where"),
    "an offset behind the end": (spoilt(central={"offset": 1 << 20}), "is not where"),
    "an offset to the last bytes": (_at_the_end(), "is not where"),
    "an offset into the directory": (spoilt(central={"offset": len(GOOD.bytes()) - 100}), "is not where"),
    "no central header": (spoilt(central={"signature": b"PK\1\3"}), "central directory is damaged"),
    "a name that leaves the directory": (
        GOOD.bytes().replace(struct.pack("<HHHH", len(RECORD), 0, 0, 0), struct.pack("<HHHH", 999, 0, 0, 0)),
        "central directory is damaged",
    ),
    "a compressed size beyond the file": (
        spoilt(local={"compressed": 1 << 20}, central={"compressed": 1 << 20}),
        "overlaps",
    ),
    "data that overlaps the next member": (
        spoilt(local={"compressed": 80}, central={"compressed": 80}),
        "overlaps",
    ),
    "one member twice (the quoted overlap bomb)": (
        GOOD.adding(make.member(MODULE, b"answer = 42\n", central={"offset": 0})).bytes(),
        "overlaps",
    ),
    "another disk": (spoilt(central={"disk": 1}), "on another disk"),
    "encrypted": (spoilt(flags=1), "is encrypted"),
    "strongly encrypted": (spoilt(flags=0x41), "is encrypted"),
    "hidden by central encryption": (spoilt(flags=0x2000), "not understood"),
    "patched data": (spoilt(flags=0x20), "not understood"),
    "bzip2": (spoilt(method=12), "method"),
    "deflate64": (spoilt(method=9), "method"),
    "stored in another size": (
        spoilt(method=0, local={"size": 5}, central={"size": 5}),
        "another size than its own",
    ),
    "a symbolic link": (spoilt(mode=0o120777), "a symbolic link"),
    "a symbolic link made on DOS": (spoilt(mode=0o120777, system=0), "a symbolic link"),
    "a fifo": (spoilt(mode=0o010644), "a fifo"),
    "a character device": (spoilt(mode=0o020644), "a device"),
    "a block device": (spoilt(mode=0o060644), "a device"),
    "a socket": (spoilt(mode=0o140644), "a socket"),
    "a directory without a slash": (spoilt(mode=0o040755), "directory by its mode"),
    "an unknown kind": (spoilt(mode=0o110644), "unknown kind"),
    "a second name": (
        spoilt(central={"extra": SECOND_NAME}),
        "second name",
    ),
    "a second name in the local header": (spoilt(local={"extra": SECOND_NAME}), "second name"),
    "an extra field that is cut": (spoilt(central={"extra": make.extra(9, b"12345")[:-2]}), "extra fields"),
    "an extra field of three bytes": (spoilt(local={"extra": b"\1\0\0"}), "extra fields"),
    "zip64 missing": (spoilt(central={"size": make.WIDE}), "zip64"),
    "zip64 missing in the local header": (spoilt(local={"size": make.WIDE}), "zip64"),
    "zip64 in the central header only": (
        spoilt(local={"size": make.WIDE}, central={"size": make.WIDE, "extra": wide(12)}),
        "zip64",
    ),
    "zip64 beside another size": (spoilt(local={"size": 5, "extra": wide(12, 14)}), "zip64"),
    "zip64 beside another compressed size": (
        spoilt(local={"compressed": 5, "extra": wide(12, 14)}),
        "zip64",
    ),
    "zip64 without a number": (spoilt(central={"extra": wide()}), "zip64"),
    "zip64 for nothing": (spoilt(central={"extra": wide(12)}), "zip64"),
    "zip64 with too much": (spoilt(central={"size": make.WIDE, "extra": wide(12, 14)}), "zip64"),
    "zip64 with too little": (
        spoilt(central={"size": make.WIDE, "compressed": make.WIDE, "extra": wide(12)}),
        "zip64",
    ),
    "zip64 twice": (spoilt(central={"size": make.WIDE, "extra": wide(12) + wide(12)}), "zip64"),
    "zip64 that disagrees": (spoilt(central={"size": make.WIDE, "extra": wide(13)}), DISAGREE),
    "zip64 that disagrees in the local header": (spoilt(local={"extra": wide(13, 14)}), "zip64"),
    "zip64 of another length in the local header": (
        spoilt(local={"size": make.WIDE, "extra": wide(12)}),
        "zip64",
    ),
    "a descriptor with another crc": (
        spoilt(descriptor=16, local={"crc": 7, "compressed": 14, "size": 12}),
        DISAGREE,
    ),
    "no descriptor": (
        spoilt(flags=make.DESCRIPTOR, local={"crc": 0, "compressed": 0, "size": 0}),
        "descriptor",
    ),
    "a wrong descriptor": (
        spoilt(flags=make.DESCRIPTOR, after=struct.pack("<4sIII", b"PK\7\10", 1, 2, 3)),
        "descriptor",
    ),
    "a descriptor of another signature": (
        spoilt(flags=make.DESCRIPTOR, after=b"PK\7\11" + DESCRIBED),
        "descriptor",
    ),
    "a descriptor and something more": (spoilt(descriptor=16, after=b"123"), "descriptor"),
    "a directory with content": (GOOD.adding(make.member("d/", b"hidden")).bytes(), "directory with content"),
    "a directory with content and no mode": (
        GOOD.adding(make.member("d/", b"hidden", mode=0)).bytes(),
        "directory with content",
    ),
    "a directory with a stream": (
        GOOD.adding(make.member("d/", method=8, stream=b"\3\0hidden")).bytes(),
        "directory with content",
    ),
    "a member of more than 8 GiB": (
        spoilt(
            local={"size": make.WIDE, "compressed": make.WIDE, "extra": wide((8 << 30) + 1, 8 << 30)},
            central={"size": make.WIDE, "compressed": make.WIDE, "extra": wide((8 << 30) + 1, 8 << 30)},
        ),
        "is larger than",
    ),
}


@pytest.mark.parametrize("vector", HEADERS)
def test_a12_a_member_that_two_readers_see_differently(tmp_path, vector):
    """A member that is not the same from both sides, or is no plain file or directory, is refused."""
    raw, because = HEADERS[vector]
    assert because in refusal(tmp_path, raw)


STREAM = make.deflate(b"answer = 42\n")
CONTENTS = {
    "another crc in both headers": (
        spoilt(local={"crc": 1}, central={"crc": 1}),
        "its CRC is wrong",
    ),
    "a larger size in both headers": (
        spoilt(local={"size": 13}, central={"size": 13}),
        "another size",
    ),
    "a smaller size in both headers": (spoilt(local={"size": 11}, central={"size": 11}), "another size"),
    "a much smaller size": (spoilt(local={"size": 1}, central={"size": 1}), "its end"),
    "a stream that does not end": (spoilt(stream=STREAM[:-1]), "its end"),
    "no stream": (spoilt(stream=b""), "its end"),
    "something after the stream": (spoilt(stream=STREAM + b"x"), "its end"),
    "much after the stream": (spoilt(stream=STREAM + b"x" * 999), "its end"),
    "a second stream": (spoilt(stream=STREAM * 2), "its end"),
    "no deflate": (spoilt(stream=b"\xff" * 20), "damaged"),
    "zlib instead of deflate": (spoilt(stream=zlib.compress(b"answer = 42\n")), "damaged"),
    "another content of equal size": (spoilt(stream=make.deflate(b"answer = 43\n")), "CRC"),
}


@pytest.mark.parametrize("vector", CONTENTS)
def test_a12_a_content_that_is_not_the_claimed_one(tmp_path, vector):
    """The stream is checked against the headers before RECORD is asked."""
    raw, because = CONTENTS[vector]
    # RECORD may list the size of the content or none: the message would else be about that.
    assert "its RECORD tells another size" in (message := refusal(tmp_path, raw)) or because in message


@pytest.mark.parametrize("vector", CONTENTS)
def test_a12_a_content_that_is_not_the_claimed_one_by_itself(tmp_path, vector):
    """Reading such a member fails however it is read."""
    raw, because = CONTENTS[vector]
    (tmp_path / "blob").write_bytes(raw)
    with Archive.open(tmp_path / "blob", where=GOOD.file) as archive:
        found = archive.get(MODULE)
        assert found is not None
        with pytest.raises(CorruptContentError, match="damaged") as caught:
            archive.read(found)
        assert because in str(caught.value)
        with pytest.raises(CorruptContentError, match="damaged"):
            list(archive.pieces(found))


def test_a12_a_bomb_is_refused_before_it_is_inflated(tmp_path):
    """No deflate stream of this length has such a content; and no honest one needs 32 GiB."""
    size = (1100 << 10) + (64 << 10) + 1
    zeros = {"compressed": 1 << 10, "size": size}
    raw = spoilt(stream=bytes(1 << 10), local=zeros, central=zeros)
    assert "cannot unpack to" in refusal(tmp_path, raw)


def test_a12_many_large_members_together_are_refused(tmp_path, monkeypatch):
    """The limit of the sum counts what members claim."""
    monkeypatch.setattr("hivebase.layers.wheels.directory.MAX_TOTAL", 20)
    assert "larger than 20 bytes" in refusal(tmp_path, GOOD.bytes())


NAMES: dict[str, tuple[str | bytes, str]] = {
    "absolute": ("/etc/passwd", "absolute"),
    "up": ("../evil.py", "component"),
    "up inside": ("x/../../evil.py", "component"),
    "up at the end": ("x/..", "component"),
    "dot": ("./evil.py", "component"),
    "dot inside": ("x/./evil.py", "component"),
    "double slash": ("x//evil.py", "component"),
    "double slash at the end": ("x/y//", "component"),
    "only a slash": ("/", "is empty"),
    "nothing": ("", "is empty"),
    "backslash": ("x\\evil.py", "backslash"),
    "drive": ("..\\..\\evil.py", "backslash"),
    "nul": ("x/evil.py\0.txt", "control"),
    "newline": ("x/evil.py\n", "control"),
    "newline first": ("\nx/evil.py", "control"),
    "carriage return": ("x/e\rvil.py", "control"),
    "delete": ("x/e\x7fvil.py", "control"),
    "escape": ("x/\x1b[2Jevil.py", "control"),
    "c1 control": ("x/\x85evil.py", "control"),
    "line separator": ("x/\u2028evil.py", "control"),
    "component of 256 bytes": ("x/" + "a" * 256, "longer than 255"),
    "component of 256 bytes in 128 characters": ("x/" + "é" * 128, "longer than 255"),
    "4097 bytes": ("/".join(["a" * 240] * 17) + "a", "longer than 4096"),
    "not utf-8": (b"x/\xff.py", "no known encoding"),
}


@pytest.mark.parametrize("vector", NAMES)
def test_a4_a_name_that_leads_elsewhere(tmp_path, vector):
    """Names are relative, plain, and short enough for Linux."""
    name, because = NAMES[vector]
    assert because in refusal(tmp_path, named(name))


def test_a4_a_name_in_no_known_encoding(tmp_path):
    """What is not UTF-8 although it says so, or says nothing and is not ASCII (readers guess cp437)."""
    assert "is not UTF-8" in refusal(tmp_path, named(b"x/\xff.py", flags=make.UTF8))
    assert "is not UTF-8" in refusal(tmp_path, named(b"x/\xed\xa0\x80.py", flags=make.UTF8))
    assert "no known encoding" in refusal(tmp_path, named("x/é.py", flags=0))


@pytest.mark.parametrize("name", [".wh.x", ".wh.", ".wh..", ".wh...", ".wh..wh..opq", ".wh..wh.plnk"])
@pytest.mark.parametrize("place", ["{}", "x/{}", "{}/x", "{}/", "x-1.data/data/{}"])
def test_a6_a_name_that_would_remove_files_below(tmp_path, name, place):
    """A whiteout cannot come out of a wheel, whether as a file or as a directory."""
    path = place.format(name)
    raw = GOOD.adding(make.member(path, b"" if path.endswith("/") else b"1")).bytes()
    assert ".wh." in refusal(tmp_path, raw)


@pytest.mark.parametrize("mode", [0o104755, 0o102755, 0o106755, 0o4755])
def test_a3_a_setuid_file(tmp_path, mode):
    """No wheel brings a file that runs as somebody else."""
    assert "setuid" in refusal(tmp_path, spoilt(mode=mode))


TWICE = {
    "one name": ((MODULE, MODULE), "is there twice"),
    "a file and a directory": (("y", "y/"), "is there twice"),
    "a directory twice": (("y/", "y/"), "is there twice"),
    "a file with files below": (("y", "y/z"), "also the directory"),
    "a file with files far below": (("y/z", "y/z/a/b/c"), "also the directory"),
    "a module with files below": ((f"{MODULE}/z",), "also the directory"),
}


@pytest.mark.parametrize("vector", TWICE)
def test_a12_a_name_that_is_there_twice(tmp_path, vector):
    """Which of two wins depends on the reader."""
    names, because = TWICE[vector]
    parts = (make.member(name, b"" if name.endswith("/") else b"1") for name in names)
    assert because in refusal(tmp_path, GOOD.adding(*parts).bytes())


# RECORD.


def recorded(change) -> bytes:
    """Return the good wheel with the text of RECORD changed."""
    text = change(make.record(GOOD.rows).decode())
    return make.archive(*GOOD.members, make.member(RECORD, text))


LINE = ",".join(GOOD.rows[0])
SHA256 = GOOD.rows[0][1]
RECORDS = {
    "missing": (make.archive(*GOOD.members), "is missing"),
    "empty": (recorded(lambda _: ""), "does not list"),
    "a directory": (make.archive(*GOOD.members, make.member(f"{RECORD}/")), "is missing"),
    "a file that it does not list": (
        GOOD.adding(make.member("evil.py", b"1"), listed=False).bytes(),
        "does not list 'evil.py'",
    ),
    "a file in the metadata that it does not list": (
        GOOD.adding(make.member(f"{INFO}/RECORD.txt", b"1"), listed=False).bytes(),
        "does not list",
    ),
    "a signature of another record": (
        GOOD.adding(make.member("x/RECORD.jws", b"1"), listed=False).bytes(),
        "does not list",
    ),
    "a file that is not there": (recorded(lambda text: text + "y.py,,\n"), "which it does not contain"),
    "a file above": (recorded(lambda text: text + f"../y.py,{SHA256},1\n"), "which it does not contain"),
    "an absolute file": (recorded(lambda text: text + f"/etc/passwd,{SHA256},1\n"), "does not contain"),
    "a dot before a name": (recorded(lambda text: text.replace(LINE, "./" + LINE)), "does not contain"),
    "a name in another case": (recorded(lambda text: text.replace(LINE, LINE.upper())), "does not contain"),
    "a row twice": (recorded(lambda text: text + LINE + "\n"), "twice"),
    "a row twice, differently": (recorded(lambda text: text + f"{MODULE},{SHA256},\n"), "twice"),
    "its own row twice": (recorded(lambda text: text + f"{RECORD},,\n"), "twice"),
    "no hash": (recorded(lambda text: text.replace(SHA256, "")), "no hash"),
    "md5": (recorded(lambda text: text.replace("sha256=", "md5=", 1)), "only 'md5'"),
    "sha1": (recorded(lambda text: text.replace("sha256=", "sha1=", 1)), "only 'sha1'"),
    "sha224": (recorded(lambda text: text.replace("sha256=", "sha224=", 1)), "only 'sha224'"),
    "an algorithm alone": (recorded(lambda text: text.replace(SHA256, "sha256")), "malformed hash"),
    "a short hash": (recorded(lambda text: text.replace(SHA256, SHA256[:-4])), "malformed hash"),
    "a hash in hex": (recorded(lambda text: text.replace(SHA256, "sha256=" + "0" * 64)), "malformed hash"),
    "a hash with a stranger in it": (
        recorded(lambda text: text.replace(SHA256, SHA256[:-1] + "!")),
        "malformed",
    ),
    "a hash with strangers that decoders skip": (
        recorded(lambda text: text.replace(SHA256, SHA256[:20] + "!!!!" + SHA256[20:])),
        "malformed hash",
    ),
    "the wrong hash": (
        recorded(lambda text: text.replace(SHA256, make.row("", b"answer = 43\n")[1])),
        "not the file that its RECORD lists",
    ),
    "the wrong size": (recorded(lambda text: text.replace(LINE, LINE[:-2] + "13")), "another size"),
    "a negative size": (recorded(lambda text: text.replace(LINE, LINE[:-2] + "-12")), "another size"),
    "a size that is no number": (
        recorded(lambda text: text.replace(LINE, LINE[:-2] + "many")),
        "another size",
    ),
    "four fields": (recorded(lambda text: text.replace(LINE, LINE + ",")), "three fields"),
    "two fields": (recorded(lambda text: text.replace(LINE, LINE.rpartition(",")[0])), "three fields"),
    "an open quote": (recorded(lambda text: text.replace(LINE, '"' + LINE)), "cannot be read"),
    "another file of the same size and CRC field": (
        spoilt(data=b"answer = 43\n"),
        "not the file that its RECORD lists",
    ),
}


@pytest.mark.parametrize("vector", RECORDS)
def test_a13_a_record_that_is_not_of_these_files(tmp_path, vector):
    """RECORD and files match one to one, with strong hashes."""
    raw, because = RECORDS[vector]
    assert because in refusal(tmp_path, raw)


def test_a13_a_hashed_signature_is_checked(tmp_path):
    """A signature of RECORD needs no hash; one that has a hash has to have that hash."""
    signature = make.member(f"{INFO}/RECORD.jws", b"{}")
    assert read(tmp_path, GOOD.adding(signature, listed=False).bytes())[f"{INFO}/RECORD.jws"] == b"{}"
    listed = GOOD.adding(signature)
    assert read(tmp_path, listed.bytes())[f"{INFO}/RECORD.jws"] == b"{}"
    assert "not the file" in refusal(tmp_path, listed.replacing(f"{INFO}/RECORD.jws", data=b"[]").bytes())


def test_a13_every_strong_hash_is_checked(tmp_path):
    """Other hashes than sha256 are computed, not believed."""
    for algorithm in ("sha384", "sha512"):
        good = make.row(MODULE, b"answer = 42\n", algorithm)[1]
        assert read(tmp_path, recorded(lambda text, good=good: text.replace(SHA256, good)))
        bad = make.row(MODULE, b"answer = 43\n", algorithm)[1]
        assert "not the file" in refusal(tmp_path, recorded(lambda text, bad=bad: text.replace(SHA256, bad)))


def test_a13_what_is_wrong_with_a_large_file_is_found(tmp_path, monkeypatch):
    """A file handed out in pieces is checked too, even where nobody reads the pieces."""
    monkeypatch.setattr("hivebase.layers.wheels.checked.WHOLE", 4)
    assert read(tmp_path, GOOD.bytes())[MODULE] == b"answer = 42\n"
    raw = spoilt(data=b"answer = 43\n")
    assert "not the file that its RECORD lists" in refusal(tmp_path, raw)
    (tmp_path / "blob").write_bytes(raw)
    with Archive.open(tmp_path / "blob", where=GOOD.file) as archive:
        files = verified(archive, read_contents(archive, GOOD.file))
        with pytest.raises(CorruptContentError, match="not the file"):
            for _ in files:
                pass


# What an installer would write by itself.

SCRIPT_NAMES = (
    "../x",
    "/bin/x",
    "a/b",
    ".",
    "..",
    ".wh.x",
    "a\\b",
    "a\0b",
    "a b",
    "",
    "[x",
    "a\x7f",
    "a" * 256,
    ";rm",
    "\x85",
)


@pytest.mark.parametrize("group", ["console_scripts", "gui_scripts"])
@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_a14_a_command_that_is_no_file_name(tmp_path, group, name):
    """A command becomes a file of that name beside the interpreter, nowhere else."""
    raw = make.wheel(entry_points=f"[{group}]\n{name} = x:main\n").bytes()
    assert "is not a plain file name" in (message := refusal(tmp_path, raw)) or "control char" in message


VALUES = (
    "",
    "x",
    ":main",
    "x:",
    "x:main()",
    "x;import os",
    "x y:main",
    "x:a b",
    "x.:main",
    ".x:main",
    "x:a..b",
    "x:1",
    "x-y:main",
    "x:main [a",
    "x:main]",
    "x:main # no",
    "os;import os:main",
)


@pytest.mark.parametrize("value", VALUES)
def test_a14_a_command_that_names_no_function(tmp_path, value):
    """What goes into the text of a script is dotted names only."""
    assert "does not name a function" in refusal(tmp_path, make.wheel(scripts={"cmd": value}).bytes())


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("[console_scripts]\na = x:main\na = y:main\n", "twice"),
        ("[console_scripts]\na = x:main\n[console_scripts]\na = y:main\n", "twice"),
        ("[console_scripts]\na: x:main\n", "means nothing"),
        ("[console_scripts]\na = x:main\r  ../b = y:main\n", "plain file name"),
        ("[console_scripts]\na = x:main\n  continued\n", "means nothing"),
        ("[console_scripts]\n; = comment\n", "plain file name"),
        ("[console_scripts]\n# comment\x0bb = y:main\n", "control character"),
        ("[console_scripts]\n# comment\u2028b = y:main\n", "control character"),
    ],
)
def test_a14_entry_points_that_readers_read_differently(tmp_path, text, because):
    """pip, uv and configparser must agree about which commands there are."""
    assert because in refusal(tmp_path, make.wheel(entry_points=text).bytes())


PLACES = {
    "up from scripts": ("x-1.data/scripts/../../bin/x", "component"),
    "up from data": ("x-1.data/data/../../../etc/passwd", "component"),
    "absolute below data": ("x-1.data/data//etc/passwd", "component"),
    "an unknown scheme": ("x-1.data/stdlib/os.py", "no place that installers know"),
    "a scheme in upper case": ("x-1.data/PURELIB/os.py", "no place"),
    "an include scheme": ("x-1.data/include/x.h", "no place"),
    "no scheme": ("x-1.data/os.py", "no place"),
    "a scheme that is a file": ("x-1.data/purelib", "no place"),
    "a directory of an unknown scheme": ("x-1.data/stdlib/", "no place"),
    "the data of another distribution": ("y-1.data/scripts/y", "is not the data directory"),
    "a file called like data": ("y.data", "is not the data directory"),
    "another distribution in purelib": ("x-1.data/purelib/pip-99.dist-info/METADATA", "another distribution"),
    "another distribution in platlib": ("x-1.data/platlib/Pip-99.DIST-INFO/METADATA", "another distribution"),
}


@pytest.mark.parametrize("vector", PLACES)
def test_a14_a_file_for_a_place_that_is_none(tmp_path, vector):
    """Files below ``*.data`` go to the five schemes of their own wheel and stay in them."""
    name, because = PLACES[vector]
    part = make.member(name, b"" if name.endswith("/") else b"1")
    assert because in refusal(tmp_path, GOOD.adding(part).bytes())


@pytest.mark.parametrize(
    ("files", "remark"),
    [
        ({"x.pth": b"import os\n"}, "runs code whenever Python starts: 'x.pth'"),
        ({"x-1.data/purelib/x.pth": b"import os\n"}, "runs code whenever Python starts: 'x.pth'"),
        ({"x-1.data/platlib/x.pth": b"import os\n"}, "runs code whenever Python starts: 'x.pth'"),
        ({"sitecustomize.py": b""}, "runs code whenever Python starts: 'sitecustomize.py'"),
        ({"x-1.data/data/etc/ld.so.preload": b""}, "puts 'etc/ld.so.preload' into the prefix"),
        (
            {"x-1.data/data/lib/python3.11/site-packages/x.pth": b""},
            "puts 'lib/python3.11/site-packages/x.pth'",
        ),
        ({"x-1.data/data/share/man/man1/x.1": b"", "x/x.pth": b"", "x.pth.txt": b""}, ""),
        ({"x-1.data/scripts/x": b"", "x-1.data/headers/x.pth": b""}, ""),
    ],
)
def test_a14_what_takes_effect_by_itself_is_reported(tmp_path, files, remark):
    """Allowed, since honest wheels do it, but never in silence."""
    path = make.make_wheel(tmp_path, files=files)
    with Archive.open(path, where=path.name) as archive:
        remarks = read_contents(archive, path.name).remarks()
    assert [text.startswith(remark) for text in remarks] == ([True] if remark else [])


# Whose wheel it is.


def test_a16_a_file_name_of_another_distribution(tmp_path):
    """Name and version in the file name, the metadata directory and METADATA are of one distribution."""
    raw = GOOD.bytes()
    for file in ("y-1-py3-none-any.whl", "x-2-py3-none-any.whl", "x_y-1-py3-none-any.whl"):
        assert "not the metadata directory that its file name asks for" in refusal(tmp_path, raw, file)
    for metadata in ("Name: y\nVersion: 1\n", "Name: x\nVersion: 2\n", "Name: x\nVersion: \n"):
        wrong = make.wheel(dist_info={"METADATA": f"Metadata-Version: 2.1\n{metadata}"})
        assert "its METADATA is of" in refusal(tmp_path, wrong.bytes())


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "Name: x\n",
        "Version: 1\n",
        "Name: x\nName: y\nVersion: 1\n",
        "Name: x\nVersion: 1\nversion: 2\n",
        "Name: x\n\nVersion: 1\n",
        "Name: x\nno field\nVersion: 1\n",
    ],
)
def test_a16_metadata_without_one_name_and_one_version(tmp_path, metadata):
    """A field that is there twice, or only in the description, is none."""
    raw = make.wheel(dist_info={"METADATA": metadata}).bytes()
    assert "exactly one Name and one Version" in refusal(tmp_path, raw)


@pytest.mark.parametrize(
    "file",
    [
        "x",
        "x.whl",
        "x-1.whl",
        "x-1-py3-none.whl",
        "x-1-py3-none-any.zip",
        "x-1-py3-none-any.WHL",
        "x-1-0-0-py3-none-any.whl",
        "x-one-py3-none-any.whl",
        "-1-py3-none-any.whl",
        "x-1-b-py3-none-any.whl",
        "x-1-py3--any.whl",
        "x-1-py3.-none-any.whl",
        "x__y-1-py3-none-any.whl",
        "_x-1-py3-none-any.whl",
        "../x-1-py3-none-any.whl",
        "x-1-py3-none-any.whl\n",
        "x y-1-py3-none-any.whl",
        "x-1-py3-none-a ny.whl",
    ],
)
def test_a16_a_file_name_that_is_none(tmp_path, file):
    """What is no wheel's file name says nothing about the wheel."""
    refusal(tmp_path, GOOD.bytes(), file)


INFOS = {
    "none": (make.archive(make.member("x.py", b"1")), "it has no metadata"),
    "no members": (make.archive(), "it has no metadata"),
    "two": (GOOD.adding(make.member("y-1.dist-info/METADATA", b"1")).bytes(), "several metadata directories"),
    "two by case": (GOOD.adding(make.member("y-1.DIST-INFO/METADATA", b"1")).bytes(), "several metadata"),
    "an empty second one": (GOOD.adding(make.member("y-1.dist-info/")).bytes(), "several metadata"),
    "a file as second one": (GOOD.adding(make.member("y-1.dist-info", b"1")).bytes(), "several metadata"),
    "only one in the wrong case": (
        make.archive(*(make.member(one.name.replace(b"dist-", b"DIST-"), one.data) for one in GOOD.all())),
        "not the metadata directory",
    ),
    "without a version": (
        make.archive(*(make.member(one.name.replace(b"x-1.d", b"x.d"), one.data) for one in GOOD.all())),
        "not the metadata directory",
    ),
    "no METADATA": (make.wheel(dist_info={"METADATA": None}).bytes(), "METADATA' is missing"),
    "no WHEEL": (make.wheel(dist_info={"WHEEL": None}).bytes(), "WHEEL' is missing"),
    "no Wheel-Version": (make.wheel(dist_info={"WHEEL": "Root-Is-Purelib: true\n"}).bytes(), "Wheel-Version"),
    "two Wheel-Versions": (
        make.wheel(dist_info={"WHEEL": "Wheel-Version: 1.0\nWheel-Version: 2.0\n"}).bytes(),
        "Wheel-Version",
    ),
    "Wheel-Version 2": (make.wheel(dist_info={"WHEEL": "Wheel-Version: 2.0\n"}).bytes(), "'2.0', not 1.x"),
    "Wheel-Version 0": (make.wheel(dist_info={"WHEEL": "Wheel-Version: 0.1\n"}).bytes(), "'0.1', not 1.x"),
    "Wheel-Version 10": (make.wheel(dist_info={"WHEEL": "Wheel-Version: 10.0\n"}).bytes(), "'10.0', not 1.x"),
    "pure and not": (
        make.wheel(
            dist_info={"WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nRoot-Is-Purelib: false\n"}
        ).bytes(),
        "twice whether it is pure",
    ),
}


@pytest.mark.parametrize("vector", INFOS)
def test_a16_metadata_that_is_not_this_wheels(tmp_path, vector):
    """There is one metadata directory, it is complete, and its format is known."""
    raw, because = INFOS[vector]
    assert because in refusal(tmp_path, raw)


def test_a16_metadata_of_endless_size(tmp_path, monkeypatch):
    """Metadata is read into memory, so its size has a limit of its own."""
    monkeypatch.setattr("hivebase.layers.wheels.metadata.MAX_METADATA", 10)
    assert "larger than 10 bytes" in refusal(tmp_path, GOOD.bytes())
