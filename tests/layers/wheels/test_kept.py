"""Layers that were made before: found again by all that they depend on, and only if they are whole."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.wheels.laying import PYTHON, scheme, stacked

from hivebase.layers.wheels.jobs import LayerMade, Place, Requested, WheelFacts
from hivebase.layers.wheels.kept import KeptLayers, layer_key
from hivebase.oci.store import Store

WHEELS = [("1" * 64, "x"), ("2" * 64, "y")]


def _key(wheels=WHEELS, where=None, places=(), epoch=1, receipts=(), *, compiled=False):
    return layer_key(wheels, where or scheme(), places, epoch, receipts, compiled=compiled)


@pytest.mark.parametrize(
    "other",
    [
        {"wheels": WHEELS[:1]},
        {"wheels": WHEELS[::-1]},
        {"wheels": [("1" * 64, "z"), WHEELS[1]]},
        *(
            {"where": scheme(**{key: "/other"})}
            for key in ("executable", "purelib", "platlib", "scripts", "data")
        ),
        {"where": scheme(headers="/other")},
        {"where": scheme(template="other")},
        {"where": scheme("uv")},
        {"places": [Place("a", 0o700)]},
        {"epoch": 2},
        {"receipts": [Requested(itself=True)]},
        {"compiled": True},
    ],
    ids=str,
)
def test_everything_that_a_layer_depends_on_is_in_its_key(other):
    """Another one, and it is another layer."""
    assert _key() != _key(**other)


def test_the_build_of_the_interpreter_counts_for_bytecode():
    """Without bytecode images with another patch of Python share the layer."""
    other = scheme(python=msgspec.structs.replace(PYTHON, version="3.11.9", build="other"))
    assert _key() == _key(where=other)
    assert _key(compiled=True) != _key(where=other, compiled=True)


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path)


def _made(store):
    (layer,) = stacked(store, b"layer" * 300)
    facts = WheelFacts("x", "1", "/site/x-1.dist-info", b"x,,\n", (0, 4), ("a remark",))
    return LayerMade(layer.descriptor, str(layer.diff_id), 5, (facts,))


def test_a_layer_is_found_again(store):
    """With all that is known of its wheels."""
    kept, made = KeptLayers(store), _made(store)
    assert kept.get(_key()) is None
    kept.put(_key(), made)
    assert KeptLayers(store).get(_key()) == made
    assert list(kept.blobs()) == [made.descriptor.digest]


def test_a_damaged_record_is_none(store):
    """It is made again."""
    kept = KeptLayers(store)
    kept.put(_key(), _made(store))
    (path,) = (store.state / "cache/wheel-layers").iterdir()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert kept.get(_key()) is None


def test_a_layer_whose_blob_is_gone_is_none(store):
    """Or was another one, and was removed when that was seen."""
    kept, made = KeptLayers(store), _made(store)
    kept.put(_key(), made)
    blob = store.root / "blobs" / str(made.descriptor.digest).replace(":", "/")
    blob.chmod(0o600)
    blob.write_bytes(b"something else")
    assert kept.get(_key()) is None
    assert not blob.exists()
    assert kept.get(_key()) is None


def test_clear(store):
    """Tells how many, and removes them unless asked not to."""
    kept = KeptLayers(store)
    kept.put(_key(), _made(store))
    assert kept.clear(dry_run=True) == 1
    assert kept.get(_key()) is not None
    assert kept.clear() == 1
    assert kept.get(_key()) is None
