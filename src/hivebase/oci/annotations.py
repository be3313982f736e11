"""Names of the annotations and labels that hivebase reads and writes (image-spec, "Annotations")."""

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
CREATED = "org.opencontainers.image.created"
VERSION = "org.opencontainers.image.version"

STAND_INS = "io.hivebase.stand-ins"
"""Label: comma-separated names of what in the image is not the official content."""
