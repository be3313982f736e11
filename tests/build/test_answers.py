"""What installations of somebody else's tree resolved to, kept in the store."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.build.composing import request, resolved
from tests.layers.wheels.laying import kept
from tests.wheels import wheel

from hivebase.build.answers import Answers
from hivebase.oci.store import Store
from hivebase.plan.lockfile import request_key


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


def test_an_answer_is_there_the_next_time(store, tmp_path):
    """For this tree alone; and others are not forgotten."""
    found = resolved(kept(wheel("x"), tmp_path / "wheels"), requested=("x",))
    one, two = request("x"), request("y")
    Answers(store, Path("/a")).remember(one, found)
    answers = Answers(store, Path("/a"))
    answers.remember(two, resolved())
    assert answers.lock.installs[request_key(one)] == found
    assert request_key(two) in Answers(store, Path("/a")).lock.installs
    assert not Answers(store, Path("/b")).lock.installs


def test_a_damaged_file_is_no_answer(store):
    """It is asked again, and the file is written anew."""
    Answers(store, Path("/a")).remember(request("x"), resolved())
    (file,) = (store.state / "cache/answers").iterdir()
    file.write_bytes(b"\xff")
    answers = Answers(store, Path("/a"))
    assert not answers.lock.installs
    answers.remember(request("x"), resolved())
    assert len(Answers(store, Path("/a")).lock.installs) == 1
