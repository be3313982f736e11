"""``--chmod``: octal and symbolic, compared with chmod(1) itself."""

from __future__ import annotations

import shutil
import stat
import subprocess

import pytest

from hivebase.errors import UsageError
from hivebase.layers.modes import parse_chmod

SYMBOLIC = [
    "u+x",
    "go=rX",
    "a=r,u+w",
    "u=rwX,go=rX",
    "o=u",
    "g=o,o-x",
    "+x",
    "-w",
    "=r",
    "u+s,g+s",
    "a+t",
    "ug+rw-x",
    "u-s",
    "g=u-w",
    "a=",
    "u=rwx,g=rx,o=",
    "o+X",
]


@pytest.mark.parametrize("text", SYMBOLIC)
@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o4751])
def test_symbolic_modes_mean_what_chmod_says(tmp_path, text, mode):
    """For a file, every clause gives the mode that the program gives under umask 0."""
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    subprocess.run(["sh", "-c", 'umask 0; exec chmod -- "$1" "$2"', "sh", text, path], check=True)

    assert stat.S_IMODE(path.stat().st_mode) == parse_chmod(text)(mode, False)


def test_x_means_execute_for_directories_only():
    """``X`` is the reason why symbolic modes are useful for trees."""
    change = parse_chmod("u=rwX,go=rX")

    assert (change(0o700, True), change(0o600, False), change(0o100, False)) == (0o755, 0o644, 0o755)


@pytest.mark.parametrize(("text", "mode"), [("0", 0), ("755", 0o755), ("0644", 0o644), ("7777", 0o7777)])
def test_an_octal_mode_replaces_everything(text, mode):
    """Whatever was there before, special bits included."""
    assert {mode} == {
        parse_chmod(text)(before, directory) for before in (0, 0o4755) for directory in (True, False)
    }


@pytest.mark.parametrize("text", ["", "8", "10000", "u", "u+q", "u+x,", "x+u", "0o755", "-1", "٣", "u+rwo"])
def test_other_words_are_refused(text):
    """The message quotes the flag."""
    with pytest.raises(UsageError, match="chmod="):
        parse_chmod(text)


def test_the_oracle_is_there():
    """The comparison above needs chmod(1), which every Debian has."""
    assert shutil.which("chmod")
