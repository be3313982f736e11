"""The files that a step sees: its image, with the mounts in front of it."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from hivebase.layers.sources import TreeSource
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.plan.files import follow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from hivebase.build.stage import Built
    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.layers.sources import Source
    from hivebase.plan.steps import ImageSource, RunStep


class Visible:
    """Finds the source of each path.

    Args:
        step: has the mounts.
        tree: of the image.
        sources: stages and images that mounts come from.
        context: opens the build context.
        indexes: show stages and images.
        stack: keeps what is opened.
    """

    def __init__(
        self,
        step: RunStep,
        tree: IndexedTree,
        sources: Mapping[ImageSource, Built],
        context: Callable[[], Source],
        indexes: Indexes,
        stack: ExitStack,
    ) -> None:
        self._step = step
        self._image = TreeSource(tree, "the image")
        self._sources = sources
        self._context = context
        self._indexes = indexes
        self._stack = stack
        self._opened: dict[ImageSource, Source] = {}

    def find(self, path: str) -> tuple[Source, str, bool]:
        """Return where the absolute ``path`` is: a source, the real path in it, and whether that is a mount.

        Raises:
            NotComposableError: it is in a mount whose files are not known.
        """
        for mount in reversed(self._step.mounts):
            target = mount.target.rstrip("/")
            if not target or not (path == target or path.startswith(target + "/")):
                continue
            if mount.type != "bind" or mount.source is None:
                raise NotComposableError(f"{path} is in a mount of type {mount.type}")
            source = self._open(mount.source)
            inside = posixpath.normpath(f"/{mount.source_path}/{path[len(target) :]}").lstrip("/")
            return source, follow(source, inside), True
        return self._image, follow(self._image, path.lstrip("/")), False

    def _open(self, where: ImageSource) -> Source:
        if where not in self._opened:
            if where.kind == "context":
                self._opened[where] = self._context()
            else:
                tree = self._stack.enter_context(self._indexes.tree(self._sources[where].layers))
                self._opened[where] = TreeSource(tree, where.written)
        return self._opened[where]
