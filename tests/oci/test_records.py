"""Records: exactly what was written, or nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hivebase.digest import Digest
from hivebase.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.oci.store import Store

KEY, OTHER = Digest.of(b"key"), Digest.of(b"other")
VALUE = {"layer": "sha256:x", "size": 3, "list": [1, None, {"a": "ü"}]}


def _path(store: Store, key: Digest = KEY) -> Path:
    return store.state / "records/step" / key.hex[:2] / key.hex


def test_a_record_comes_back(store) -> None:
    """A record is found by namespace and key alone."""
    store.put_record("step", KEY, VALUE)
    assert store.record("step", KEY) == VALUE
    assert store.record("step", OTHER) is None
    assert store.record("image", KEY) is None
    store.put_record("step", KEY, {"new": True})
    assert store.record("step", KEY) == {"new": True}


def test_records_are_listed_and_dropped(store) -> None:
    """All intact records of a namespace are found; dropping is final and may be repeated."""
    store.put_record("step", KEY, VALUE)
    store.put_record("step", OTHER, {})
    _path(store).with_name("junk").write_text("x")
    assert dict(store.records("step")) == {KEY: VALUE, OTHER: {}}
    store.drop_record("step", KEY)
    store.drop_record("step", KEY)
    assert list(store.records("step")) == [(OTHER, {})]
    assert list(store.records("nothing")) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.data())
def test_s9_any_damage_makes_a_record_vanish(store, data) -> None:
    """Half a file, a flipped bit, bytes at the end: a miss, never an error, never another value."""
    store.put_record("step", KEY, VALUE)
    path = _path(store)
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = data.draw(
        st.sampled_from(
            [good[:at], good + b"x", good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], b"\xff" * 9]
        )
    )
    path.write_bytes(bad)
    assert store.record("step", KEY) is None


def test_s9_a_record_of_a_newer_version_is_a_miss(store) -> None:
    """What another version wrote is not guessed at."""
    store.put_record("step", KEY, VALUE)
    document = json.loads(_path(store).read_bytes()) | {"version": 2}
    _path(store).write_text(json.dumps(document))
    assert store.record("step", KEY) is None


def test_a_record_in_another_place_is_a_miss(store) -> None:
    """A record moved to another key says nothing about that key."""
    store.put_record("step", KEY, VALUE)
    _path(store, OTHER).parent.mkdir(parents=True)
    _path(store).rename(_path(store, OTHER))
    assert store.record("step", OTHER) is None


def test_s8_a_record_that_is_a_directory_is_a_miss(store) -> None:
    """Nothing in the place of a record makes reading fail."""
    _path(store).mkdir(parents=True)
    assert store.record("step", KEY) is None


@pytest.mark.parametrize("namespace", ["", "..", "a/b", "A", "a\0"])
def test_namespaces_are_names(store, namespace) -> None:
    """A namespace that is no name is a mistake of the program."""
    with pytest.raises(ValueError, match="namespace"):
        store.put_record(namespace, KEY, {})


def test_s14_keys_are_digests(store) -> None:
    """A hostile key never becomes a path."""
    with pytest.raises(UsageError):
        store.record("step", "sha256:../../x")


def test_s1_what_a_killed_writer_left_is_removed(store) -> None:
    """A collection takes away the temporary files of dead writers, and no record."""
    store.put_record("step", KEY, VALUE)
    leftover = _path(store).with_name(f".{KEY.hex}.0123456789abcdef.tmp")
    leftover.write_bytes(b"half")
    store.collect()
    assert not leftover.exists()
    assert store.record("step", KEY) == VALUE
