"""Names of the annotations and labels that hivebase reads and writes (image-spec, "Annotations")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
CREATED = "org.opencontainers.image.created"
TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"

STAND_INS = "io.hivebase.stand-ins"
"""Label: comma-separated names of what in the image is not the official content."""

STAND_IN_FORMAT = "io.hivebase.stand-ins.format"
"""Annotation of a bootstrapped base: the version of the way in which it was made."""


def stand_ins_of(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return what in an image with these labels is not the official content."""
    return tuple(filter(None, labels.get(STAND_INS, "").split(",")))
