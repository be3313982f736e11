"""Results of other machines take the place of work, and only where they fit what is asked."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from tests import archives as make
from tests.build.composing import resolved, step
from tests.build.plans import FakeEngine, execute, image_plan, run_step
from tests.layers.wheels.laying import kept
from tests.oci.images import layer_tar, put_layer
from tests.wheels import wheel

from hivebase.build.shared_cache import SharedResults
from hivebase.build.stage import SCRATCH, StageBuilder
from hivebase.digest import Digest
from hivebase.errors import BuildError
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.layer import Layer
from hivebase.layers.wheels.jobs import LayerMade
from hivebase.layers.wheels.made_of import made_of, remember
from hivebase.oci.store import Store
from hivebase.plan.steps import CopyStep, ImageSource
from hivebase.values import replace

if TYPE_CHECKING:
    from pathlib import Path


class Board:
    """What all machines see: records and blobs, in memory."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}


class Seat:
    """A :class:`hivebase.build.shared_cache.SharedCache` of one machine."""

    def __init__(self, board: Board, store: Store) -> None:
        self.board = board
        self.store = store
        self.refused: list[str] = []
        self.ended = ""

    def get(self, namespace, key):
        value = self.board.records.get((namespace, key))
        for data in self.board.blobs.values() if value is not None else ():
            self.store.put(data)
        return copy.deepcopy(value)

    def put(self, namespace, key, value, blobs, *, replace=False):
        if replace or (namespace, key) not in self.board.records:
            self.board.records[namespace, key] = copy.deepcopy(value)
            for blob in blobs:
                self.board.blobs[blob.digest] = self.store.read(blob.digest)

    def refuse(self, namespace, key, why):
        self.refused.append(why)

    def finish(self):
        self.ended = "finished"

    def abandon(self):
        self.ended = "abandoned"


class Machine:
    """A store with what builds in it."""

    def __init__(self, root: Path, board: Board, *, read: bool = True) -> None:
        self.store = Store.open(root)
        self.engine = FakeEngine(self.store)
        self.seat = Seat(board, self.store)
        self.missed: list[str] = []
        indexes = Indexes(self.store)
        self.shared = SharedResults(
            lambda: self.seat, self.store, lambda: indexes, self.missed.append, read=read
        )

    def build(self, *steps, use_cache=True, sources=None):
        """Build one stage on nothing."""
        builder = StageBuilder(self.store, self.engine, "app", 0, use_cache, lambda _: None, self.shared)
        return builder.build(image_plan("app", *steps).stages[0], SCRATCH, sources or {})

    @property
    def done(self) -> dict[str, int]:
        """How often each step was done."""
        return dict(self.engine.times)


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def machine(tmp_path, board):
    """Return a maker of machines."""
    names = iter("abcdef")
    return lambda **options: Machine(tmp_path / next(names), board, **options)


def test_what_one_machine_did_another_does_not(machine):
    """The layers are the same, and remembered: the cache is not asked again."""
    one, two = machine(), machine()
    built = one.build(run_step("one"), run_step("two"))
    assert two.build(run_step("one"), run_step("two")) == built
    assert (one.done, two.done) == ({"one": 1, "two": 1}, {})
    two.seat.board.records.clear()
    assert two.build(run_step("one"), run_step("two")) == built
    assert two.done == {}
    assert (one.missed, two.missed) == (["app", "app"], [])


def test_only_what_has_changed_is_done(machine):
    """Everything before it comes from the other machine."""
    one, two = machine(), machine()
    one.build(run_step("one"), run_step("two"))
    two.build(run_step("one"), run_step("new"))
    assert two.done == {"new": 1}


def test_a_result_is_for_the_layers_that_it_was_made_on(machine):
    """Two machines whose first step left different files share nothing that stands on them, and both are kept."""
    one, two, three = machine(), machine(read=False), machine()
    two.engine.fickle = frozenset({"one"})
    two.engine.times["one"] = 1
    first = one.build(run_step("one"), run_step("two"))
    second = two.build(run_step("one"), run_step("two"))
    assert first.layers[0] != second.layers[0]
    assert three.build(run_step("one"), run_step("two")) == first
    assert three.done == {}
    assert len(three.seat.board.records) == 3


