"""A step done on a real overlay: what tests of differs start from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.hostile.trees import rows, unpack
from tests.layers.blobs import Blobs

from hivebase.layers.diff import layer_from_upper
from hivebase.layers.layer import LayerWriter
from hivebase.layers.tree import StackedTree

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from hivebase.layers.layer import Layer

EPOCH = 1_700_000_000
OPTIONS = "redirect_dir=off,metacopy=off,index=off"


@dataclass
class Step:
    """A mounted overlay over unpacked archives.

    ::

        step = Step(tmp_path, archive(...))
        step.run("rm /etc/x")           # a shell's script, or a function of the mount point
        layer, merged = step.commit()   # merged: what the mount showed, without times later than the epoch
    """

    where: Path
    archives: tuple[bytes, ...]
    options: str = OPTIONS
    blobs: Blobs = field(default_factory=Blobs)

    def __post_init__(self) -> None:
        self.tree, self.lowers = unpack(self.where / "lower", *self.archives)
        self.upper, self.work, self.mount = (self.where / name for name in ("upper", "work", "mount"))
        for directory in (self.upper, self.work, self.mount):
            directory.mkdir()

    def run(self, action: str | Callable[[Path], object]) -> list[str]:
        """Do ``action`` in the overlay; return what is there afterwards."""
        lowers = ":".join(str(path) for path in reversed(self.lowers))
        options = f"lowerdir={lowers},upperdir={self.upper},workdir={self.work},{self.options}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.mount], check=True)
        try:
            if isinstance(action, str):
                subprocess.run(["sh", "-euc", action], cwd=self.mount, check=True)
            else:
                action(self.mount)
            return rows(StackedTree([self.mount]), times=False)
        finally:
            subprocess.run(["umount", self.mount], check=True)

    def commit(self, *, ignore: Collection[str] = ()) -> Layer | None:
        """Make a layer of the changes."""
        with LayerWriter(self.blobs, EPOCH) as writer:
            layer_from_upper(self.upper, self.tree, writer, ignore=ignore)
            return writer.finish()

    def names(self, *, ignore: Collection[str] = ()) -> list[str]:
        """Make a layer of the changes; return the names in it."""
        layer = self.commit(ignore=ignore)
        return [entry.name for entry, _ in self.blobs.entries(layer)] if layer else []

    def unpacked(self, layer: Layer) -> tuple[StackedTree, Path]:
        """Return the lower layers with the committed one unpacked over them, and its directory."""
        _, directories = unpack(self.where / "again", *self.archives, self.blobs.tar(layer))
        return StackedTree(directories), directories[-1]
