"""What planning knows of the Python side of a tree, without looking into it."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import msgspec

from hivebase.plan.steps import ReadFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hivebase.digest import Digest
    from hivebase.plan.pythons import Python
    from hivebase.plan.select import Selected
    from hivebase.plan.steps import CopyStep

MAX_TEXT = 16 << 20
"""Bytes of the longest requirement file that is read."""


class KnownFile(msgspec.Struct, frozen=True):
    """A file of the image that a build context has.

    Attributes:
        digest: of its content.
        read: returns the content.
    """

    digest: Digest
    read: Callable[[], bytes]


class Site(msgspec.Struct, frozen=True):
    """Immutable; each step gives a new one.

    Attributes:
        python: the interpreter of the base; None when it has none, or none that is known.
        installed: versions by normalised name.
        files: by absolute path in the image; what is not listed may exist all the same.
    """

    python: Python | None = None
    installed: Mapping[str, str] = {}
    files: Mapping[str, KnownFile] = {}

    def copied(
        self, step: CopyStep, items: Iterable[Selected], known: Callable[[Selected], KnownFile | None]
    ) -> Site:
        """Return the site after ``step`` has copied ``items``."""
        files = dict(self.files)
        for item in items:
            if item.fact.kind != "file" or item.fact.size > MAX_TEXT:
                continue
            found = known(item)
            if found is None:
                continue
            files[posixpath.join(step.destination, item.destination)] = found
            if item.top and not step.destination.endswith("/"):
                # Unless it is a directory, which the tree alone knows; the builder looks.
                files[step.destination] = found
        return msgspec.structs.replace(self, files=files)

    def with_installed(self, versions: Mapping[str, str]) -> Site:
        """Return the site after these were installed."""
        return msgspec.structs.replace(self, installed={**self.installed, **versions})

    def text(self, path: str) -> tuple[str, ReadFile] | None:
        """Return the text of a file of the image, or None when it is not known here or not UTF-8."""
        found = self.files.get(path)
        if found is None:
            return None
        try:
            return found.read().decode("utf-8-sig"), ReadFile(path, found.digest)
        except UnicodeDecodeError:
            return None
