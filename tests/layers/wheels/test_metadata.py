"""What honest wheels say about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import wheels as make

from hivebase.layers.wheels.archive import Archive
from hivebase.layers.wheels.metadata import WheelContents, read_contents

if TYPE_CHECKING:
    from pathlib import Path


def contents(raw: bytes, tmp_path: Path, file: str) -> WheelContents:
    (tmp_path / "blob").write_bytes(raw)
    with Archive.open(tmp_path / "blob", where=file) as archive:
        return read_contents(archive, file)


def test_everything_that_is_known(tmp_path):
    """Name and version as written, the rest as the parts say."""
    path = make.make_wheel(
        tmp_path,
        "Foo.Bar",
        "1.0.RC1",
        {"foo.py": b"abc"},
        tag="cp311-abi3-linux_x86_64",
        pure=False,
        scripts={"foo": "foo:main"},
        gui_scripts={"foo-gui": "foo:gui"},
        requires=["six", "y ; extra == 'z'"],
        requires_python=">=3.8",
        data={"scripts/run/deep": b"#!python\n"},
    )
    with Archive.open(path, where=path.name) as archive:
        found = read_contents(archive, path.name)
    assert (found.name, found.version) == ("Foo.Bar", "1.0.RC1")
    assert (found.file.name, found.file.version) == ("foo-bar", "1.0rc1")
    assert found.dist_info == "Foo.Bar-1.0.RC1.dist-info"
    assert not found.root_is_purelib
    assert found.wheel_version == "1.0"
    assert found.record["foo.py"].size == 3
    assert f"{found.dist_info}/RECORD" not in found.record
    assert found.console_scripts == (("foo", "foo", "main"),)
    assert found.gui_scripts == (("foo-gui", "foo", "gui"),)
    assert found.scripts == found.console_scripts + found.gui_scripts
    assert found.requires_dist == ("six", "y ; extra == 'z'")
    assert found.requires_python == ">=3.8"
    assert found.metadata.startswith("Metadata-Version: 2.1\n")
    assert found.remarks() == []


@pytest.mark.parametrize(
    "file",
    ["foo_bar-1.0.0-py3-none-any.whl", "Foo.Bar-1-py2.py3-none-any.whl", "foo_bar-v1.0-1-py3-none-any.whl"],
)
def test_spellings_of_one_name_and_version(tmp_path, file):
    """The file name, the directory and METADATA may spell them each in its own way, and tags may differ."""
    raw = make.wheel("foo.bar", "1.0", {}, dist_info={"METADATA": "Name: FOO-bar\nVersion: 1.0.0\n"}).bytes()
    assert contents(raw, tmp_path, file).name == "FOO-bar"


def test_a_name_with_a_dash_in_its_directory(tmp_path):
    """Old tools did not escape it."""
    raw = make.wheel("foo-bar", "1.0", {}).bytes()
    assert contents(raw, tmp_path, "foo_bar-1.0-py3-none-any.whl").name == "foo-bar"


@pytest.mark.parametrize(
    ("said", "pure"), [("true", True), ("True", True), ("false", False), ("", False), (None, False)]
)
def test_where_the_root_goes(tmp_path, said, pure):
    """Only 'true' is pure, in any case, as for pip."""
    line = "" if said is None else f"Root-Is-Purelib: {said}\n"
    made = make.wheel(dist_info={"WHEEL": f"Wheel-Version: 1.9\n{line}"})
    found = contents(made.bytes(), tmp_path, made.file)
    assert found.root_is_purelib is pure
    assert found.wheel_version == "1.9"


def test_a_description_in_another_encoding(tmp_path):
    """It is nothing that anything is decided by."""
    made = make.wheel(dist_info={"METADATA": b"Name: x\nVersion: 1\nAuthor: \xe9\n\n\xff"})
    assert contents(made.bytes(), tmp_path, made.file).metadata.endswith("\ufffd")


def test_directories_of_all_kinds_are_passed_over(tmp_path):
    """Entries for directories are neither in RECORD nor installed."""
    names = (
        "x/",
        "x-1.dist-info/",
        "x-1.data/",
        "x-1.data/scripts/",
        "x-1.data/scripts/d/",
        "x-1.data/data/etc/",
    )
    made = make.wheel().adding(*(make.member(name) for name in names))
    found = contents(made.bytes(), tmp_path, made.file)
    assert "x" not in found.record
    assert found.remarks() == []
