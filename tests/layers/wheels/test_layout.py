"""Which files an installer makes of a wheel, and what it writes into RECORD."""

from __future__ import annotations

import csv

import pytest
from tests.layers.wheels.laying import SITE, laid_out, scheme
from tests.wheels import member, row, wheel

from hivebase.errors import CorruptContentError
from hivebase.layers.wheels.layout import record_text, row_of, shebang


def _files(layout):
    return {file.path: file for file in layout.files}


def _rows(layout):
    return {path: rest for path, *rest in layout.rows}


def test_members_go_to_site_packages(tmp_path):
    """With their rows as they are, and INSTALLER added; RECORD is left to the receipt."""
    made = wheel("x", "1", {"x/__init__.py": "a = 1\n"})
    layout = laid_out(made, scheme(), tmp_path)
    info = f"{SITE}/x-1.dist-info"
    assert sorted(_files(layout)) == [
        f"{info}/INSTALLER",
        f"{info}/METADATA",
        f"{info}/WHEEL",
        f"{SITE}/x/__init__.py",
    ]
    assert tuple(_rows(layout)["x/__init__.py"]) == row("x/__init__.py", b"a = 1\n")[1:]
    assert _rows(layout)["x-1.dist-info/RECORD"] == ["", ""]


@pytest.mark.parametrize(
    ("part", "path", "listed"),
    [
        ("purelib/a.py", f"{SITE}/a.py", "a.py"),
        ("platlib/a.so", f"{SITE}/a.so", "a.so"),
        ("data/share/x", "/usr/local/share/x", "../../../share/x"),
        ("headers/x.h", "/usr/include/python3.11/x/x.h", "../../../../include/python3.11/x/x.h"),
        ("scripts/x", "/usr/local/bin/x", "../../../bin/x"),
    ],
)
def test_data_directories(tmp_path, part, path, listed):
    """Each goes to its place, and its row says where relative to site-packages."""
    layout = laid_out(wheel("x", "1", data={part: "content"}), scheme(), tmp_path)
    assert path in _files(layout)
    assert tuple(_rows(layout)[listed]) == row("", b"content")[1:]


def test_a_wheel_that_is_not_pure_goes_to_platlib(tmp_path):
    """As its WHEEL says."""
    layout = laid_out(wheel("x", "1", pure=False), scheme(platlib="/plat"), tmp_path)
    assert layout.library == "/plat"


@pytest.mark.parametrize(
    ("mode", "system", "pip", "uv"),
    [
        (0o100644, 3, 0o644, 0o644),
        (0o100755, 3, 0o755, 0o755),
        (0o100700, 3, 0o755, 0o755),
        (0o755, 3, 0o644, 0o755),
        (0o100755, 0, 0o755, 0o755),
        (0, 3, 0o644, 0o644),
    ],
)
def test_modes(tmp_path, mode, system, pip, uv):
    """pip asks whether the archive calls it a regular file, uv does not; neither asks for the system."""
    made = wheel("x", "1").adding(member("x/tool", "1", mode=mode, system=system))
    for profile, expected in (("pip", pip), ("uv", uv)):
        assert _files(laid_out(made, scheme(profile), tmp_path))[f"{SITE}/x/tool"].mode == expected


@pytest.mark.parametrize("profile", ["pip", "uv"])
def test_a_script_gets_the_interpreter(tmp_path, profile):
    """Where it asks for one with ``#!python``; its row is of the new content."""
    made = wheel("x", "1", data={"scripts/run": "#!python -x\nprint()\n", "scripts/other": "#!/bin/sh\n"})
    layout = laid_out(made, scheme(profile), tmp_path)
    text = b"#!/usr/bin/python3\nprint()\n"
    assert _files(layout)["/usr/local/bin/run"].data == text
    assert ("../../../bin/run", *_rows(layout)["../../../bin/run"]) == row_of("../../../bin/run", text)
    assert _files(layout)["/usr/local/bin/other"].member is not None


