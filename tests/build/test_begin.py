"""Which installations are begun early: on what, after what, and in which order."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.build.composing import resolved, step
from tests.build.plans import image_plan, run_step
from tests.layers.wheels.laying import kept
from tests.oci.images import layer_tar, put_image
from tests.wheels import wheel

from hivebase.build.bases import Base
from hivebase.build.begin import begin, standing_on
from hivebase.digest import Digest
from hivebase.oci.store import Store
from hivebase.plan.steps import ImageSource
from hivebase.values import replace


class _Recorder:
    """Writes down what it is told to begin with."""

    def __init__(self):
        self.begun = []
        self.done = threading.Event()

    def begin(self, step, base, before=()):
        self.begun.append((step.text, len(base.layers), [item.name for item in before]))
        if step.text == "last":
            self.done.set()


@pytest.fixture
def base(tmp_path):
    """A base image with one layer."""
    store = Store.open(tmp_path / "store")
    image = store.image(put_image(store, layer_tar({"a": b"1"})).digest)
    return Base("base:1", Digest.parse(image.descriptor.digest), image, ())


@pytest.fixture
def run(base):
    """Return what begins with plans on that base."""

    def begun(*plans, names=None):
        recorder: Any = _Recorder()
        begin(recorder, plans, {"base": base}, names)
        recorder.done.wait(5)
        return recorder.begun

    return begun


def _on_base(plan):
    (stage,) = plan.stages
    return replace(plan, stages=(replace(stage, base=ImageSource("external", "base")),))


def _install(tmp_path, name, text=""):
    return step(resolved(kept(wheel(name), tmp_path / "wheels")), name=text or name)


def test_installations_of_a_chain(run, tmp_path):
    """All stand on the same external image; each is told what was installed before it."""
    parent = _on_base(image_plan("parent", _install(tmp_path, "one"), _install(tmp_path, "two")))
    child = image_plan("child", _install(tmp_path, "three", "last"), parent="parent")
    assert run(parent, child) == [("one", 1, []), ("two", 1, ["one"]), ("last", 1, ["one", "two"])]


def test_images_that_are_there_only_count_as_what_is_below(run, tmp_path):
    """They are not built."""
    parent = _on_base(image_plan("parent", _install(tmp_path, "one"), action="cached"))
    child = image_plan("child", _install(tmp_path, "two", "last"), parent="parent")
    assert run(parent, child) == [("last", 1, ["one"])]


def test_what_a_command_waits_for_comes_first(run, tmp_path):
    """The others have time."""
    other = _on_base(image_plan("other", _install(tmp_path, "one", "last")))
    awaited = _on_base(image_plan("awaited", _install(tmp_path, "two"), run_step("command")))
    assert [text for text, _, _ in run(other, awaited)] == ["two", "last"]


def test_nothing_is_begun_on_a_base_that_is_not_there(tmp_path, base):
    """Nor for what is not resolved yet."""
    recorder: Any = _Recorder()
    begin(recorder, [_on_base(image_plan("a", _install(tmp_path, "one")))], {})
    begin(recorder, [_on_base(image_plan("b", step(None)))], {"base": base})
    assert recorder.begun == []


def test_only_some_images(run, tmp_path):
    """What was installed below them counts all the same."""
    parent = _on_base(image_plan("parent", _install(tmp_path, "one")))
    child = image_plan("child", _install(tmp_path, "two", "last"), parent="parent")
    assert run(parent, child, names={"child"}) == [("last", 1, ["one"])]


def test_what_stands_on_an_image():
    """Its children, theirs, and nothing else."""
    plans = [
        image_plan("a"),
        image_plan("b", parent="a"),
        image_plan("c", parent="b"),
        image_plan("d", parent="other"),
    ]
    assert standing_on("b", plans) == {"b", "c"}
    assert standing_on("a", plans) == {"a", "b", "c"}
    assert standing_on("d", plans) == {"d"}
