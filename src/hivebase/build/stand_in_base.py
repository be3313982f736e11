"""Makes a stand-in base image: bootstraps, dresses, and stores it as one layer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.build.epoch import DEFAULT, rfc3339
from hivebase.build.scratch import scratch
from hivebase.layers.bootstrap.debian import bootstrap
from hivebase.layers.bootstrap.dress import dress
from hivebase.layers.bootstrap.recipe import FORMAT, recipe_for
from hivebase.layers.diff import layer_from_upper
from hivebase.layers.layer import LayerWriter
from hivebase.layers.tree import StackedTree
from hivebase.oci.annotations import CREATED, STAND_IN_FORMAT, STAND_INS
from hivebase.oci.model import History, ImageConfig, RootFS, RunConfig
from hivebase.oci.platforms import host_platform
from hivebase.progress import Event, Listener

if TYPE_CHECKING:
    from hivebase.layers.bootstrap.recipe import Recipe
    from hivebase.layers.layer import Layer
    from hivebase.layers.snapshots import Snapshots
    from hivebase.oci.model import Descriptor, Platform
    from hivebase.oci.store import Store
    from hivebase.reference import Reference


@dataclass(frozen=True, slots=True)
class StandInBases:
    """Makes stand-ins; implements :class:`hivebase.build.bases.StandInMaker`."""

    store: Store
    snapshots: Snapshots
    listener: Listener

    def __call__(self, reference: Reference, platform: Platform, /) -> Descriptor | None:
        """Return the manifest of a stand-in for ``reference``, now in the store; None if there is no recipe.

        Raises:
            SystemFaultError: not root, a tool is missing, or the mirror cannot be reached.
            BuildError: the bootstrap failed.
        """
        recipe = recipe_for(reference)
        if recipe is None or (platform.os, platform.architecture) != _native():
            return None
        started = time.monotonic()
        self.listener(Event(recipe.name, "started", f"bootstrapping a stand-in from Debian {recipe.suite}"))
        layer = self._layer(recipe)
        # The constant, not the commit's time: a commit must not make another base of the same packages.
        created = rfc3339(DEFAULT)
        by = f"hivebase stand-in {FORMAT}: {recipe.suite} {' '.join(recipe.packages)}"
        config = ImageConfig(
            architecture=platform.architecture,
            os=platform.os,
            variant=platform.variant,
            created=created,
            config=RunConfig(env=recipe.env, cmd=recipe.cmd, labels={STAND_INS: recipe.name}),
            rootfs=RootFS(diff_ids=(layer.diff_id,)),
            history=(History(created=created, created_by=by, comment="hivebase"),),
        )
        descriptor = self.store.put_image(
            config, [layer.descriptor], annotations={CREATED: created, STAND_IN_FORMAT: str(FORMAT)}
        )
        self.listener(
            Event(
                recipe.name,
                "done",
                "made a stand-in; it is not the official image",
                seconds=time.monotonic() - started,
            )
        )
        return descriptor

    def _layer(self, recipe: Recipe) -> Layer:
        with scratch(self.store) as work:
            root = work / "root"
            bootstrap(recipe, root, DEFAULT, lambda line: self.listener(Event(recipe.name, "log", line)))
            dress(root, recipe)
            with LayerWriter(self.store, DEFAULT) as writer:
                layer_from_upper(root, StackedTree([]), writer)
                layer = writer.finish()
            assert layer is not None  # noqa: S101 -- a bootstrapped tree is never empty
            self.snapshots.adopt(root, layer.diff_id)
            return layer


def _native() -> tuple[str, str]:
    platform = host_platform()
    return platform.os, platform.architecture
