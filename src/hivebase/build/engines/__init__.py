"""Engines that are not ours: they build whole images from the same plan (docs/decisions/0008)."""

from __future__ import annotations

from typing import Literal, get_args

ForeignName = Literal["docker", "buildah", "buildx"]
"""Docker and buildah of this machine, and whatever BuildKit its buildx reaches."""

EngineName = Literal["embedded", ForeignName]
"""What builds: our own, or one of those."""

FOREIGN: tuple[str, ...] = get_args(ForeignName)
"""The names, for people to choose from."""
