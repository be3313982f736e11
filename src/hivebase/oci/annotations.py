"""Names of the annotations and labels that hivebase reads and writes (image-spec, "Annotations")."""

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
CREATED = "org.opencontainers.image.created"
VERSION = "org.opencontainers.image.version"

STAND_INS = "io.hivebase.stand-ins"
"""Label: comma-separated names of what in the image is not the official content."""

STAND_IN_FORMAT = "io.hivebase.stand-ins.format"
"""Annotation of a bootstrapped base: the version of the way in which it was made."""
