"""What a layer was made of is known as long as its record is whole."""

from __future__ import annotations

import pytest
from tests.layers.wheels.laying import Kept, kept, scheme
from tests.wheels import wheel

from hivebase.digest import Digest
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.groups import Group
from hivebase.layers.wheels.made_of import WHEELS, made_of
from hivebase.layers.wheels.maker import LayerMaker
from hivebase.oci.store import Store


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


def test_a_layer_that_is_made_or_found_is_known(store, tmp_path):
    """A record may be lost; whoever needs the layer next writes it again."""
    files = Kept(tmp_path / "wheels")
    wheels = tuple(kept(wheel(name), files.directory) for name in "xy")
    digests = []
    for _ in range(2):
        with LayerMaker(store, Indexes(store), files) as maker:
            (coming,) = maker.make([Group("two", wheels)], scheme(), (), 7, None, {})
            digests.append(coming.result().descriptor.digest)
        assert made_of(store, digests[-1]) == wheels
        store.drop_record(WHEELS, Digest.parse(digests[-1]))
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"wheels": 1},
        {"wheels": [{"name": "x"}]},
        {"wheels": [{"name": "x", "version": "1", "file": "../x.whl", "sha256": "0" * 64}]},
    ],
)
def test_what_is_not_a_list_of_wheels_says_nothing(store, value):
    """An older or a newer hivebase may have written it."""
    blob = Digest.of(b"")
    store.put_record(WHEELS, blob, value)
    assert made_of(store, blob) == ()
