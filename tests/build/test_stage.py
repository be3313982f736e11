"""Steps are done once, and again when what they stand on or read from is not what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.build.plans import FakeEngine, image_plan, run_step

from hivebase.build.stage import SCRATCH, StageBuilder
from hivebase.digest import Digest
from hivebase.oci.store import Store
from hivebase.plan.steps import CopyStep, ImageSource, MountSpec

if TYPE_CHECKING:
    from hivebase.progress import Event

TOOL = ImageSource("image", "tool")


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


@pytest.fixture
def engine(store):
    """An engine that only pretends."""
    return FakeEngine(store)


def _build(engine, *steps, sources=None, use_cache=True, listener=lambda _: None):
    builder = StageBuilder(engine.store, engine, "app", 0, use_cache, listener)
    return builder.build(image_plan("app", *steps).stages[0], SCRATCH, sources or {})


def _copy(source):
    return CopyStep(Digest.of(b"copy"), "copy", "copy", 1, source, ("/x",), "/x")


def test_a_step_is_done_once(engine):
    """The second time its layer is taken from the store."""
    first = _build(engine, run_step("one"), run_step("two"))
    assert _build(engine, run_step("one"), run_step("two")) == first
    assert engine.times == {"one": 1, "two": 1}


def test_without_the_cache_all_is_done_again(engine):
    """And what comes out is remembered."""
    _build(engine, run_step("one"))
    _build(engine, run_step("one"), use_cache=False)
    _build(engine, run_step("one"))
    assert engine.times == {"one": 2}


def test_a_layer_is_not_put_on_what_it_was_not_made_on(engine):
    """A step that leaves something else the second time takes all after it along; a second time the same, nothing."""
    engine.fickle = frozenset({"one"})
    old = _build(engine, run_step("one"), run_step("two"))
    new = _build(engine, run_step("one"), use_cache=False)
    assert new.layers[0] != old.layers[0]
    assert _build(engine, run_step("one"), run_step("two")).layers[0] == new.layers[0]
    assert engine.times == {"one": 2, "two": 2}
    _build(engine, run_step("one"), run_step("two"))
    assert engine.times == {"one": 2, "two": 2}


@pytest.mark.parametrize(
    "step",
    [_copy(TOOL), run_step("mounts", mounts=(MountSpec("bind", "/m", TOOL),))],
    ids=["copy", "mount"],
)
def test_a_layer_is_not_taken_if_what_it_read_is_another_one(engine, step):
    """The same for what a step copies from or mounts."""
    one, two = _build(engine, run_step("tool 1")), _build(engine, run_step("tool 2"))
    for tool, times in ((one, 1), (one, 1), (two, 2)):
        _build(engine, step, sources={TOOL: tool, ImageSource("image", "unused"): two})
        assert engine.times[step.text] == times
    # What the step does not read has no say.
    _build(engine, step, sources={TOOL: two, ImageSource("image", "unused"): one})
    assert engine.times[step.text] == 2


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_b6_a_damaged_layer_is_made_again(engine, damage):
    """It is noticed before it is used, and told; one that is merely gone is nothing to tell."""
    events: list[Event] = []
    (layer,) = _build(engine, run_step("one")).layers
    path = engine.store.blobs.path(layer.descriptor.digest)
    data = path.read_bytes()
    path.unlink()
    if damage != "remove":
        path.write_bytes(data[:-1] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    assert _build(engine, run_step("one"), listener=events.append).layers == (layer,)
    assert engine.times == {"one": 2}
    assert path.read_bytes() == data
    notes = [event.text for event in events if event.status == "note"]
    assert len(notes) == (damage != "remove")
    assert all("is damaged; the step that made it is done again" in note for note in notes)


@pytest.mark.parametrize(
    "record",
    [{}, {"layer": 3}, {"layer": {"diff_id": "x", "descriptor": {}}}, {"layer": {}, "on": "elsewhere"}],
)
def test_b6_a_record_that_says_nothing_costs_time_alone(engine, record):
    """Whatever stands there, the step is done again."""
    step = run_step("one")
    first = _build(engine, step)
    engine.store.put_record("step", step.key, {"on": engine.store.record("step", step.key)["on"], **record})
    if record == {}:
        engine.store.put_record("step", step.key, {})
    assert _build(engine, step) == first
    assert engine.times == {"one": 2}
