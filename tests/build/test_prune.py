"""What prune removes, and what it leaves: nothing that a name, a cached step or another process uses."""

from __future__ import annotations

import pytest
from tests.build.plans import FakeEngine, execute, image_plan, reference, run_step

from hivebase.build.prune import prune
from hivebase.build.scratch import scratch
from hivebase.layers.snapshots import Snapshots
from hivebase.layers.wheels.made_of import made_of, remember
from hivebase.oci.store import Store
from hivebase.plan.wheels import LockedWheel

WHEEL = LockedWheel("x", "1", "x-1-py3-none-any.whl", "0" * 64)


@pytest.fixture
def store(tmp_path):
    """A store with an image that was built twice, an unpacked layer, and blobs that nothing needs."""
    store = Store.open(tmp_path / "store")
    engine = FakeEngine(store, fickle=frozenset({"two"}))
    plan = image_plan("app", run_step("one"), run_step("two"))
    execute(store, engine, plan)
    execute(store, engine, plan, forced=frozenset({"app"}))
    image = store.image(reference("app"))
    with Snapshots(store) as snapshots:
        snapshots.directories(image.manifest.layers, image.config.rootfs.diff_ids)
    return store


def _blobs(store):
    return set(store.blobs.digests())


def test_what_nothing_uses_goes(store):
    """The image of the first time goes, the second one, whose steps are remembered, stays whole."""
    image = store.image(reference("app"))
    removed = prune(store, everything=False, dry_run=False)
    assert _blobs(store) == {
        image.descriptor.digest,
        image.manifest.config.digest,
        *(layer.digest for layer in image.manifest.layers),
    }
    assert {"2 unpacked layers", "3 unused blobs"} <= {what for what, _ in removed.items}
    assert removed.total > 0
    assert removed.kept == ()
    assert prune(store, everything=False, dry_run=False).items == ()
    assert store.check() == []


def test_a_dry_run_only_tells(store):
    """The same items, and nothing is gone."""
    before = _blobs(store)
    told = prune(store, everything=False, dry_run=True)
    assert _blobs(store) == before
    assert len(Snapshots(store).usage()) == 2
    assert prune(store, everything=False, dry_run=False).items == told.items


def test_steps_are_kept_without_their_image(store):
    """A cached step is worth something by itself; with everything, it goes too."""
    store.untag(reference("app"))
    prune(store, everything=False, dry_run=False)
    assert len(_blobs(store)) == 2
    assert prune(store, everything=True, dry_run=True).items[-1][0] == "2 unused blobs"
    prune(store, everything=True, dry_run=False)
    assert _blobs(store) == set()
    assert list(store.records("step")) == []


def test_everything_leaves_the_images_that_have_a_name(store):
    """The next build does all again, and what is there can be used meanwhile."""
    prune(store, everything=True, dry_run=False)
    assert store.check() == []
    engine = FakeEngine(store)
    execute(store, engine, image_plan("app", run_step("one"), run_step("two")))
    assert engine.times == {"one": 1, "two": 1}


def test_s5_what_another_process_uses_is_kept_and_told(store):
    """Unpacked layers as a whole, leased blobs one by one; the rest is removed."""
    # Of the three blobs that nothing names the layer: the manifest would keep the other two with it.
    (lost,) = (blob for blob in _blobs(store) - set(_named(store)) if not store.read(blob).startswith(b"{"))
    other = Store.open(store.root)
    with Snapshots(other) as snapshots, other.lease(), scratch(other) as work:
        image = other.image(reference("app"))
        snapshots.directories(image.manifest.layers, image.config.rootfs.diff_ids)
        assert other.has(lost)
        removed = prune(store, everything=False, dry_run=False)
        assert "2 unused blobs" in {what for what, _ in removed.items}
        assert not any("unpacked" in what for what, _ in removed.items)
        assert removed.kept == (
            "2 unpacked layers: another hivebase process is building or running an image",
        )
        assert other.has(lost)
        assert work.is_dir()
        assert len(snapshots.usage()) == 2
    rest = prune(store, everything=False, dry_run=False)
    assert [what for what, _ in rest.items] == ["2 unpacked layers", "1 unused blobs"]


def _named(store):
    image = store.image(reference("app"))
    yield from (image.descriptor.digest, image.manifest.config.digest)
    yield from (layer.digest for layer in image.manifest.layers)


def test_what_layers_were_made_of(store):
    """Is remembered as long as the layer is there, also where all steps are forgotten."""
    (kept, *_) = store.image(reference("app")).manifest.layers
    gone = store.put(b"a layer that nothing names")
    for blob in (kept.digest, gone):
        remember(store, blob, [WHEEL])
    prune(store, everything=True, dry_run=True)
    assert made_of(store, gone) == (WHEEL,)
    prune(store, everything=True, dry_run=False)
    assert made_of(store, kept.digest) == (WHEEL,)
    assert made_of(store, gone) == ()
