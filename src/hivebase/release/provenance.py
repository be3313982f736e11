"""Provenance: from what an image was made, as an in-toto statement with the SLSA predicate. Pure.

Sources: SLSA 1.0, "Provenance" (predicate ``https://slsa.dev/provenance/v1``), and in-toto's ResourceDescriptor. The
meaning of the parameters is in docs/reference/provenance.md, which the build type stands for.

The same image gives the same document: nothing in it says when, where or by whom it was built. That is what makes it
comparable, and also what SLSA calls level 1: it is as good as the key that signs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hivebase import __version__
from hivebase.digest import Digest
from hivebase.release.statement import PROVENANCE, statement

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_TYPE = "urn:hivebase:build:dockerfile:v1"
"""What the parameters mean: a name, not a page."""

BUILDER = "urn:hivebase:builder:unhosted"
"""Who built, unless the publisher says it: hivebase, on a machine that nobody vouches for."""

CONTEXT_DIGEST = "hivebaseFiles"
"""Name of the digest of a build context: over the names, modes and contents of the files that were used."""


class Material(msgspec.Struct, frozen=True):
    """Something that the image was made from.

    Attributes:
        uri: what it is, for machines (a package URL), or empty.
        name: the same for people: a reference, a path, the name of a file.
        digest: of its bytes, if known.
        fingerprint: of something that is no sequence of bytes: `CONTEXT_DIGEST`, hex.
        annotations: more facts.
    """

    uri: str = ""
    name: str = ""
    digest: str = ""
    fingerprint: str = ""
    annotations: Mapping[str, str] = {}

    def document(self) -> dict[str, Any]:
        """Return the ResourceDescriptor."""
        digests = {"sha256": self.digest.removeprefix("sha256:")} if self.digest else {}
        digests |= {CONTEXT_DIGEST: self.fingerprint} if self.fingerprint else {}
        parts = {"uri": self.uri, "name": self.name, "digest": digests, "annotations": dict(self.annotations)}
        return {key: value for key, value in parts.items() if value}


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of how an image was made.

    Attributes:
        image: its name in the hive.
        version: its tag.
        dockerfile: path in the hive; empty if not known.
        context: the same of the directory of the build context.
        platform: ``linux/amd64``.
        args: build args that the Dockerfile declares, without those that look like secrets.
        secret_args: names of the others.
        key: of the plan: covers everything that decides the image.
        format: of the key.
        epoch: the instant that the image says it was created at, seconds since 1970.
        stand_ins: what in it is not the official content.
        materials: what it was made from.
    """

    image: str
    version: str
    platform: str
    key: str
    format: str
    epoch: int
    dockerfile: str = ""
    context: str = ""
    args: Mapping[str, str] = {}
    secret_args: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    materials: tuple[Material, ...] = ()


def provenance(name: str, digest: Digest, made: Made, *, builder: str = BUILDER) -> bytes:
    """Return the statement about one image.

    Args:
        name: ``registry/repository``.
        digest: of its manifest.
        made: how.
        builder: URI of who built it, where somebody vouches for that.
    """
    external: dict[str, Any] = {
        "image": made.image,
        "version": made.version,
        "dockerfile": made.dockerfile,
        "context": made.context,
        "platform": made.platform,
        "args": dict(made.args),
        "secretArgs": list(made.secret_args),
    }
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {key: value for key, value in external.items() if value},
            "internalParameters": {
                "key": made.key,
                "format": made.format,
                "sourceDateEpoch": made.epoch,
                "standIns": list(made.stand_ins),
            },
            "resolvedDependencies": [
                item.document() for item in sorted(made.materials, key=lambda item: (item.uri, item.name))
            ],
        },
        "runDetails": {
            "builder": {"id": builder, "version": {"hivebase": __version__}},
            # A build that gives the same image from the same key is the same to everybody who looks.
            "metadata": {"invocationId": Digest.of(f"{made.key} {digest}".encode()).hex},
        },
    }
    return statement(name, digest, PROVENANCE, predicate)
