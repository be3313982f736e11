"""The documents of an OCI image (image-spec 1.1) as immutable structs, and their canonical JSON.

Docker's extensions that BuildKit also writes (``Healthcheck``, ``OnBuild``, ``Shell``) are part of the
config.
"""

from __future__ import annotations

import msgspec

from hivebase.digest import Digest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

REF_NAME = "org.opencontainers.image.ref.name"


class Platform(msgspec.Struct, frozen=True, omit_defaults=True, rename={"os_version": "os.version"}):
    """Operating system and architecture in Go's words (``linux``, ``amd64``)."""

    architecture: str
    os: str
    variant: str = ""
    os_version: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A pointer to content: media type, digest, size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] = {}
    urls: tuple[str, ...] = ()
    platform: Platform | None = None
    artifact_type: str = ""


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True):
    """An image manifest."""

    schema_version: int = msgspec.field(name="schemaVersion")
    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}


class Index(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True):
    """An image index (a manifest list)."""

    schema_version: int = msgspec.field(name="schemaVersion")
    media_type: str = ""
    manifests: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}


class Health(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """A health check; durations in nanoseconds.

    ``test`` is ``["NONE"]``, ``["CMD", …]`` or ``["CMD-SHELL", text]``.
    """

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class RunConfig(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """The ``config`` object: how a container of this image starts. ``env`` entries are ``NAME=value``."""

    user: str = ""
    exposed_ports: dict[str, dict[str, str]] = {}
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    healthcheck: Health | None = None
    volumes: dict[str, dict[str, str]] = {}
    working_dir: str = ""
    labels: dict[str, str] = {}
    stop_signal: str = ""
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """Return ``env`` as a mapping: the last entry of a name wins, entries without ``=`` are left out."""
        return dict(entry.split("=", 1) for entry in self.env if "=" in entry)


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of history; ``created`` is RFC 3339."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class RootFS(msgspec.Struct, frozen=True):
    """The DiffIDs, lowest layer first."""

    type: str = "layers"
    diff_ids: tuple[str, ...] = ()


class ImageConfig(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An image configuration."""

    architecture: str
    os: str
    variant: str = ""
    created: str = ""
    author: str = ""
    config: RunConfig = RunConfig()
    rootfs: RootFS = msgspec.field(default_factory=RootFS)  # a factory, so that it is always written
    history: tuple[History, ...] = ()

    @property
    def platform(self) -> Platform:
        """The platform this image runs on."""
        return Platform(architecture=self.architecture, os=self.os, variant=self.variant)


def canonical_json(document: object) -> bytes:
    """Encode ``document`` as UTF-8 JSON with sorted keys and no spaces: equal values, equal bytes."""
    return msgspec.json.encode(document, order="deterministic", enc_hook=_plain)


def _plain(value: object) -> str:
    """Turn a ``Digest`` into the plain string that it is: msgspec takes no subclasses of str."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"not part of a JSON document: {type(value).__name__}")


def chain_ids(diff_ids: tuple[str, ...]) -> tuple[Digest, ...]:
    """Return the ChainID of each layer, lowest first (image-spec, "Layer ChainID")."""
    chain: list[Digest] = []
    for diff_id in diff_ids:
        chain.append(Digest.of(f"{chain[-1]} {diff_id}".encode()) if chain else Digest.parse(diff_id))
    return tuple(chain)
