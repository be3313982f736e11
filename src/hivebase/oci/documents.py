"""Manifests, indexes and configurations from outside, checked before anything acts on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, UsageError
from hivebase.oci import strict_json
from hivebase.oci.model import DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST, ImageConfig, Index, Manifest

if TYPE_CHECKING:
    from hivebase.oci.model import Descriptor

MANIFEST_TYPES = frozenset({MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({INDEX, DOCKER_INDEX})

_SCHEMA_VERSION = 2


def kind(data: bytes, *, what: str, announced: str = "") -> str:
    """Tell the media type of the document ``data``: a manifest's or an index's.

    Without a ``mediaType`` of its own, what it is announced as counts, and after that its form.

    Args:
        data: the document.
        what: for messages.
        announced: the media type of the descriptor or of the HTTP header, or empty.

    Raises:
        CorruptContentError: it is neither, it is both, or it says another type than announced
            (CVE-2021-41190: two readers see two images).
    """
    document = strict_json.loads(data, what=what)
    if not isinstance(document, dict):
        raise CorruptContentError(f"{what} is not a JSON object")
    has_layers = bool({"layers", "config"} & document.keys())
    has_manifests = "manifests" in document
    if has_layers == has_manifests:
        words = "both an image manifest and" if has_layers else "neither an image manifest nor"
        hint = "it must be pushed again by a tool that is not from 2015" if "fsLayers" in document else ""
        raise CorruptContentError(f"{what} is {words} an index", hint=hint)
    own = document.get("mediaType") or ""
    if not isinstance(own, str):
        raise CorruptContentError(f"{what} has a media type that is no text")
    if announced and own and own != announced:
        raise CorruptContentError(f"{what} calls itself {own[:100]!r}, but was announced as {announced!r}")
    found = own or announced or (INDEX if has_manifests else MANIFEST)
    if found not in (INDEX_TYPES if has_manifests else MANIFEST_TYPES):
        raise CorruptContentError(f"{what} has the media type {found[:100]!r}, which is not what it is")
    return found


def parse_manifest(data: bytes, *, what: str, announced: str = "") -> Manifest:
    """Parse an image manifest.

    Raises:
        CorruptContentError: it is not one, or names something that is not a digest.
    """
    _expect(kind(data, what=what, announced=announced), MANIFEST_TYPES, what)
    manifest = strict_json.decode(data, Manifest, what=what)
    _check(what, manifest.schema_version, (manifest.config, *manifest.layers))
    return manifest


def parse_index(data: bytes, *, what: str, announced: str = "") -> Index:
    """Parse an image index (a manifest list).

    Raises:
        CorruptContentError: it is not one, or names something that is not a digest.
    """
    _expect(kind(data, what=what, announced=announced), INDEX_TYPES, what)
    index = strict_json.decode(data, Index, what=what)
    _check(what, index.schema_version, index.manifests)
    return index


def parse_config(data: bytes, *, what: str) -> ImageConfig:
    """Parse an image configuration.

    Raises:
        CorruptContentError: it is not one, or a DiffID is not a digest.
    """
    config = strict_json.decode(data, ImageConfig, what=what)
    for diff_id in config.rootfs.diff_ids:
        _digest(diff_id, what)
    return config


def named_by(data: bytes) -> list[str]:
    """Return the digests that ``data`` names if it is a manifest or an index, else nothing."""
    try:
        if kind(data, what="the document") in INDEX_TYPES:
            return [entry.digest for entry in parse_index(data, what="the document").manifests]
        manifest = parse_manifest(data, what="the document")
    except CorruptContentError:
        return []
    return [manifest.config.digest, *(layer.digest for layer in manifest.layers)]


def _expect(found: str, wanted: frozenset[str], what: str) -> None:
    if found not in wanted:
        raise CorruptContentError(f"{what} is of the wrong kind", why=f"its media type is {found}")


def _check(what: str, schema_version: int, descriptors: tuple[Descriptor, ...]) -> None:
    if schema_version != _SCHEMA_VERSION:
        raise CorruptContentError(f"{what} has schemaVersion {schema_version}, expected {_SCHEMA_VERSION}")
    for descriptor in descriptors:
        _digest(descriptor.digest, what)
        if descriptor.size < 0:
            raise CorruptContentError(f"{what} names a blob of negative size", where=descriptor.digest)


def _digest(text: str, what: str) -> None:
    try:
        Digest.parse(text)
    except UsageError as error:
        raise CorruptContentError(f"{what} names something that is not a digest", why=error.what) from error
