"""What a step sees at a path: its image, or the mount in front of it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from tests import archives as make
from tests.build.plans import run_step
from tests.layers.wheels.laying import stacked

from hivebase.build.stage import Built
from hivebase.build.visible import Visible
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.sources import TreeSource
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.oci.store import Store
from hivebase.plan.steps import CONTEXT, ImageSource, MountSpec

STAGE = ImageSource("stage", "0", written="build")


@pytest.fixture
def visible(tmp_path):
    """Return what a step with given mounts sees: an image, a stage and a context, each with its name in ``f``."""
    store = Store.open(tmp_path)
    indexes = Indexes(store)
    with ExitStack() as stack:
        layers = {
            name: stacked(store, make.archive(make.file("d/f", name.encode()), make.symlink("d/s", "f")))
            for name in ("image", "stage", "context")
        }
        trees = {name: stack.enter_context(indexes.tree(found)) for name, found in layers.items()}

        def run(*mounts):
            sources = {STAGE: Built(tuple(layers["stage"]), ())}
            step = run_step("x", mounts=mounts)
            return Visible(
                step, trees["image"], sources, lambda: TreeSource(trees["context"]), indexes, stack
            )

        yield run


def _read(visible, path):
    source, real, mounted = visible.find(path)
    return source.read(real).decode(), mounted


def test_the_image(visible):
    """Links are followed."""
    assert _read(visible(), "/d/f") == _read(visible(), "/d/s") == ("image", False)


def test_mounts_of_a_stage_and_of_the_context(visible):
    """From their source path; the last one that fits is in front."""
    seen = visible(MountSpec("bind", "/d", STAGE, "d"), MountSpec("bind", "/m", CONTEXT))
    assert _read(seen, "/d/f") == ("stage", True)
    assert _read(seen, "/m/d/f") == ("context", True)
    assert (
        _read(visible(MountSpec("bind", "/d", STAGE, "d"), MountSpec("bind", "/d/", CONTEXT, "d")), "/d/f")[0]
        == "context"
    )


def test_a_mount_covers_whole_names(visible):
    """``/d`` is not in front of ``/dd``."""
    seen = visible(MountSpec("bind", "/d/f2", STAGE))
    assert _read(seen, "/d/f") == ("image", False)


@pytest.mark.parametrize("kind", ["cache", "tmpfs"])
def test_what_other_mounts_hold_is_not_known(visible, kind):
    """It is run then."""
    with pytest.raises(NotComposableError, match=f"/d/f is in a mount of type {kind}"):
        visible(MountSpec(kind, "/d")).find("/d/f")