def test_a_result_is_for_the_layers_that_it_read_from(machine):
    """A COPY from a stage that has other layers is another one."""
    one, two = machine(), machine()
    source = ImageSource("image", "tool")
    taken = CopyStep(Digest.of(b"copy"), "copy", "copy", 1, source, ("/x",), "/x")
    one.build(taken, sources={source: one.build(run_step("tool"))})
    two.build(taken, sources={source: two.build(run_step("tool"))})
    assert two.done == {}
    two.build(taken, sources={source: two.build(run_step("another tool"))})
    assert two.done == {"another tool": 1, "copy": 1}


def test_without_the_cache_nothing_is_taken_and_all_is_written_anew(machine):
    """What others find from then on is the new result."""
    one, two, three = machine(), machine(read=False), machine()
    one.build(run_step("one"))
    two.engine.fickle = frozenset({"one"})
    two.engine.times["one"] = 1
    new = two.build(run_step("one"), use_cache=False)
    assert three.build(run_step("one")) == new
    assert (two.done, three.done) == ({"one": 2}, {})


def test_what_this_machine_must_allow_is_not_taken_from_another(machine):
    """Nor given away."""
    one, two = machine(), machine()
    privileged = run_step("one", privileged=True)
    one.build(privileged)
    assert one.seat.board.records == {}
    one.store.drop_record("step", privileged.key)
    one.build(run_step("one"))
    assert one.seat.board.records
    two.build(privileged)
    assert two.done == {"one": 1}


def test_stand_ins_are_not_shared(machine):
    """Another machine may reach what they stand in for; an empty directory of markers says that nothing does."""
    one = machine()
    layers = []

    def leave(*parts):
        layers.append(Layer(*put_layer(one.store, make.archive(*parts))))
        one.engine.run = lambda *_: layers[-1]

    leave(make.file("share/stand-ins.d/model", b"a stand-in"))
    one.build(run_step("one"))
    assert one.seat.board.records == {}
    leave(make.directory("share/stand-ins.d"), make.file("share/model"), make.file("stand-ins.d", b"a file"))
    one.build(run_step("two"))
    assert len(one.seat.board.records) == 1


NAMED = {"name": "x", "version": "1", "file": "x-1-py3-none-any.whl", "sha256": "0" * 64}
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"


def _layer(**members):
    return lambda value: {**value, "layers": [{**value["layers"][0], **members}]}


def _descriptor(**members):
    return lambda value: _layer(descriptor={**value["layers"][0]["descriptor"], **members})(value)


LIES = [
    ("does not say what the step left", lambda _: {}),
    ("does not say what the step left", lambda value: {**value, "layers": "none"}),
    ("does not say what the step left", lambda value: {**value, "on": Digest.of(b"elsewhere")}),
    ("DiffID is", _layer(diff_id=Digest.of(b"something else"))),
    ("not of the kind", _descriptor(urls=["http://localhost/"])),
    ("not of the kind", _descriptor(mediaType=ZSTD)),
    ("is not in the store", _descriptor(digest=Digest.of(b"nobody has that"))),
    ("has another size", _descriptor(size=1)),
    ("other wheels were installed", lambda value: {**value, "wheels": [[NAMED]]}),
    ("other wheels were installed", lambda value: {**value, "wheels": [[], []]}),
    ("other wheels were installed", lambda value: {**value, "wheels": [[{**NAMED, "file": "../../x.whl"}]]}),
]


@pytest.mark.parametrize("lie", LIES)
def test_a_result_that_does_not_fit_is_refused(machine, board, lie):
    """The step is done here, and the cache is told why."""
    one, two = machine(), machine()
    built = one.build(run_step("one"))
    ((at, value),) = board.records.items()
    why, changed = lie
    board.records[at] = changed(value)
    assert two.build(run_step("one")) == built
    assert two.done == {"one": 1}
    (said,) = two.seat.refused
    assert why in said