def test_entry_points(tmp_path):
    """Are made of the installer's text, executable, with rows of their own."""
    made = wheel("x", "1", scripts={"one": "x.cli:main"}, gui_scripts={"two": "x:App.run"})
    layout = laid_out(made, scheme(), tmp_path)
    one, two = (_files(layout)[f"/usr/local/bin/{name}"] for name in ("one", "two"))
    assert (one.mode, one.data) == (0o755, b"#!/usr/bin/python3\nfrom x.cli import main\nmain()\n")
    assert two.data.endswith(b"from x import App\nApp.run()\n")
    assert tuple(_rows(layout)["../../../bin/one"]) == row("", one.data)[1:]


def test_what_setuptools_generated_is_left_out(tmp_path):
    """A script called as an entry point is not installed beside it; its row stays as it is."""
    made = wheel(
        "x", "1", data={"scripts/one": "#!python\n", "scripts/one-script.py": ""}, scripts={"one": "x:f"}
    )
    layout = laid_out(made, scheme(), tmp_path)
    assert [path for path in _files(layout) if path.startswith("/usr/local/bin/")] == ["/usr/local/bin/one"]
    assert "x-1.data/scripts/one-script.py" in _rows(layout)


def test_the_commands_of_pip_are_named_after_the_interpreter(tmp_path):
    """Whatever the wheel was built with; uv takes them as they are."""
    made = wheel("pip", "1", scripts={"pip": "pip:main", "pip3": "pip:main", "pip3.9": "pip:main"})
    for profile, names in (("pip", ["pip", "pip3", "pip3.11"]), ("uv", ["pip", "pip3", "pip3.9"])):
        paths = _files(laid_out(made, scheme(profile), tmp_path))
        assert sorted(path for path in paths if "/bin/" in path) == [
            f"/usr/local/bin/{name}" for name in names
        ]


def test_signatures_and_an_installer_of_the_wheel(tmp_path):
    """pip lists what RECORD does not, and writes over INSTALLER without forgetting its line; uv lists nothing."""
    made = wheel("x", "1", dist_info={"INSTALLER": "conda\n"})
    made = made.adding(member("x-1.dist-info/RECORD.jws", "{}"), listed=False)
    layout = laid_out(made, scheme(), tmp_path)
    assert ("x-1.dist-info/RECORD.jws", "", "") in layout.rows
    assert _files(layout)[f"{SITE}/x-1.dist-info/INSTALLER"].data == b"pip\n"
    assert [one[0] for one in layout.rows].count("x-1.dist-info/INSTALLER") == 2
    assert "x-1.dist-info/RECORD.jws" not in _rows(laid_out(made, scheme("uv"), tmp_path))


def test_empty_directories_are_uvs(tmp_path):
    """pip makes a directory when it has a file for it."""
    made = wheel("x", "1").adding(member("x/empty/"))
    assert laid_out(made, scheme(), tmp_path).directories == []
    assert laid_out(made, scheme("uv"), tmp_path).directories == [f"{SITE}/x/empty"]


def test_two_members_for_one_place(tmp_path):
    """Are refused: what is there would depend on the order."""
    made = wheel("x", "1", {"a.py": "1"}, data={"purelib/a.py": "2"})
    with pytest.raises(CorruptContentError, match=r"two files of the wheel would be installed as .*/a\.py"):
        laid_out(made, scheme(), tmp_path)


def test_record_is_sorted_and_quoted():
    """Lines end as the installer ends them."""
    rows = [("b,c", "", ""), ("a", "sha256=x", "1")]
    assert record_text(rows, scheme()) == b'a,sha256=x,1\r\n"b,c",,\r\n'
    assert record_text(rows, scheme("uv")) == b'a,sha256=x,1\n"b,c",,\n'
    read = list(csv.reader(record_text(rows, scheme()).decode().splitlines()))
    assert read == [["a", "sha256=x", "1"], ["b,c", "", ""]]


def test_long_shebangs_go_through_the_shell():
    """The kernel reads 127 bytes and no blanks."""
    assert shebang("/usr/bin/python3") == b"#!/usr/bin/python3\n"
    assert shebang("/a b/python") == b"#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n' '''\n"
    longest = "/" + "x" * 123
    assert shebang(longest) == f"#!{longest}\n".encode()
    assert shebang(longest + "x").startswith(b"#!/bin/sh\n'''exec' /xxx")
