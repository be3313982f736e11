"""Each layer is made once, whoever asks, and never again where it is kept."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

import pytest
from tests.layers.wheels.laying import Kept, kept, scheme
from tests.wheels import wheel

from hivebase.errors import BuildError, CorruptContentError, InterruptedByUserError
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.groups import Group
from hivebase.layers.wheels.jobs import LayerMade, Place, Requested
from hivebase.layers.wheels.made_of import made_of
from hivebase.layers.wheels.maker import LayerMaker
from hivebase.oci.store import Store
from hivebase.values import replace

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.digest import Digest


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


@pytest.fixture
def files(tmp_path):
    """Wheel files that are there."""
    return Kept(tmp_path / "wheels")


def _group(files, *wheels):
    return Group("a group", tuple(kept(made, files.directory) for made in wheels))


def _make(maker, group, places, compiler):
    (coming,) = maker.make([group], scheme(), places, 7, compiler, {})
    return coming


class _Compiler:
    """Compiles to nothing, and counts."""

    def __init__(self, path):
        self.path = path
        self.names = []
        self.started = 0

    def start(self):
        self.started += 1

    def compile(self, key, wheel, scheme, name, epoch):
        self.names.append(name)
        self.path.write_bytes(b"")
        future: Future[Path] = Future()
        future.set_result(self.path)
        return future


def test_once_for_all_who_ask(store, files):
    """At the same time, or later in another build."""
    group = _group(files, wheel("x"))
    with LayerMaker(store, Indexes(store), files) as maker:
        futures = [_make(maker, group, (), None) for _ in range(3)]
        (made,) = {id(future.result()): future.result() for future in futures}.values()
    with LayerMaker(store, Indexes(store), files) as maker:
        assert _make(maker, group, (), None).result() == made
    assert files.asked == ["x"]


def test_another_image_is_another_layer(store, files):
    """Where its directories differ."""
    group = _group(files, wheel("x"))
    with LayerMaker(store, Indexes(store), files) as maker:
        one, two = (
            _make(maker, group, places, None).result().diff_id for places in ((), (Place("usr", 0o700),))
        )
    assert one != two


def test_bytecode_of_wheels_that_share_a_layer_is_kept(store, files, tmp_path):
    """One of them changes, and the other is not compiled again."""
    compiler: Any = _Compiler(tmp_path / "bytecode")
    with LayerMaker(store, Indexes(store), files) as maker:
        for versions in ("12", "13"):
            group = _group(
                files, *(wheel(name, version) for name, version in zip("xy", versions, strict=True))
            )
            _make(maker, group, (), lambda: compiler).result()
    assert compiler.names == ["x", "y", "y"]


def test_the_compiler_is_started_only_for_what_has_to_be_compiled(store, files, tmp_path):
    """Not where all bytecode is kept and another layer is made of it."""
    compiler: Any = _Compiler(tmp_path / "bytecode")
    group = _group(files, wheel("x"), wheel("y"))
    with LayerMaker(store, Indexes(store), files) as maker:
        for mode in (0o755, 0o700):
            _make(maker, group, (Place("usr", mode),), lambda: compiler).result()
    assert (compiler.started, compiler.names) == (1, ["x", "y"])


def test_a_failure_is_told_to_all(store, files):
    """And a layer that was not made is not kept."""
    group = _group(files, wheel("x", "1", {"x.py": "1"}).replacing("x.py", data=b"2"))
    with LayerMaker(store, Indexes(store), files) as maker:
        for _ in range(2):
            with pytest.raises(CorruptContentError):
                _make(maker, group, (), None).result()
    assert list(maker.kept.blobs()) == []


def test_a_compiler_that_fails(store, files):
    """Is the layer's failure."""

    def compiler():
        raise BuildError("no interpreter")

    with LayerMaker(store, Indexes(store), files) as maker, pytest.raises(BuildError, match="no interpreter"):
        _make(maker, _group(files, wheel("x")), (), compiler).result()


def test_several_in_their_order(store, files):
    """However long each takes; with receipts they are other layers."""
    groups = [
        _group(files, wheel(name, "1", {f"{name}.py": "1" * size})) for name, size in (("a", 1), ("b", 99999))
    ]
    with LayerMaker(store, Indexes(store), files) as maker:
        plain = [future.result() for future in maker.make(groups, scheme(), (), 7, None, {})]
        asked = {name: Requested(itself=True) for name in "ab"}
        whole = [future.result() for future in maker.make(groups, scheme(), (), 7, None, asked)]
    assert [made.wheels[0].name for made in plain] == ["a", "b"]
    assert not {made.diff_id for made in plain} & {made.diff_id for made in whole}


def test_who_waits_for_what_is_closed_is_told(store, files):
    """Nothing hangs when a build is broken off."""
    held, going = threading.Event(), threading.Event()

    def compiler():
        going.set()
        held.wait(30)
        raise BuildError("too late")

    with LayerMaker(store, Indexes(store), files) as maker:
        (future,) = maker.make([_group(files, wheel("x"))], scheme(), (), 7, compiler, {})
        assert going.wait(30)
    with pytest.raises(CancelledError):
        future.result(5)
    held.set()


