"""Names in index.json: ours and other tools'."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, UsageError
from hivebase.oci.model import MANIFEST, REF_NAME, Descriptor
from hivebase.oci.store import Store


@pytest.fixture
def one(store) -> Descriptor:
    """Return the descriptor of a stored blob."""
    return Descriptor(MANIFEST, store.put(b"{}"), 2)


def _index(store: Store) -> Any:
    return json.loads((store.root / "index.json").read_bytes())


def test_a_name_is_kept_and_found(store, one) -> None:
    """A tagged reference is found again, also by another process and written otherwise."""
    store.tag("team/app", one)
    again = Store.open(store.root)
    assert list(again.refs()) == ["team/app:latest"]
    for ref in ("team/app", "team/app:latest", "docker.io/team/app:latest"):
        found = again.resolve(ref)
        assert found is not None
        assert one.digest == found.digest
    assert again.resolve("team/app:1") is None


def test_a_name_names_one_thing(store, one) -> None:
    """Tagging again moves the name, however it is written."""
    other = Descriptor(MANIFEST, store.put(b"other"), 5)
    store.tag("app:1", one)
    store.tag("docker.io/library/app:1", other)
    assert [entry.digest for entry in store.refs().values()] == [other.digest]


def test_untag(store, one) -> None:
    """A removed name is gone, and the answer says whether it was there."""
    store.tag("app:1", one)
    store.tag("app:2", one)
    assert store.untag("app:1")
    assert not store.untag("app:1")
    assert list(store.refs()) == ["app:2"]


def test_the_file_does_not_depend_on_the_order_of_tagging(store, one, tmp_path) -> None:
    """Equal names, equal bytes."""
    for name in ("b:1", "a:1", "c:1"):
        store.tag(name, one)
    other = Store.open(tmp_path / "other")
    other.put(b"{}")
    for name in ("c:1", "b:1", "a:1"):
        other.tag(name, one)
    assert (store.root / "index.json").read_bytes() == (other.root / "index.json").read_bytes()


def test_what_others_wrote_stays(store, one) -> None:
    """Unknown members, entries without a name and foreign names survive an update."""
    foreign = {"mediaType": MANIFEST, "digest": str(Digest.of(b"")), "size": 0, "x-unknown": [1]}
    named = foreign | {"annotations": {REF_NAME: "1.0", "other": "kept"}}
    document = {
        "schemaVersion": 2,
        "manifests": [foreign, named],
        "annotations": {"a": "b"},
        "x-unknown": True,
    }
    (store.root / "index.json").write_text(json.dumps(document))
    store.tag("app:1", one)
    after = _index(store)
    assert foreign in after["manifests"]
    assert named in after["manifests"]
    assert after["x-unknown"] is True
    assert after["annotations"] == {"a": "b"}
    assert store.resolve("1.0") is not None
    assert store.untag("1.0")
    assert foreign in _index(store)["manifests"]


def test_a_name_for_what_is_not_there_is_refused(store) -> None:
    """No name dangles, and a hostile name is no reference."""
    with pytest.raises(NotFoundError):
        store.tag("app:1", Descriptor(MANIFEST, Digest.of(b"missing"), 7))
    with pytest.raises(UsageError):
        store.tag("../app", Descriptor(MANIFEST, store.put(b"x"), 1))
    assert store.refs() == {}


def test_r18_a_digest_wins_over_the_tag(store, one) -> None:
    """A reference with a digest means that content, whatever the tag says."""
    other = store.put(b'{"schemaVersion":2,"manifests":[]}')
    store.tag("app:1", one)
    found = store.resolve(f"app:1@{other}")
    assert found is not None
    assert other == found.digest
    assert store.resolve(f"app:1@{Digest.of(b'missing')}") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b'{"schemaVersion":2,"manifests":[{"mediaType"',
        b"[]",
        b"{}",
        b'{"schemaVersion":2}',
        b'{"schemaVersion":2,"manifests":{}}',
        b'{"schemaVersion":2,"manifests":[],"manifests":[]}',
        b'{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"sha256:../x","size":1}]}',
        b'{"schemaVersion":2,"manifests":[{"mediaType":"a","size":1}]}',
        b"\xff\xfe",
    ],
)
def test_s9_a_damaged_index_is_told_and_left_as_it_is(store, one, content) -> None:
    """Names are never lost silently: reading and writing fail with the file's name and a way out."""
    path = store.root / "index.json"
    path.write_bytes(content)
    for use in (store.refs, lambda: store.tag("app:1", one), lambda: store.untag("app:1"), store.collect):
        with pytest.raises(CorruptContentError) as raised:
            use()
        assert str(path) in str(raised.value)
        assert raised.value.hint
    assert path.read_bytes() == content
    assert len(store.check()) == 1


def test_s1_what_a_killed_writer_left_is_removed(store, one) -> None:
    """The next change of the names takes away the temporary file of a dead writer."""
    (store.root / ".index.json.0123456789abcdef.tmp").write_bytes(b"half")
    store.tag("app:1", one)
    assert list(store.root.glob(".*.tmp")) == []
