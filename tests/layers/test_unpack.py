"""ADD of archives: what is one, and what becomes of its entries; measured with Docker where it is sane."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib

import pytest
from tests.layers.copying import Content, Link, do, make

from hivebase.errors import BuildError, CorruptContentError, HivebaseError, UsageError
from hivebase.layers import unpack as module
from hivebase.layers.unpack import read_archive
from hivebase.oci.inflate import InflateLimits

Member = tuple[str, str, int, int, int, bytes | str]

TYPES = {
    "d": tarfile.DIRTYPE,
    "l": tarfile.SYMTYPE,
    "h": tarfile.LNKTYPE,
    "c": tarfile.CHRTYPE,
    "b": tarfile.BLKTYPE,
    "p": tarfile.FIFOTYPE,
}


def tar(*members: Member) -> bytes:
    """Return an archive of ``(name, kind, mode, uid, gid, content or target)``."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, kind, mode, uid, gid, content in members:
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid, info.mtime = mode, uid, gid, 1_000_000_000
            if isinstance(content, bytes) and kind == "f":
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = TYPES[kind], str(content)
                archive.addfile(info)
    return target.getvalue()


SAMPLE = tar(
    ("./", "d", 0o700, 3, 4, ""),
    ("d/", "d", 0o750, 5, 6, ""),
    ("d/f", "f", 0o640, 7, 8, b"F"),
    ("d/l", "l", 0o777, 1, 2, "f"),
    ("imp/f", "f", 0o600, 9, 9, b"I"),
    ("h", "h", 0o640, 7, 8, "d/f"),
    ("su", "f", 0o4755, 0, 0, b"s"),
)

UNPACKED = [
    "d 0755 0:0 x",
    "d 0750 5:6 x/d",
    "f 0640 7:8 x/d/f [F]",
    "l 0777 1:2 x/d/l -> f",
    "h 0640 7:8 x/h -> x/d/f",
    "d 0755 0:0 x/imp",
    "f 0600 9:9 x/imp/f [I]",
    "f 4755 0:0 x/su [s]",
]


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["tar", "gz", "bz2", "xz"]
)
@pytest.mark.parametrize("line", ["ADD t /x/", "ADD t /x", "ADD l /x", "ADD t* /x"])
def test_an_archive_is_unpacked_whatever_its_name(tmp_path, pack, line):
    """Owners, modes and links are the archive's; the destination is a directory even without a slash."""
    context = make(tmp_path, {"t": pack(SAMPLE), "l": Link("t")})

    assert do(context, line).rows() == UNPACKED


def test_several_compressed_streams_are_one_archive(tmp_path):
    """As the programs themselves write them in parallel; xz allows zeros after a stream."""
    half = len(SAMPLE) // 2
    for pack, pad in ((bz2.compress, b""), (lzma.compress, b"\0" * 8), (gzip.compress, b"")):
        data = pack(SAMPLE[:half]) + pad + pack(SAMPLE[half:]) + pad
        context = make(tmp_path, {"t": data})

        assert do(context, "ADD t /x/").rows() == UNPACKED


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"",
        tar(),
        b"PK\x03\x04" + b"zip" * 200,
        gzip.compress(b"not a tar", mtime=0),
        gzip.compress(SAMPLE, mtime=0)[:60],
        b"\x1f\x8b" + b"garbage" * 100,
        b"BZh" + b"garbage" * 100,
        b"\xfd7zXZ\x00" + b"garbage" * 100,
        SAMPLE[:148] + b"\xff" * 8 + SAMPLE[156:],
    ],
)
def test_anything_else_is_copied_as_it_is(tmp_path, content):
    """An empty archive and a zip file as well, as in Docker."""
    image = do(make(tmp_path, {"t": content}), "ADD t /x/")

    assert content == image.entries[0][1][1]
    assert image.entries[0][1][0].name == "x/t"


def test_copy_never_unpacks_and_add_can_be_told(tmp_path):
    """``--unpack=false`` is for archives that are data."""
    context = make(tmp_path, {"t": SAMPLE})

    for line in ("COPY t /x", "ADD --unpack=false t /x"):
        assert do(context, line).entries[0][0][1] == SAMPLE


def test_an_archive_found_in_a_directory_is_data(tmp_path):
    """Only what is named is unpacked."""
    assert do(make(tmp_path, {"d/t": SAMPLE}), "ADD d /x").entries[0][1][1] == SAMPLE


