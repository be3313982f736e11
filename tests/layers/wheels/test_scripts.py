"""entry_points.txt is read as importlib.metadata and the specification read it."""

from __future__ import annotations

from importlib.metadata import PathDistribution

import pytest

from hivebase.layers.wheels import scripts
from hivebase.layers.wheels.scripts import CONSOLE, GUI, Script

TEXT = """
# a comment
[console_scripts]
one = x.y:main
two=x:Class.run [extra, more]
 three  =  x : main

[x.plugins]
any thing: goes = here
[ gui_scripts ]
one = x:gui
"""


def test_commands_of_both_groups():
    """Extras and white space are dropped, other groups and comments passed over."""
    assert scripts.read(TEXT, "x.whl") == {
        CONSOLE: (
            Script("one", "x.y", "main"),
            Script("two", "x", "Class.run"),
            Script("three", "x", "main"),
        ),
        GUI: (Script("one", "x", "gui"),),
    }


def test_importlib_and_we_agree(tmp_path):
    """What pip would generate is what we find."""
    (tmp_path / "x-1.dist-info").mkdir()
    (tmp_path / "x-1.dist-info" / "entry_points.txt").write_text(TEXT)
    points = PathDistribution(tmp_path / "x-1.dist-info").entry_points
    expected = [(point.name, point.module, point.attr) for point in points if point.group == CONSOLE]
    assert [tuple(script) for script in scripts.read(TEXT, "x.whl")[CONSOLE]] == expected


@pytest.mark.parametrize(
    "name", ["a", "a.b", "a-b", "-a", "pip3.11", "a+b", "é", "A_1", "a@b", "a" * 255, "..a"]
)
def test_names_that_are_fine(name):
    """Whatever is one file name without white space."""
    assert scripts.read(f"[console_scripts]\n{name}=x:main", "x.whl")[CONSOLE] == (Script(name, "x", "main"),)


@pytest.mark.parametrize("text", ["", "\n", "[console_scripts]", "[other]\nx\n", "line before any group"])
def test_no_commands(text):
    """Nothing to generate is nothing wrong."""
    assert scripts.read(text, "x.whl") == {CONSOLE: (), GUI: ()}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings(ending):
    """All three, as Python reads text."""
    text = ending.join(["[console_scripts]", "a = x:main", "b = x:main"])
    assert [script.name for script in scripts.read(text, "x.whl")[CONSOLE]] == ["a", "b"]
