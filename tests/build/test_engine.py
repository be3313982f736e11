"""What the embedded engine begins early: at once, or with a shared cache when the first step has to be done."""

from __future__ import annotations

import threading
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from tests.build.composing import resolved, step
from tests.build.plans import image_plan, run_step
from tests.layers.wheels.laying import kept
from tests.wheels import wheel

from hivebase.build import begin as module
from hivebase.build.engine import Engine
from hivebase.build.secrets import Secrets
from hivebase.oci.store import Store


@pytest.fixture
def begun(monkeypatch):
    """The names of the images that were begun with, at each time."""
    found: list[Any] = []
    monkeypatch.setattr(module, "begin", lambda _composer, _plans, _bases, names=None: found.append(names))
    return found


@pytest.fixture
def engine(tmp_path):
    """Return a maker of engines."""
    store = Store.open(tmp_path / "store")
    wheels: Any = SimpleNamespace(files=SimpleNamespace(directory=tmp_path / "wheels"))

    def make(cache=None):
        return closing(
            Engine(store, lambda _: None, threading.Event(), Secrets(), None, wheels, False, cache)  # type: ignore[arg-type, return-value]
        )

    return make


@pytest.fixture
def plans(tmp_path):
    """Images that install something, each on the one before, and one that stands alone and does not."""
    install = [step(resolved(kept(wheel(name), tmp_path / "wheels"))) for name in "abc"]
    return [
        image_plan("a", install[0]),
        image_plan("b", install[1], parent="a"),
        image_plan("c", install[2], parent="b"),
        image_plan("d", run_step("one")),
    ]


def test_without_a_shared_cache_all_is_begun_at_once(engine, plans, begun):
    """Nobody else can have done it."""
    with engine() as made:
        made.begin(plans, {})
        assert made.shared is None
    assert begun == [None]


def test_with_a_shared_cache_what_has_to_be_done_is_begun(engine, plans, begun):
    """An image of which a step is missing, and what stands on it, once; an image without installations begins none."""
    with engine(lambda: None) as made:
        made.begin(plans, {})
        assert begun == []
        made.shared.missed("d")
        assert begun == []
        for name in "bbca":
            made.shared.missed(name)
    assert begun == [{"b", "c"}, {"a"}]


def test_a_build_that_installs_nothing_makes_no_composer(engine, plans):
    """All stages were found in the cache."""
    with engine(lambda: None) as made:
        made.begin(plans, {})
        for plan in plans:
            made.finished(plan.stages[0])
        assert "composer" not in vars(made)
