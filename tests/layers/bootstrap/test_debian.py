"""The mirror is the host's own, whichever way apt's sources are written."""

from __future__ import annotations

import pytest

from hivebase.layers.bootstrap import debian

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
