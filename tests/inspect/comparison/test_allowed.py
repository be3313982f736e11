"""What may differ, and that nothing else hides behind it."""

from __future__ import annotations

import marshal

import pytest

from hivebase.inspect.comparison.allowed import ALLOWED, verdict_of
from hivebase.inspect.comparison.difference import Difference


def _pyc(source: str, *, time: int = 0, size: int = 10) -> bytes:
    head = b"\xa7\r\r\n" + bytes(4) + time.to_bytes(4, "little") + size.to_bytes(4, "little")
    return head + marshal.dumps(compile(source, "/x.py", "exec"))


def _content(path: str, ours: bytes, theirs: bytes) -> Difference:
    return Difference(path, "content", "1 bytes", "2 bytes", lambda: (ours, theirs))


PYC = "usr/lib/python3.11/__pycache__/x.cpython-311.pyc"


def test_bytecode_may_have_another_time_but_no_other_code():
    """Nor another size of its source, nor another magic number."""
    mine = _pyc("a = 1")
    assert verdict_of(_content(PYC, mine, _pyc("a = 1", time=7))) is not None
    assert verdict_of(_content(PYC, mine, _pyc("a = 2", time=7))) is None
    assert verdict_of(_content(PYC, mine, _pyc("a = 1", size=11))) is None
    assert verdict_of(_content(PYC, mine, b"\x00" + mine[1:])) is None
    assert verdict_of(_content(PYC, mine, mine[:20])) is None


def test_a_reference_of_marshal_is_no_other_code():
    """Two ways to write one value."""
    code = compile("a = 1", "/x.py", "exec")
    head = _pyc("")[:16]
    plain, referring = marshal.dumps(code, 2), marshal.dumps(code)
    assert plain != referring
    assert verdict_of(_content(PYC, head + plain, head + referring)) is not None


@pytest.mark.parametrize(
    "difference",
    [
        Difference("etc/hosts", "only theirs", "", "file 0644 0:0 12 bytes"),
        Difference("etc/passwd", "only theirs", "", "file 0644 0:0 0 bytes"),
        Difference("var/log/dpkg.log", "mode", "0644", "0600"),
        Difference("var/lib/dpkg/status", "content", "1 bytes", "2 bytes"),
        Difference("labels.org.opencontainers.image.title", "configuration", "a", "b"),
        Difference("root/.cachet", "only theirs", "", "dir 0755 0:0"),
        Difference(PYC, "mode", "0644", "0755"),
    ],
)
def test_what_is_near_an_allowed_difference_is_not_allowed(difference):
    """Each entry is as narrow as its reason."""
    assert verdict_of(difference) is None


@pytest.mark.parametrize(
    ("difference", "name"),
    [
        (Difference("etc/hosts", "only theirs", "", "file 0755 0:0 0 bytes"), "places of mounts"),
        (Difference("proc", "only theirs", "", "dir 0755 0:0"), "places of mounts"),
        (Difference("var/log/apt/history.log", "content"), "logs and caches of package managers"),
        (Difference("env order", "configuration", "a", "b"), "an order of variables"),
    ],
)
def test_what_is_allowed(difference, name):
    """By the entry that gives the reason."""
    found = verdict_of(difference)
    assert found is not None
    assert found.name == name


def test_each_entry_has_a_name_of_its_own_and_a_reason():
    """They are shown to people."""
    assert len({item.name for item in ALLOWED}) == len(ALLOWED)
    assert all(item.why for item in ALLOWED)
