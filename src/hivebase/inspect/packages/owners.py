"""Whose each regular file of a tree is: the first of those who list it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hivebase.errors import BuildError
from hivebase.layers.tree import resolve

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from hivebase.layers.tree import Lookup

_BYTECODE = re.compile(
    r"(?P<directory>.*)__pycache__/(?P<module>[^/]+?)\.[^./]+(?:\.opt-[0-9]+)?\.pyc\Z", re.DOTALL
)


class Owners:
    """Takes claims; the earlier one wins.

    Args:
        tree: the image.
        files: paths of its regular files.

    Attributes:
        found: id of the owner by path.
    """

    def __init__(self, tree: Lookup, files: Container[str]) -> None:
        self.found: dict[str, str] = {}
        self._tree = tree
        self._files = files
        self._steps: dict[str, str | None] = {}
        self._directories: dict[str, str | None] = {}

    def claim(self, owner: str, paths: Iterable[str]) -> None:
        """Let ``owner`` have those of ``paths`` (absolute, normal) that are files and have no owner yet."""
        for path in paths:
            real = self.real(path)
            if real is not None:
                self.found.setdefault(real, owner)

    def real(self, path: str) -> str | None:
        """Return the file that an absolute path leads to, links in its directory followed; None if there is none."""
        literal = path[1:]
        if literal in self._files:
            return literal
        directory, _, name = literal.rpartition("/")
        if directory not in self._directories:
            self._directories[directory] = self._directory(directory)
        where = self._directories[directory]
        if where is None:
            return None
        real = f"{where}/{name}".lstrip("/")
        return real if real in self._files else None

    def _directory(self, path: str) -> str | None:
        # From the top, so that a list of long paths to nowhere costs nothing.
        here = ""
        for name in filter(None, path.split("/")):
            step = f"{here}/{name}".lstrip("/")
            if step not in self._steps:
                self._steps[step] = self._step(step)
            found = self._steps[step]
            if found is None:
                return None
            here = found
        return here

    def _step(self, path: str) -> str | None:
        try:
            real = resolve(self._tree, path)
        except BuildError:  # a circle of links
            return None
        entry = self._tree.lstat(real)
        return real if entry is not None and entry.kind == "dir" else None

    def bytecode(self, files: Iterable[str]) -> None:
        """Give bytecode that nobody lists to the owner of its module: uv and Debian's packages list none."""
        for path in files:
            if path.endswith(".pyc") and path not in self.found:
                match = _BYTECODE.match(path)
                owner = self.found.get(f"{match['directory']}{match['module']}.py") if match else None
                if owner is not None:
                    self.found[path] = owner
