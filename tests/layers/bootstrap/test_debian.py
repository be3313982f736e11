"""The mirror is the host's own, whichever way apt's sources are written."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from tests.faults.builds import eventually, marker, pids_with

from hivebase.layers.bootstrap import debian
from hivebase.layers.bootstrap.recipe import recipe_for
from hivebase.reference import Reference

ONE_LINE = """\
# comment
deb [arch=amd64] http://mirror.example/debian bookworm main contrib
deb http://mirror.example/debian-security bookworm-security main
deb http://other.example/ppa stable main
"""
DEB822 = """\
Types: deb
URIs: https://mirror.example/debian/
Suites: trixie trixie-updates
Components: main

Types: deb
URIs: https://mirror.example/debian-security
Suites: trixie-security
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("sources.list", ONE_LINE, ("http://mirror.example/debian", "http://mirror.example/debian-security")),
        (
            "sources.list.d/debian.sources",
            DEB822,
            ("https://mirror.example/debian/", "https://mirror.example/debian-security"),
        ),
        ("sources.list.d/x.list.disabled", ONE_LINE, ("", "")),
        ("sources.list.d/ubuntu.list", "deb http://mirror.example/ubuntu noble main", ("", "")),
    ],
)
def test_mirrors_are_found(tmp_path, monkeypatch, name, text, expected):
    """Both formats are read; other archives and disabled files are not mistaken for Debian."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text)
    monkeypatch.setattr(debian, "_SOURCES", tmp_path)
    assert debian._mirrors() == expected


def test_without_a_mirror_the_tool_decides(tmp_path, monkeypatch):
    """On a system that is not Debian no source is passed, and mmdebstrap uses its default."""
    (tmp_path / "sources.list.d").mkdir()
    monkeypatch.setattr(debian, "_SOURCES", tmp_path)
    assert debian._sources("bookworm") == []


def test_the_suite_is_the_recipes_not_the_hosts(tmp_path, monkeypatch):
    """A Debian 13 host bootstraps Debian 12."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    monkeypatch.setattr(debian, "_SOURCES", tmp_path)
    lines = debian._sources("bookworm")
    assert [line.split()[-2] for line in lines] == ["bookworm", "bookworm-updates", "bookworm-security"]


FAKE = """#!/bin/sh
trap '' TERM INT HUP
echo started
(setsid sh -c "trap '' TERM INT HUP; sleep $MARKER; touch $TARGET" &)
sleep $MARKER
"""


@pytest.fixture
def sleeping_tool(tmp_path, monkeypatch):
    """A mmdebstrap that ignores signals, leaves a daemon, and takes for ever."""
    sleep = marker()
    tool = tmp_path / "bin/mmdebstrap"
    tool.parent.mkdir()
    tool.write_text(FAKE.replace("$MARKER", sleep).replace("$TARGET", str(tmp_path / "late")))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return sleep


@pytest.mark.root
def test_b2_an_interrupted_bootstrap_is_over(sleeping_tool, tmp_path):
    """When the interrupt is passed on, nothing can write to the tree any more."""
    recipe = recipe_for(Reference.parse("debian:12"))
    assert recipe is not None

    def interrupt(line):
        assert line == "started"
        assert eventually(lambda: len(pids_with(sleeping_tool)) == 2)
        raise KeyboardInterrupt

    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        debian.bootstrap(recipe, tmp_path / "root", 0, interrupt)
    assert time.monotonic() - before < 5
    assert pids_with(sleeping_tool) == []


@pytest.mark.root
def test_b1_a_bootstrap_ends_with_a_killed_parent(sleeping_tool, tmp_path):
    """Kill -9 of the building process ends the tool and its daemons."""
    program = (
        "import sys; from pathlib import Path; from hivebase.layers.bootstrap import debian;"
        "from hivebase.layers.bootstrap.recipe import recipe_for; from hivebase.reference import Reference;"
        "debian.bootstrap(recipe_for(Reference.parse('debian:12')), Path(sys.argv[1]), 0, print)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "root")]) as process:
        assert eventually(lambda: len(pids_with(sleeping_tool)) == 2)
        process.kill()
    assert eventually(lambda: not pids_with(sleeping_tool))
