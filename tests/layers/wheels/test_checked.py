"""A wheel's files come out whole and checked, or not at all."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import wheels as make

from hivebase.errors import CorruptContentError
from hivebase.layers.wheels import checked
from hivebase.layers.wheels.archive import Archive
from hivebase.layers.wheels.metadata import read_contents

if TYPE_CHECKING:
    from pathlib import Path

GOOD = make.wheel(
    "pkg",
    "1.0",
    {"pkg/__init__.py": b"x = 1\n" * 40, "pkg/b.bin": bytes(range(256)), "pkg/empty": b""},
    scripts={"cmd": "pkg:main"},
    data={"scripts/run": b"#!python\n"},
    stored=["pkg/b.bin"],
    modes={"pkg/b.bin": 0o755},
).adding(make.member("pkg/"))
RAW = GOOD.bytes()


def read(path: Path) -> list[tuple[str, int, bytes]]:
    with Archive.open(path, where=GOOD.file) as archive:
        contents = read_contents(archive, GOOD.file)
        return [
            (member.name, member.mode, data if isinstance(data, bytes) else b"".join(data))
            for member, _, data in checked.verified(archive, contents)
        ]


def test_files_come_sorted_by_name_and_directories_do_not_come(tmp_path):
    """The order is the same whatever the wheel's own."""
    path = make.make_wheel(tmp_path / "a.whl", "pkg", "1.0", {"z": b"1", "a/b": b"2", "a-c": b"3"})
    with Archive.open(path, where=path.name) as archive:
        contents = read_contents(archive, "pkg-1.0-py3-none-any.whl")
        found = list(checked.verified(archive, contents))
    names = [member.name for member, _, _ in found]
    assert names == sorted(names)
    assert [name for name in names if "dist-info" not in name] == ["a-c", "a/b", "z"]
    for member, raw, data in found:
        assert len(raw) == member.compressed
        assert isinstance(data, bytes)
        assert len(data) == member.size


def test_the_stored_bytes_come_with_the_content(tmp_path):
    """Both mean the same file."""
    (tmp_path / "blob").write_bytes(RAW)
    with Archive.open(tmp_path / "blob", where=GOOD.file) as archive:
        for member, raw, data in checked.verified(archive, read_contents(archive, GOOD.file)):
            assert isinstance(data, bytes)
            assert raw == (make.deflate(data) if member.method else data)


def test_large_files_come_in_pieces(tmp_path, monkeypatch):
    """What is larger than WHOLE is never in memory as one; what is left of it is checked all the same."""
    (tmp_path / "blob").write_bytes(RAW)
    whole = read(tmp_path / "blob")
    monkeypatch.setattr(checked, "WHOLE", 100)
    assert read(tmp_path / "blob") == whole
    with Archive.open(tmp_path / "blob", where=GOOD.file) as archive:
        kinds = {
            member.name: isinstance(data, bytes)
            for member, _, data in checked.verified(archive, read_contents(archive, GOOD.file))
        }
    assert kinds["pkg/empty"]
    assert not kinds["pkg/b.bin"]


@pytest.mark.parametrize("whole", [checked.WHOLE, 0])
def test_no_changed_byte_changes_what_comes_out(tmp_path, monkeypatch, whole):
    """Every byte, three ways: the same files come out, or an error."""
    monkeypatch.setattr(checked, "WHOLE", whole)
    path = tmp_path / "blob"
    path.write_bytes(RAW)
    good = [(name, data) for name, _, data in read(path)]
    silent = 0
    for at in range(len(RAW)):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(RAW)
            changed[at] ^= flip
            path.write_bytes(changed)
            try:
                files = [(name, data) for name, _, data in read(path)]
            except CorruptContentError:
                continue
            assert files == good
            silent += 1
    # Times, versions and the permission bits are all that may change: a small part of the headers.
    assert silent < 0.2 * 3 * len(RAW)


@given(
    edits=st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 3),
    added=st.binary(max_size=3),
)
def test_no_damage_changes_what_comes_out(tmp_path_factory, edits, cut, added):
    """The same for several bytes at once, and for a file cut or continued."""
    directory = tmp_path_factory.mktemp("damaged")
    path = directory / "good"
    path.write_bytes(RAW)
    good = [(name, data) for name, _, data in read(path)]
    changed = bytearray(RAW)
    for at, value in edits:
        changed[at] = value
    path.write_bytes(bytes(changed[: len(changed) - cut]) + added)
    try:
        files = [(name, data) for name, _, data in read(path)]
    except CorruptContentError:
        return
    assert files == good


NAMES = st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,2}", fullmatch=True)


@given(
    files=st.dictionaries(NAMES, st.binary(max_size=300), max_size=6).filter(
        lambda files: not any(other.startswith(name + "/") for name in files for other in files)
    ),
    scripts=st.dictionaries(st.from_regex(r"[a-z][\w.+-]{0,9}", fullmatch=True), st.just("m:f"), max_size=3),
)
def test_zipfile_and_we_agree_on_good_wheels(tmp_path_factory, files, scripts):
    """The oracle is asked about honest wheels only: about others it is what we must not be."""
    path = make.make_wheel(tmp_path_factory.mktemp("wheels"), files=files, scripts=scripts)
    with zipfile.ZipFile(path) as file:
        expected = {info.filename: file.read(info) for info in file.infolist()}
    with Archive.open(path, where=path.name) as archive:
        contents = read_contents(archive, path.name)
        found = {member.name: data for member, _, data in checked.verified(archive, contents)}
    assert found == expected
    assert {script.name: f"{script.module}:{script.attr}" for script in contents.scripts} == scripts
