"""Making what a step left depend on its inputs alone. What is left out is tested with layers, in test_diff."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hivebase.fs import remove_tree
from hivebase.layers.normalise import normalise
from hivebase.layers.tree import StackedTree
from hivebase.layers.volatile import VOLATILE, is_volatile

pytestmark = pytest.mark.root

EPOCH = 1_700_000_000
LATER = EPOCH + 86_400 * 30
EMPTY = StackedTree([])


def put(path: Path, data: bytes | str = b"", *, time: float = LATER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    os.utime(path, (time, time))
    return path


def compiled_of(source: Path, **options: Any) -> Path:
    path = py_compile.compile(str(source), doraise=True, **options)
    assert path is not None
    return Path(path)


def times(root: Path) -> dict[str, float]:
    return {str(path.relative_to(root)): path.lstat().st_mtime for path in sorted(root.rglob("*"))}


def test_no_time_is_later_than_the_epoch(tmp_path):
    """Files, directories and links get the epoch at most, and whole seconds."""
    put(tmp_path / "d" / "late")
    put(tmp_path / "d" / "early", time=1000.75)
    (tmp_path / "link").symlink_to("/dev/null")
    normalise(tmp_path, EMPTY, EPOCH)
    assert times(tmp_path) == {"d": EPOCH, "d/early": 1000, "d/late": EPOCH, "link": EPOCH}
    assert Path("/dev/null").stat().st_mtime != EPOCH


def test_once_is_enough(tmp_path):
    """Normalising again changes nothing: not a byte, not a time."""
    source = put(tmp_path / "m.py", "x = 1")
    py_compile.compile(str(source), doraise=True)
    put(tmp_path / "etc/shadow", "u:!:99999:0:99999:7:::\n")

    def state() -> list[object]:
        files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
        return [times(tmp_path), [path.read_bytes() for path in files]]

    normalise(tmp_path, EMPTY, EPOCH)
    once = state()
    normalise(tmp_path, EMPTY, EPOCH)
    assert state() == once


MODES = py_compile.PycInvalidationMode


@pytest.mark.parametrize("name", ["m.py", "Upper.py", "pkg/m.py", "~late.py"])
@pytest.mark.parametrize("optimize", [-1, 2])
def test_bytecode_stays_valid(tmp_path, name, optimize):
    """A .pyc compiled in the step fits its source again, whichever of the two is visited first."""
    source = put(tmp_path / name, "x = 1\n")
    compiled = compiled_of(source, optimize=optimize)
    normalise(tmp_path, EMPTY, EPOCH)
    assert struct.unpack("<II", compiled.read_bytes()[4:12]) == (0, EPOCH)
    code = f"import sys; sys.path.insert(0, {str(source.parent)!r}); import {source.stem.strip('~')} as m; print(m.x)"
    if "~" not in name and optimize == -1:
        done = subprocess.run([sys.executable, "-v", "-c", code], capture_output=True, text=True, check=True)
        assert f"matches {source}" in done.stderr


def test_bytecode_beside_its_source(tmp_path):
    """Python 2's place for bytecode is still read by Python 3 when there is no source; both fit each other."""
    source = put(tmp_path / "old.py", "x = 1")
    py_compile.compile(str(source), cfile=str(tmp_path / "old.pyc"), doraise=True)
    normalise(tmp_path, EMPTY, EPOCH)
    assert (tmp_path / "old.pyc").read_bytes()[8:12] == struct.pack("<I", EPOCH)


def test_bytecode_that_did_not_fit_is_left_alone(tmp_path):
    """Stale, unchecked, hash-checked and source-less bytecode keeps its bytes: a stale one must stay stale."""
    made = []
    for name, mode in (("unchecked", MODES.UNCHECKED_HASH), ("checked", MODES.CHECKED_HASH), ("stale", None)):
        source = put(tmp_path / f"{name}.py", "x = 1")
        made.append(compiled_of(source, invalidation_mode=mode))
    put(tmp_path / "stale.py", "x = 2", time=LATER + 9)
    made.append(put(tmp_path / "__pycache__" / "gone.cpython-311.pyc", made[2].read_bytes()))
    made.append(put(tmp_path / "__pycache__" / "short.cpython-311.pyc", b"\xa7\r\r\n"))
    before = [path.read_bytes() for path in made]
    normalise(tmp_path, EMPTY, EPOCH)
    assert [path.read_bytes() for path in made] == before


def test_bytecode_of_a_lower_source_is_right_already(tmp_path):
    """A source below keeps its time, so the bytecode made for it in this step does too."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    source = put(lower / "m.py", "x = 1", time=EPOCH + 5)
    cache = upper / "__pycache__" / Path(importlib.util.cache_from_source("m.py")).name
    cache.parent.mkdir(parents=True)
    py_compile.compile(str(source), cfile=str(cache), doraise=True)
    before = cache.read_bytes()
    normalise(upper, StackedTree([lower]), EPOCH)
    assert cache.read_bytes() == before


def test_volatile_files_are_removed_and_the_lower_ones_stay(tmp_path):
    """Logs and caches of the step are not in the layer; those of the base are not deleted either."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    put(lower / "var/log/dpkg.log", "base")
    for path in (
        "var/log/dpkg.log",
        "var/cache/ldconfig/aux-cache",
        "root/.cache/pip/selfcheck/a",
        "var/log/kept",
    ):
        put(upper / path, "step")
    normalise(upper, StackedTree([lower]), EPOCH)
    assert [str(path.relative_to(upper)) for path in sorted(upper.rglob("*")) if path.is_file()] == [
        "var/log/kept"
    ]


def test_each_volatile_pattern_has_a_reason():
    """The table is data: every row matches something and says why it is there."""
    for pattern, reason in VOLATILE:
        assert is_volatile(pattern.replace("*", "x/y"))
        assert len(reason) > 10
    assert not is_volatile("var/log/dpkg.log.1")
    assert not is_volatile("opt/var/log/dpkg.log")


def test_days_in_shadow_end_at_the_epoch(tmp_path):
    """useradd writes today's day; older days, and lines of other shapes, stay."""
    day = EPOCH // 86_400
    text = f"root:*:100:0:99999:7:::\nnew:!:{day + 30}:0:99999:7:::\nodd:{day + 30}\n"
    for name in ("etc/shadow", "etc/other"):
        put(tmp_path / name, text)
    normalise(tmp_path, EMPTY, EPOCH)
    assert (tmp_path / "etc/shadow").read_text() == text.replace(f"!:{day + 30}", f"!:{day}")
    assert (tmp_path / "etc/other").read_text() == text


def test_deep_trees_need_few_descriptors(tmp_path):
    """A directory as deep as paths can be is no problem with forty descriptors (fault S-16)."""
    top = tmp_path / "top"
    deepest = top / "/".join("d" * 600)
    subprocess.run(["mkdir", "-p", deepest], check=True)
    code = (
        "import resource, sys; from pathlib import Path; from hivebase.layers.normalise import normalise\n"
        "from hivebase.layers.tree import StackedTree\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        f"normalise(Path(sys.argv[1]), StackedTree([]), {EPOCH})\n"
    )
    try:
        subprocess.run([sys.executable, "-c", code, top], check=True)
        assert deepest.stat().st_mtime == EPOCH
    finally:
        remove_tree(top)  # pytest's own cleaning recurses