def test_a_layer_that_cannot_be_unpacked_is_refused(machine, board):
    """Its DiffID is right, and it is no archive."""
    one, two = machine(), machine()
    one.build(run_step("one"))
    ((at, value),) = board.records.items()
    bad, diff_id = put_layer(one.store, b"no tar" * 200)
    board.blobs[bad.digest] = one.store.read(bad.digest)
    board.records[at] = {
        **value,
        "layers": [
            {
                "diff_id": diff_id,
                "descriptor": {"mediaType": bad.media_type, "digest": bad.digest, "size": bad.size},
            }
        ],
    }
    two.build(run_step("one"))
    assert two.done == {"one": 1}
    assert len(two.seat.refused) == 1


def test_what_layers_were_made_of_travels_along(machine, tmp_path):
    """For lists of what an image holds; only wheels that the plan knows."""
    one, two, three = machine(), machine(), machine()
    made = kept(wheel("x"), tmp_path / "wheels")
    install = step(resolved(replace(made, size=0)))
    one.engine.compose = lambda *_: None
    real = one.engine.run

    def run(*words):
        layer = real(*words)
        remember(one.store, layer.descriptor.digest, [made])
        return layer

    one.engine.run = run
    built = one.build(install)
    assert two.build(install) == built
    assert two.done == {}
    assert made_of(two.store, built.layers[0].descriptor.digest) == (made,)
    three.build(replace(install, resolution=resolved(kept(wheel("y"), tmp_path / "wheels"))))
    assert three.seat.refused == ["it says that other wheels were installed"]


@pytest.mark.parametrize("file", ["x-1-py3-none-any.whl", "../../x.whl"])
def test_what_was_found_in_an_image_is_believed_if_it_could_be_so(machine, board, file):
    """The plan does not know which wheels lie there; that they are called as wheels are is looked at."""
    one, two = machine(), machine()
    install = step(None)
    one.build(install)
    ((at, value),) = board.records.items()
    board.records[at] = {**value, "wheels": [[{**NAMED, "file": file}]]}
    two.build(install)
    assert bool(two.done) == bool(two.seat.refused) == file.startswith("..")


# Layers of wheels.


def made(store: Store, **files: bytes) -> LayerMade:
    """Return a layer."""
    descriptor, diff_id = put_layer(store, layer_tar(files or {"x": b"1"}))
    return LayerMade(descriptor, diff_id, 1, ())


def test_layers_of_wheels_are_shared(machine):
    """With all that is known of them."""
    one, two = machine(), machine()
    key = Digest.of(b"key")
    assert two.shared.layer(key) is None
    one.shared.made(key, made(one.store))
    assert two.shared.layer(key) == made(one.store)
    assert two.store.has(made(one.store).descriptor.digest)


@pytest.mark.parametrize("change", [{}, {"made": [1, 2]}, {"made": "x"}, None])
def test_layers_that_do_not_fit_are_refused(machine, board, change):
    """Nothing that can be read, or another DiffID."""
    one, two = machine(), machine()
    key = Digest.of(b"key")
    layer = made(one.store)
    if change is None:
        layer = replace(layer, diff_id=Digest.of(b"something else"))
    one.shared.made(key, layer)
    if change is not None:
        board.records["wheel-layer", key] = change
    assert two.shared.layer(key) is None
    assert len(two.seat.refused) == 1


# The end of a build.


def test_the_end_waits_for_what_is_written(machine):
    """After a failure of an image as well; not where the build was broken off; and nothing is opened for nothing."""
    one = machine()
    with one.shared:
        pass
    assert one.seat.ended == ""
    with one.shared:
        one.build(run_step("one"))
    assert one.seat.ended == "finished"
    with pytest.raises(BuildError), one.shared:
        raise BuildError("no")
    assert one.seat.ended == "abandoned"


def test_images_that_other_machines_built(machine):
    """From the same layers comes the same image."""
    one, two = machine(), machine()
    plans = image_plan("a", run_step("one")), image_plan("b", run_step("two"), parent="a")
    first = execute(one.store, one.engine, *plans, shared=one.shared)
    second = execute(two.store, two.engine, *plans, shared=two.shared)
    assert {name: item.digest for name, item in first.items()} == {
        name: item.digest for name, item in second.items()
    }
    assert two.done == {}
