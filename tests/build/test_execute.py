"""Plans become images: every failure is told as one of ours, and names say what was really built on."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING

import pytest
from tests.build.plans import CONFIG, FakeEngine, execute, image_plan, key_of, reference, run_step

from hivebase.build.images import finished
from hivebase.errors import BuildError, InternalError, InterruptedByUserError, SystemFaultError
from hivebase.oci.annotations import BASE_DIGEST, BASE_NAME
from hivebase.oci.store import Store

if TYPE_CHECKING:
    from hivebase.progress import Event


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


def test_a_child_stands_on_its_parent(store):
    """Layers, history, annotations and names are as planned."""
    engine = FakeEngine(store)
    base, child = image_plan("base", run_step("one")), image_plan("child", run_step("two"), parent="base")
    results = execute(store, engine, base, child)
    parent, image = store.image(reference("base")), store.image(reference("child"))
    assert image.manifest.layers[:1] == parent.manifest.layers
    assert len(image.manifest.layers) == 2
    assert image.manifest.annotations[BASE_NAME] == reference("base")
    assert image.manifest.annotations[BASE_DIGEST] == parent.descriptor.digest == results["base"].digest
    assert [entry.created_by for entry in image.config.history] == ["one", "two"]


def test_s4_a_parent_renamed_meanwhile_is_not_taken_for_ours(store):
    """Another process gives the base's name to another image while the child is built: the child's record tells."""
    other = store.put_image(CONFIG, [])

    def meanwhile(text):
        if text == "two":
            store.tag(reference("base"), other)

    engine = FakeEngine(store, spoil=meanwhile)
    child = image_plan("child", run_step("two"), parent="base")
    results = execute(store, engine, image_plan("base", run_step("one")), child)
    image = store.image(reference("child"))
    assert image.manifest.annotations[BASE_DIGEST] == results["base"].digest != other.digest
    assert finished(store, reference("child"), key_of(child)) is None
    store.tag(reference("base"), store.resolve(f"@{results['base'].digest}"))
    assert finished(store, reference("child"), key_of(child)) == image.descriptor


def test_a_cached_image_is_the_one_that_was_planned(store):
    """Not what its name stands for by the time the child is built."""
    engine = FakeEngine(store)
    base = image_plan("base", run_step("one"))
    execute(store, engine, base)
    planned = store.image(reference("base")).descriptor
    store.tag(reference("base"), store.put_image(CONFIG, []))
    cached = image_plan("base", run_step("one"), action="cached")
    results = execute(
        store, engine, cached, image_plan("child", run_step("two"), parent="base"), ready={"base": planned}
    )
    assert (results["base"].status, results["base"].digest) == ("cached", planned.digest)
    child = store.image(reference("child")).manifest
    assert child.annotations[BASE_DIGEST] == planned.digest
    assert child.layers[:1] == store.image(planned.digest).manifest.layers


@pytest.mark.parametrize(
    ("raised", "kind", "code", "says"),
    [
        (BuildError("it broke", why="of this"), BuildError, 1, "bad, line 1: it broke"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), SystemFaultError, 3, "(/x)"),
        (MemoryError(), SystemFaultError, 3, "not enough memory"),
        (KeyError("layer"), InternalError, 1, "KeyError in"),
        (RecursionError("too deep"), InternalError, 1, "RecursionError in"),
    ],
)
def test_every_failure_is_told_as_ours(store, raised, kind, code, says):
    """One event and one result with an error that has a message and an exit code; others are not touched."""
    events: list[Event] = []

    def fail(text):
        if text == "bad step":
            raise raised

    plans = (
        image_plan("bad", run_step("bad step")),
        image_plan("child", run_step("two"), parent="bad"),
        image_plan("good", run_step("good step")),
    )
    results = execute(store, FakeEngine(store, spoil=fail), *plans, listener=events.append)
    assert {name: item.status for name, item in results.items()} == {
        "bad": "failed",
        "child": "skipped",
        "good": "built",
    }
    error = results["bad"].error
    assert isinstance(error, kind)
    assert error.exit_code == code
    assert says in str(error)
    assert [event.subject for event in events if event.status == "failed"] == ["bad"]
    assert set(store.refs()) == {reference("good")}


def test_a_failure_while_an_image_is_named_is_told_too(store, monkeypatch):
    """Naming is a job like the steps are."""

    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(store, "tag", refuse)
    (result,) = execute(store, FakeEngine(store), image_plan("a", run_step("one"))).values()
    assert result.status == "failed"
    assert isinstance(result.error, SystemFaultError)


def test_b2_nothing_is_named_after_an_interrupt(store):
    """A step that ends well although it was asked to stop makes no image; the message counts what is done."""
    cancel = threading.Event()

    def interrupt(text):
        if text == "two":
            cancel.set()

    plans = (image_plan("base", run_step("one")), image_plan("child", run_step("two"), parent="base"))
    with pytest.raises(InterruptedByUserError, match="1 of 2 images done"):
        execute(store, FakeEngine(store, spoil=interrupt), *plans, cancel=cancel, workers=1)
    assert set(store.refs()) == {reference("base")}
    engine = FakeEngine(store)
    assert execute(store, engine, *plans)["child"].status == "built"
    assert not engine.times
