"""What a step prints is given out whole up to a limit, and from there on its end."""

from __future__ import annotations

import pytest

from hivebase.build import printed as module
from hivebase.build.printed import Printed


def _lines(chunks):
    found: list[str] = []
    printed = Printed(found.append)
    for chunk in chunks:
        printed.feed(chunk)
    printed.close()
    return found


def test_what_fits_is_given_out_as_it_is():
    """In lines, the last of which needs no end."""
    assert _lines([b"one\ntw", b"o\nthr", b"ee"]) == ["one", "two", "three"]
    assert _lines([]) == []


@pytest.mark.parametrize("size", [1, 3, 7, 100, 5000])
def test_b4_of_a_flood_the_beginning_and_the_end_are_kept(monkeypatch, size):
    """However it is cut into chunks, the middle is counted and left out, and no byte is lost unseen."""
    monkeypatch.setattr(module, "MAX_OUTPUT", 100)
    monkeypatch.setattr(module, "_END", 50)
    data = b"".join(b"%04d\n" % number for number in range(1000))
    lines = _lines(data[start : start + size] for start in range(0, len(data), size))
    assert lines[:20] == [f"{number:04}" for number in range(20)]
    assert lines[20] == f"[{len(data) - 150} bytes of output are left out here]"
    assert lines[21:] == [f"{number:04}" for number in range(990, 1000)]


def test_a_flood_that_just_fits_loses_nothing(monkeypatch):
    """Between the limit and the limit with its end, nothing is left out and nothing is said."""
    monkeypatch.setattr(module, "MAX_OUTPUT", 10)
    monkeypatch.setattr(module, "_END", 10)
    assert _lines([b"01234\n678\nabcdef\nij\n"]) == ["01234", "678", "abcdef", "ij"]
