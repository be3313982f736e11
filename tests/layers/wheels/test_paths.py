"""The fast check of a name and the one that explains agree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hivebase.layers.wheels import paths


@given(st.text("a./\\\n\0~wh", max_size=12) | st.integers(250, 260).map(lambda n: "a" * n))
def test_both_checks_agree(name):
    """For every ASCII name that is not too long."""
    assert bool(paths.good(name)) == (paths.objection(name) == "")


@given(st.text(max_size=20))
def test_what_is_accepted_stays_inside(name):
    """Joined to a directory, it is below it, and says so in as many words."""
    if paths.objection(name):
        return
    parts = name.split("/")
    assert all(part not in {"", ".", ".."} for part in parts)
    assert not name.startswith("/")
    assert all(ord(letter) >= 0x20 for letter in name)
