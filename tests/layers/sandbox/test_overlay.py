"""Stacking directories, with the newer system calls and without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hivebase

pytestmark = pytest.mark.root

_LIBRARY = str(Path(hivebase.__file__).parents[1])

_PROGRAM = """
import errno, os, sys
sys.path.append(sys.argv[1])
from hivebase.layers.sandbox import overlay, syscalls
top, count, old = sys.argv[2], int(sys.argv[3]), sys.argv[4].split(",")
tried = []

def missing(*arguments):
    raise OSError(errno.ENOSYS, "missing")

def without_volatile(source, target, kind, flags=0, data="", mount=syscalls.mount):
    tried.append("volatile" in data)
    if "volatile" in data and "no-volatile" in old:
        raise OSError(errno.EINVAL, "unknown option")
    mount(source, target, kind, flags, data)

syscalls.unshare(syscalls.CLONE_NEWNS)
syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
if "no-fsopen" in old:
    syscalls.mount_configured = missing
    syscalls.mount = without_volatile
lowers = [f"{top}/{number}" for number in range(count)]
overlay.mount_overlay(f"{top}/root", f"{top}/links", lowers, *sys.argv[5:])
with open(f"{top}/root/top") as file:
    print(file.read(), len(os.listdir(f"{top}/root")), *tried)
"""


@pytest.fixture
def top(tmp_path):
    """Layers below a name so long that eleven of them fill the old interface's page."""
    place = tmp_path / ("x" * 180) / ("y" * 180)
    for number in range(120):
        (place / str(number)).mkdir(parents=True)
        (place / str(number) / "top").write_text(str(number))
        (place / str(number) / f"of-{number}").touch()
    for name in ("root", "links", "upper", "work"):
        (place / name).mkdir()
    return place


def _mounted(top: Path, old: str, *writable: str) -> str:
    arguments = [_LIBRARY, str(top), "120", old, *writable]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PROGRAM, *arguments], capture_output=True, check=False, text=True
    )
    assert done.stderr == ""
    return done.stdout


def test_many_layers_with_long_names_are_stacked(top):
    """The last one is the topmost, and all are there."""
    assert _mounted(top, "new") == "119 121\n"


def test_a_kernel_without_fsopen_stacks_them_too(top):
    """Through the old interface, whose page would hold eleven of these paths."""
    assert _mounted(top, "no-fsopen") == "119 121 False\n"


def test_a_kernel_without_volatile_mounts_without_it(top):
    """The option is tried, and left out if it is unknown."""
    upper, work = str(top / "upper"), str(top / "work")

    assert _mounted(top, "no-fsopen", upper, work) == "119 121 True\n"
    for link in (top / "links").iterdir():
        link.unlink()
    (top / "second-work").mkdir()
    assert _mounted(top, "no-fsopen,no-volatile", upper, str(top / "second-work")) == "119 121 True False\n"