def test_files_and_archives_can_be_mixed(tmp_path):
    """Each source is looked at by itself."""
    rows = do(make(tmp_path, {"t": SAMPLE, "q": "Q"}), "ADD q t /x/").rows()

    assert rows == sorted([*UNPACKED, "f 0644 0:0 x/q [Q]"], key=lambda row: row.split()[3])


def test_zstd_is_refused_and_not_silently_copied(tmp_path):
    """Docker would unpack it; the hint says how to copy it."""
    context = make(tmp_path, {"t": b"\x28\xb5\x2f\xfd" + b"?" * 100})

    with pytest.raises(UsageError, match="unpack=false"):
        do(context, "ADD t /x")
    assert do(context, "ADD --unpack=false t /x").rows()[0].startswith("f 0644 0:0 x ")


def test_chown_replaces_the_owners_and_chmod_nothing(tmp_path):
    """As in current BuildKit; directories that are merely implied stay root's."""
    context = make(tmp_path, {"t": SAMPLE})

    assert do(context, "ADD --chown=70:80 --chmod=711 t /x/y/").rows() == [
        "d 0755 70:80 x",
        "d 0755 70:80 x/y",
        "d 0750 70:80 x/y/d",
        "f 0640 70:80 x/y/d/f [F]",
        "l 0777 70:80 x/y/d/l -> f",
        "h 0640 70:80 x/y/h -> x/y/d/f",
        "d 0755 0:0 x/y/imp",
        "f 0600 70:80 x/y/imp/f [I]",
        "f 4755 70:80 x/y/su [s]",
    ]


MERGED: list[tuple[str, list[Member], dict[str, Content], list[str]]] = [
    (
        "existing directories take over what the archive says and keep the rest",
        [("d/", "d", 0o750, 5, 6, ""), ("d/f", "f", 0o640, 7, 8, b"F")],
        {"e/d/z": "z"},
        ["d 0755 4:4 x", "d 0750 5:6 x/d", "f 0640 7:8 x/d/f [F]"],
    ),
    (
        "directories that the archive only implies keep their metadata",
        [("imp/f", "f", 0o600, 9, 9, b"I")],
        {"e/imp/z": "z"},
        ["d 0755 4:4 x", "d 0755 4:4 x/imp", "f 0600 9:9 x/imp/f [I]"],
    ),
    (
        "a file replaces a directory",
        [("a", "f", 0o644, 0, 0, b"1")],
        {"e/a/b": "b"},
        ["d 0755 4:4 x", "f 0644 0:0 x/a [1]"],
    ),
    (
        "a file replaces a link",
        [("a", "f", 0o644, 0, 0, b"1")],
        {"e/a": Link("b"), "e/b": "b"},
        ["d 0755 4:4 x", "f 0644 0:0 x/a [1]"],
    ),
    (
        "a directory is unpacked through a link to a directory",
        [("a/", "d", 0o755, 0, 0, ""), ("a/c", "f", 0o755, 0, 0, b"c")],
        {"e/a": Link("b"), "e/b/k": "k"},
        ["d 0755 4:4 x", "d 0755 0:0 x/b", "f 0755 0:0 x/b/c [c]"],
    ),
    (
        "a directory replaces a file",
        [("a/", "d", 0o755, 0, 0, ""), ("a/c", "f", 0o755, 0, 0, b"c")],
        {"e/a": "file"},
        ["d 0755 4:4 x", "d 0755 0:0 x/a", "f 0755 0:0 x/a/c [c]"],
    ),
    (
        "the last of two entries of one name counts",
        [("a", "f", 0o644, 0, 0, b"1"), ("a", "f", 0o600, 0, 0, b"2")],
        {"e/z": "z"},
        ["d 0755 4:4 x", "f 0600 0:0 x/a [2]"],
    ),
    (
        "a directory that was a file in between is empty",
        [("a", "f", 0o644, 0, 0, b"1"), ("a/", "d", 0o700, 0, 0, ""), ("a/n", "f", 0o600, 0, 0, b"n")],
        {"e/a/old": "old"},
        ["d 0755 4:4 x", "d 0700 0:0 x/a", "f 0000 0:0 x/a/.wh..wh..opq []", "f 0600 0:0 x/a/n [n]"],
    ),
    (
        "a hard link is to the file that was there, under either order of names",
        [("z", "f", 0o644, 1, 1, b"1"), ("a", "h", 0o644, 1, 1, "z"), ("z", "f", 0o600, 0, 0, b"2")],
        {"e/q": "q"},
        ["d 0755 4:4 x", "f 0644 1:1 x/a [1]", "f 0600 0:0 x/z [2]"],
    ),
    (
        "a hard link sorts before its target",
        [("z", "f", 0o644, 1, 1, b"1"), ("a", "h", 0o644, 1, 1, "z")],
        {"e/q": "q"},
        ["d 0755 4:4 x", "f 0644 1:1 x/a [1]", "h 0644 1:1 x/z -> x/a"],
    ),
    (
        "a hard link to a file of the image brings its content along",
        [("h", "h", 0o644, 0, 0, "q")],
        {"e/q": "q"},
        ["d 0755 4:4 x", "f 0644 4:4 x/h [q]"],
    ),
]


