"""What an entry of the shared cache says. Pure.

An entry is a manifest of our own artifact type. Its configuration names the namespace and the key that it is for, so
nothing becomes an entry by lying under the right tag; and it says the rest: the record and the blobs that belong to it,
which are the manifest's layers. Whoever has the secret of the cache finds a seal in it, an HMAC over all of that.

Source: image-spec 1.1, "Guidelines for Artifact Usage".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.oci import strict_json
from hivebase.oci.model import MANIFEST, Descriptor, Manifest, canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.transport import Secret

ARTIFACT = "application/vnd.hivebase.cache-entry.v1"
"""The artifact type."""

CONFIG = "application/vnd.hivebase.cache-entry.config.v1+json"
"""Media type of the configuration."""

FORMAT = 1
"""Raise it whenever the same entry would mean something else."""

MAX_CONFIG = strict_json.MAX_BYTES
"""Bytes of a configuration; a layer of wheels with ten thousand files has half of that."""

# An artifact has one layer at least; this one stands for none.
_EMPTY = "application/vnd.oci.empty.v1+json"
_NOTHING = b"{}"
_NAMESPACE = re.compile(r"[a-z]+(?:-[a-z]+)*\Z", re.ASCII)


class Entry(msgspec.Struct, frozen=True):
    """One result.

    Attributes:
        namespace: what kind of result.
        key: what it depends on.
        value: the record, anything that is JSON.
        blobs: what belongs to it; media type, digest and size alone.
    """

    namespace: str
    key: Digest
    value: dict[str, Any]
    blobs: tuple[Descriptor, ...]

    @property
    def tag(self) -> str:
        """What it is found by."""
        return tag_of(self.namespace, self.key)


class _Blob(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    media_type: str
    digest: str
    size: int


class _Document(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    format: int
    namespace: str
    key: str
    value: dict[str, Any]
    blobs: tuple[_Blob, ...]
    seal: str = ""


class Written(msgspec.Struct, frozen=True):
    """An entry as it lies in a registry.

    Attributes:
        manifest: bytes.
        config: bytes.
        small: what has to be sent beside the blobs of the entry: the configuration, and what stands for no blobs.
    """

    manifest: bytes
    config: bytes
    small: tuple[tuple[Descriptor, bytes], ...]


def tag_of(namespace: str, key: Digest) -> str:
    """Return the tag of the entry for ``key``."""
    if not _NAMESPACE.match(namespace):
        raise ValueError(f"not a namespace of entries: {namespace!r}")
    return f"cache-{namespace}-{key.hex}"


def write(entry: Entry, secret: Secret | None) -> Written:
    """Return the documents of ``entry``, sealed if there is a secret."""
    blobs = tuple(_Blob(blob.media_type, blob.digest, blob.size) for blob in entry.blobs)
    document = _Document(FORMAT, entry.namespace, entry.key, entry.value, blobs)
    if secret is not None:
        document = msgspec.structs.replace(document, seal=_seal(document, secret))
    config = canonical_json(document)
    small = [(Descriptor(CONFIG, Digest.of(config), len(config)), config)]
    layers: Sequence[Descriptor] = _descriptors(blobs)
    if not layers:
        small.append((Descriptor(_EMPTY, Digest.of(_NOTHING), len(_NOTHING)), _NOTHING))
        layers = [small[1][0]]
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST,
        artifact_type=ARTIFACT,
        config=small[0][0],
        layers=tuple(layers),
    )
    return Written(canonical_json(manifest), config, tuple(small))


def config_of(manifest: Manifest) -> Descriptor:
    """Return where the configuration of an entry is.

    Raises:
        CorruptContentError: the manifest is not that of an entry.
    """
    config = manifest.config
    if manifest.artifact_type != ARTIFACT or config.media_type != CONFIG:
        raise CorruptContentError("it is no entry of a cache")
    if config.size > MAX_CONFIG:
        raise CorruptContentError(f"its configuration has more than {MAX_CONFIG} bytes")
    return config


def read(
    manifest: Manifest, config: bytes, namespace: str, key: Digest, secret: Secret | None, *, most: int
) -> Entry:
    """Return the entry that the documents say, which is for ``namespace`` and ``key``.

    Args:
        manifest: of the entry.
        config: bytes of what `config_of` returned, verified.
        namespace: that was asked for.
        key: that was asked for.
        secret: with one, only what carries its seal is an entry.
        most: blobs that it may have.

    Raises:
        CorruptContentError: they say anything else.
    """
    document = strict_json.decode(config, _Document, what="its configuration", limit=MAX_CONFIG)
    if document.format != FORMAT:
        raise CorruptContentError(f"its format is {document.format}, not {FORMAT}")
    if (document.namespace, document.key) != (namespace, key):
        raise CorruptContentError("it is for another key")
    if secret is not None and not hmac.compare_digest(
        document.seal.encode(), _seal(document, secret).encode()
    ):
        raise CorruptContentError("it is not sealed with the key of this cache")
    if len(document.blobs) > most:
        raise CorruptContentError(f"it has more than {most} blobs")
    blobs = _descriptors(document.blobs)
    nothing = (Descriptor(_EMPTY, Digest.of(_NOTHING), len(_NOTHING)),)
    if manifest.layers != (blobs or nothing):
        raise CorruptContentError("its manifest names other blobs than its configuration")
    return Entry(namespace, key, document.value, blobs)


def _descriptors(blobs: Sequence[_Blob]) -> tuple[Descriptor, ...]:
    return tuple(Descriptor(blob.media_type, blob.digest, blob.size) for blob in blobs)


def _seal(document: _Document, secret: Secret) -> str:
    said = [ARTIFACT, FORMAT, document.namespace, document.key, document.value, document.blobs]
    return hmac.new(secret.reveal().encode(), canonical_json(said), hashlib.sha256).hexdigest()