# Layers of other machines.


class _Elsewhere:
    """What another machine has, and what it is told."""

    def __init__(self, store, source):
        self.store = store
        self.source = source
        self.layers: dict[Digest, LayerMade] = {}
        self.refused: list[str] = []

    def layer(self, key):
        found = self.layers.get(key)
        if found is not None and not self.store.has(found.descriptor.digest):
            self.store.put(self.source.read(found.descriptor.digest))
        return found

    def made(self, key, made):
        self.layers[key] = made

    def refuse(self, key, why):
        self.refused.append(why)


@pytest.fixture
def elsewhere(store, tmp_path):
    """Another machine's layers, for this store."""
    return _Elsewhere(store, Store.open(tmp_path / "other"))


def _two_groups(files):
    return [_group(files, wheel("a")), _group(files, wheel("b"))]


def _made_there(elsewhere, groups, files):
    """Let the other machine make layers."""
    with LayerMaker(elsewhere.source, Indexes(elsewhere.source), files, elsewhere=elsewhere) as maker:
        made = [future.result() for future in maker.make(groups, scheme(), (), 7, None, {})]
    files.asked.clear()
    return made


def test_what_another_machine_made_is_not_made(store, files, elsewhere):
    """No wheel is needed for it; and it is kept, with what it was made of."""
    groups = _two_groups(files)
    there = _made_there(elsewhere, groups, files)
    with LayerMaker(store, Indexes(store), files, elsewhere=elsewhere) as maker:
        assert [future.result() for future in maker.make(groups, scheme(), (), 7, None, {})] == there
    assert files.asked == []
    assert made_of(store, there[0].descriptor.digest) == groups[0].wheels
    with LayerMaker(store, Indexes(store), files) as maker:
        assert [future.result() for future in maker.make(groups, scheme(), (), 7, None, {})] == there
    assert files.asked == []


def test_only_what_is_missing_elsewhere_is_made(store, files, elsewhere, tmp_path):
    """And shared; nothing is compiled for the others."""
    groups = _two_groups(files)
    there = _made_there(elsewhere, groups[:1], files)
    compiler: Any = _Compiler(tmp_path / "bytecode")
    with LayerMaker(store, Indexes(store), files, elsewhere=elsewhere) as maker:
        first, second = (future.result() for future in maker.make(groups, scheme(), (), 7, None, {}))
        maker.make(groups[:1], scheme(), (), 7, lambda: compiler, {})[0].result()
    assert [first] == there
    assert files.asked == ["b", "a"]
    assert second in elsewhere.layers.values()
    assert compiler.names == ["a"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"dist_info": "/etc/a-1.dist-info"},
        {"dist_info": "/usr/local/lib/python3.11/dist-packages/../../a-1.dist-info"},
        {"dist_info": "/usr/local/lib/python3.11/dist-packages/b-1.dist-info"},
        {"dist_info": "/usr/local/lib/python3.11/dist-packages/a-1"},
        {"requested": (0, 1 << 20)},
        {"requested": (-1, 1)},
        None,
    ],
)
def test_what_is_said_of_other_wheels_is_refused(store, files, elsewhere, change):
    """Receipts would be written where it says; it is made here."""
    (group, _) = _two_groups(files)
    (there,) = _made_there(elsewhere, [group], files)
    wheels = () if change is None else (replace(there.wheels[0], **change),)
    elsewhere.layers = dict.fromkeys(elsewhere.layers, replace(there, wheels=wheels))
    with LayerMaker(store, Indexes(store), files, elsewhere=elsewhere) as maker:
        assert _make(maker, group, (), None).result() == there
    assert elsewhere.refused == ["what it says of its wheels is of others"]
    assert files.asked == ["a"]


def test_looking_elsewhere_may_be_broken_off(store, files, elsewhere):
    """Who waits for that layer is told; the other ones are made."""
    groups = _two_groups(files)
    stopped: list[int] = []

    def layer(_):
        if not stopped:
            stopped.append(1)
            raise InterruptedByUserError("stop")

    elsewhere.layer = layer
    with LayerMaker(store, Indexes(store), files, elsewhere=elsewhere) as maker:
        ends = [future.exception() for future in maker.make(groups, scheme(), (), 7, None, {})]
    assert sorted(type(end).__name__ for end in ends) == ["InterruptedByUserError", "NoneType"]


def test_many_looks_do_not_wait_for_each_other(store, files, elsewhere):
    """More than there are threads, each begun before the first has ended."""
    groups = [_group(files, wheel("x", str(number))) for number in range(1, 40)]
    with LayerMaker(store, Indexes(store), files, elsewhere=elsewhere) as maker:
        coming = [maker.make([group], scheme(), (), 7, None, {})[0] for group in groups]
        assert len({future.result(60).diff_id for future in coming}) == len(groups)