@pytest.mark.parametrize(
    ("members", "files", "rows"), [pytest.param(*case[1:], id=case[0]) for case in MERGED]
)
def test_an_archive_meets_what_is_there(tmp_path, members, files, rows):
    """The result is what an extraction in place would leave."""
    context = make(tmp_path, {"t": tar(*members), **files})

    assert rows == do(context, "COPY --chown=4:4 e /x", "ADD t /x").rows()


def test_an_opaque_directory_hides_the_image_below(tmp_path):
    """The layer, applied to the image, leaves nothing of the old directory."""
    members: list[Member] = [("a", "f", 0o644, 0, 0, b"1"), ("a/", "d", 0o700, 0, 0, "")]
    image = do(make(tmp_path, {"t": tar(*members), "e/a/old": "o"}), "COPY e /x", "ADD t /x")

    assert image.tree.listdir("x/a") == []


@pytest.mark.parametrize(
    "members",
    [
        [("../e", "f", 0o644, 0, 0, b"e")],
        [("d/../../e", "f", 0o644, 0, 0, b"e")],
        [("e", "f", 0o644, 0, 0, b"e"), ("h", "h", 0o644, 0, 0, "../../e")],
        [("h", "h", 0o644, 0, 0, "none")],
        [("d/", "d", 0o755, 0, 0, ""), ("h", "h", 0o644, 0, 0, "d")],
        [("h", "h", 0o644, 0, 0, "/")],
    ],
)
def test_names_that_leave_the_destination_are_refused(tmp_path, members):
    """And hard links to nothing."""
    with pytest.raises(CorruptContentError):
        do(make(tmp_path, {"t": tar(*members), "a": "A"}), "COPY a /e", "ADD t /x/")


def test_absolute_names_are_below_the_destination(tmp_path):
    """As with every tar program."""
    rows = do(make(tmp_path, {"t": tar(("/abs/e", "f", 0o644, 0, 0, b"e"))}), "ADD t /x/").rows()

    assert rows == ["d 0755 0:0 x", "d 0755 0:0 x/abs", "f 0644 0:0 x/abs/e [e]"]


@pytest.mark.parametrize("target", ["../../../..", "/", "/../.."])
def test_links_in_an_archive_lead_nowhere_but_below_the_destination(tmp_path, target):
    """The destination is the root of what is unpacked into it."""
    members: list[Member] = [("l", "l", 0o777, 0, 0, target), ("l/e", "f", 0o644, 0, 0, b"e")]

    rows = do(make(tmp_path, {"t": tar(*members)}), "ADD t /x/y/").rows()

    assert ["d 0755 0:0 x", "d 0755 0:0 x/y", "f 0644 0:0 x/y/e [e]", f"l 0777 0:0 x/y/l -> {target}"] == rows


def test_a_file_in_the_way_of_a_directory_is_an_error(tmp_path):
    """``a`` and then ``a/b`` (fault A-5)."""
    members: list[Member] = [("a", "f", 0o644, 0, 0, b"1"), ("a/b", "f", 0o600, 0, 0, b"2")]

    with pytest.raises(BuildError, match="/x/a"):
        do(make(tmp_path, {"t": tar(*members)}), "ADD t /x/")


