"""The record of a finished image: when it counts, and when the image has to be built again."""

from __future__ import annotations

import pytest
from tests.build.plans import FakeEngine, execute, image_plan, key_of, reference, run_step

from hivebase.build.images import IMAGES, finished, previous_inputs
from hivebase.digest import Digest
from hivebase.oci.store import Store

BASE = image_plan("base", run_step("one"), inputs={"arg:VERSION": "1"})
CHILD = image_plan("child", run_step("two"), parent="base")
REF = reference("child")


@pytest.fixture
def store(tmp_path):
    """A store in which two images were built."""
    store = Store.open(tmp_path / "store")
    execute(store, FakeEngine(store), BASE, CHILD)
    return store


def test_a_finished_image_is_known(store):
    """By its name and its key, and what it was made from."""
    assert finished(store, REF, key_of(CHILD)) == store.resolve(REF)
    assert previous_inputs(store, reference("base")) == {"arg:VERSION": "1"}


def test_b7_another_key_is_another_image(store):
    """Neither another key nor another name finds it."""
    assert finished(store, REF, key_of(BASE)) is None
    assert finished(store, "team/other:1", key_of(CHILD)) is None
    assert previous_inputs(store, "team/other:1") is None


def test_b7_a_name_that_was_moved_counts_no_more(store):
    """An image of the right key somewhere in the store is not what the name stands for."""
    kept = store.resolve(REF)
    store.tag(REF, store.resolve(reference("base")))
    assert finished(store, REF, key_of(CHILD)) is None
    store.tag(REF, kept)
    assert finished(store, REF, key_of(CHILD)) == kept
    store.untag(REF)
    assert finished(store, REF, key_of(CHILD)) is None


def test_a_parent_that_is_another_one_makes_a_child_unfinished(store):
    """Built again, or gone."""
    store.tag(reference("base"), store.resolve(REF))
    assert finished(store, REF, key_of(CHILD)) is None
    store.untag(reference("base"))
    assert finished(store, REF, key_of(CHILD)) is None


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
@pytest.mark.parametrize("damage", [lambda data: data[:-1] + b"?", None], ids=["flip", "remove"])
def test_b6_an_image_of_which_a_part_is_damaged_is_unfinished(store, part, damage):
    """Every blob counts, the parent's layers too; what is damaged is put aside."""
    image = store.image(REF)
    digest = {
        "manifest": image.descriptor.digest,
        "config": image.manifest.config.digest,
        "layer": image.manifest.layers[0].digest,
    }[part]
    path = store.blobs.path(digest)
    data = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(data))
    assert finished(store, REF, key_of(CHILD)) is None
    assert not path.exists()


@pytest.mark.parametrize(
    "record", [{}, {"key": 3}, {"key": "x", "descriptor": {}, "parents": [], "inputs": {}}]
)
def test_s9_a_record_that_is_garbage_is_none(store, record):
    """It costs building again, from cached steps."""
    store.put_record(IMAGES, Digest.of(REF.encode()), record)
    assert finished(store, REF, key_of(CHILD)) is None
    assert previous_inputs(store, REF) is None
    engine = FakeEngine(store)
    assert execute(store, engine, BASE, CHILD)["child"].status == "built"
    assert not engine.times
