"""Fault D-2: ignore files made to reach outside or to take forever."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from tests.layers.copying import do, make

from hivebase.errors import HivebaseError


@pytest.mark.parametrize("pattern", ["!../host", "!../host/shadow", "!/../host", "../host", "!**/../../host"])
def test_d2_no_pattern_brings_in_files_from_outside(tmp_path, pattern):
    """An exception takes back what was ignored, and nothing else is there to take."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host/shadow").write_text("canary")
    context = make(tmp_path, {".dockerignore": f"*\n{pattern}\n!a\n", "a": "A"})

    assert do(context, "COPY . /x").rows() == ["d 0755 0:0 x", "f 0644 0:0 x/a [A]"]


@pytest.mark.parametrize("pattern", ["**", "!**", "**/" * 50 + "x", "a*" * 50 + "b"])
def test_d2_many_wildcards_take_linear_time(tmp_path, pattern):
    """100,000 stars in the file, and names that almost match."""
    lines = [pattern.replace("x", f"x{number}") for number in range(100_000 // pattern.count("*"))]
    name = "a" * 200
    context = make(tmp_path, {".dockerignore": "\n".join(lines), f"{name}/{name}/{name}": "A"})
    started = time.monotonic()
    with suppress(HivebaseError):  # everything ignored is nothing to copy
        do(context, "COPY . /x")

    assert time.monotonic() - started < 10