@pytest.mark.parametrize("kind", ["c", "b", "p"])
def test_a3_devices_and_fifos_in_an_archive_are_refused(tmp_path, kind):
    """The entry is named."""
    with pytest.raises(BuildError, match="dev/thing"):
        do(make(tmp_path, {"t": tar(("dev/thing", kind, 0o644, 0, 0, ""))}), "ADD t /x/")


@pytest.mark.parametrize("name", [".wh.a", "d/.wh..wh..opq", ".wh."])
def test_a6_whiteouts_in_an_archive_are_refused(tmp_path, name):
    """They would delete files of the image."""
    with pytest.raises(BuildError, match="wh"):
        do(make(tmp_path, {"t": tar((name, "f", 0o644, 0, 0, b""))}), "ADD t /x/")


@pytest.mark.parametrize(
    "damaged",
    [
        SAMPLE[:1700],
        gzip.compress(SAMPLE)[:-4],
        gzip.compress(SAMPLE)[:-8] + bytes(8),
        gzip.compress(SAMPLE) + b"garbage",
        bz2.compress(SAMPLE * 40)[:-10],
        bz2.compress(SAMPLE) + b"garbage",
        lzma.compress(SAMPLE * 40)[:-10],
        lzma.compress(SAMPLE) + b"garbage",
        gzip.compress(SAMPLE[:1700]),
    ],
)
def test_a8_a_damaged_archive_is_an_error(tmp_path, damaged):
    """Truncated, with a wrong checksum, or followed by garbage: half an archive is not added."""
    with pytest.raises(CorruptContentError):
        do(make(tmp_path, {"t": damaged}), "ADD t /x/")


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_a7_a_bomb_stops_at_its_limits(tmp_path, monkeypatch, pack):
    """Total size, and the ratio once that is suspicious."""
    bomb = pack(tar(("zeros", "f", 0o644, 0, 0, bytes(4 << 20))))
    context = make(tmp_path, {"t": bomb})
    for limits in (InflateLimits(total=1 << 20), InflateLimits(ratio=10, free=1 << 20)):
        monkeypatch.setattr(module, "InflateLimits", lambda limits=limits: limits)
        with pytest.raises(CorruptContentError, match="unfolds"):
            do(context, "ADD t /x/")


def test_a7_xz_may_not_take_all_memory(tmp_path, monkeypatch):
    """The dictionary's size is the archive's choice; then it is not an archive for us."""
    monkeypatch.setattr(module, "XZ_MEMORY", 1 << 20)
    data = lzma.compress(SAMPLE, preset=9)

    assert do(make(tmp_path, {"t": data}), "ADD t /x").entries[0][0][1] == data


def test_a_changed_archive_is_an_error(tmp_path):
    """Detection and unpacking read the file twice; both reads are checked (fault D-3)."""
    context = make(tmp_path, {"t": SAMPLE})
    opened = 0

    def opener() -> io.BytesIO:
        nonlocal opened
        opened += 1
        if opened == 2:
            raise UsageError("changed")
        return io.BytesIO((context / "t").read_bytes())

    with pytest.raises(UsageError):
        read_archive(opener)


def test_the_temporary_file_is_where_it_was_asked_for_and_has_no_name(tmp_path):
    """A killed build leaves nothing behind."""
    work = tmp_path / "work"
    work.mkdir()
    archive = read_archive(lambda: io.BytesIO(SAMPLE), work)

    assert archive is not None
    assert list(work.iterdir()) == []
    archive.file.close()
    with pytest.raises(FileNotFoundError):
        read_archive(lambda: io.BytesIO(SAMPLE), tmp_path / "nowhere")


def test_what_the_entries_hold_is_streamed(tmp_path):
    """A large file of an archive arrives whole."""
    data = zlib.compress(bytes(range(256)) * 20_000, 0)
    image = do(make(tmp_path, {"t": gzip.compress(tar(("big", "f", 0o644, 0, 0, data)))}), "ADD t /")

    assert data == image.entries[0][0][1]


def test_an_archive_to_the_root(tmp_path):
    """A base image from a root file system."""
    rows = do(make(tmp_path, {"t": SAMPLE}), "ADD t /").rows()

    assert [row.replace(" x/", " ") for row in UNPACKED[1:]] == rows


def test_an_archive_onto_a_file_is_an_error(tmp_path):
    """It needs a directory."""
    with pytest.raises(HivebaseError, match="/x"):
        do(make(tmp_path, {"t": SAMPLE, "a": "A"}), "COPY a /x", "ADD t /x")
