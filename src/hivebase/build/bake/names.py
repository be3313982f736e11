"""How targets and contexts of a bake file are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hivebase.errors import UsageError
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")
_GROUP = "default"


def target_names(images: Sequence[str]) -> dict[str, str]:
    """Return the target's name for each image's name; signs that bake does not allow become ``_``.

    Raises:
        UsageError: two images would be one target.
    """
    found: dict[str, str] = {}
    owners: dict[str, str] = {}
    for image in images:
        name = _FOREIGN.sub("_", image)
        # The group of all targets is called so, and bake does not tell a group from a target.
        name = f"{name}-image" if name == _GROUP else name
        if name in owners:
            raise UsageError(
                f"the images {owners[name]!r} and {image!r} would both be the target {name!r}",
                why="a target's name has no other signs than letters, digits, _ and -",
                hint="rename a directory, or choose with --image",
            )
        owners[name] = image
        found[image] = name
    return found


def context_name(written: str) -> str:
    """Return the name of the context that the builder looks for when a Dockerfile says ``written``.

    BuildKit drops ``docker.io/library/`` and ``:latest``. ``docker build --build-context`` does the same to what it
    is given, bake does not: a context under another spelling is silently not found, and the registry is asked.

    Raises:
        UsageError: not a reference.
    """
    return Reference.parse(written).shortest.removesuffix(":latest")
