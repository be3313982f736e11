"""A bootstrapped tree is dressed the same way under every umask, and nothing that varies stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hivebase.layers.bootstrap.dress import dress
from hivebase.layers.bootstrap.recipe import MARKERS, recipe_for
from hivebase.reference import Reference


def _tree(path):
    for name in ("dev", "etc/apt/apt.conf.d", "etc/dpkg/dpkg.cfg.d", "usr/bin", "usr/local/bin"):
        (path / name).mkdir(parents=True)
    for name in (
        "usr/lib/python3.11",
        "usr/sbin",
        "usr/share",
        "var/cache/apt/archives/partial",
        "var/cache/debconf",
        "var/lib/dpkg",
    ):
        (path / name).mkdir(parents=True)
    (path / "var/cache/apt/archives/partial").chmod(0o700)
    (path / "var/log/apt").mkdir(parents=True)
    for name in ("var/log/dpkg.log", "var/log/apt/history.log", "etc/resolv.conf", "var/lib/dpkg/status-old"):
        (path / name).write_text("2026")
    (path / "usr/lib/python3.11/EXTERNALLY-MANAGED").write_text("no")
    (path / "usr/bin/python3.11").write_text("")
    os.mkfifo(path / "dev/something")
    return path


def _state(path):
    return sorted(
        (
            found.relative_to(path).as_posix(),
            found.lstat().st_mode,
            found.read_bytes() if found.is_file() else b"",
        )
        for found in path.rglob("*")
        if not found.is_symlink()
    )


@pytest.fixture
def recipe():
    """The recipe of the Python image."""
    found = recipe_for(Reference.parse("python:3.11-slim"))
    assert found is not None
    return found


def test_p1_the_umask_has_no_say(tmp_path, recipe):
    """A careful user's machine gives the same tree as any other."""
    states = []
    for mask in (0o022, 0o077):
        root = tmp_path / oct(mask)
        root.mkdir()
        _tree(root)
        before = os.umask(mask)
        try:
            dress(root, recipe)
        finally:
            os.umask(before)
        states.append(_state(root))
    assert states[0] == states[1]


def test_it_looks_like_the_official_image(tmp_path, recipe):
    """python and python3 are in /usr/local/bin, pip may install, and the marker says what this is."""
    dress(_tree(tmp_path), recipe)
    assert (tmp_path / "usr/local/bin/python").readlink() == Path("/usr/bin/python3.11")
    assert not (tmp_path / "usr/lib/python3.11/EXTERNALLY-MANAGED").exists()
    marker = tmp_path / MARKERS / "python:3.11-slim"
    assert "not the official image" in marker.read_text()


def test_what_varies_is_gone(tmp_path, recipe):
    """Logs and leftovers go; the directories that packages made for them stay as they are."""
    dress(_tree(tmp_path), recipe)
    assert not list((tmp_path / "dev").iterdir())
    assert [path.name for path in (tmp_path / "var/log").rglob("*")] == ["apt"]
    assert not (tmp_path / "etc/resolv.conf").exists()
    assert (tmp_path / "var/cache/apt/archives/partial").stat().st_mode & 0o777 == 0o700
