"""What single registries do otherwise than the distribution-spec says, or bound more narrowly."""

from __future__ import annotations

import msgspec

from hivebase.registry.ecr import names


class Traits(msgspec.Struct, frozen=True):
    """How to speak to one registry.

    Attributes:
        chunks: whether a blob may be uploaded in several pieces.
        mounts_unnamed: whether a blob can be mounted from a repository where no manifest names it yet.
        manifest_rate: manifests that may be written in a second, or None.
    """

    chunks: bool = True
    mounts_unnamed: bool = True
    manifest_rate: float | None = None


PLAIN = Traits()
ECR = Traits(chunks=False, mounts_unnamed=False, manifest_rate=10.0)
"""Amazon ECR keeps the first piece of an upload alone and confirms the others (aws/containers-roadmap#2831), mounts
what an image names (aws/containers-roadmap#2860), and bounds PutImage to 10 a second in an account and region
(Amazon ECR service quotas)."""


def traits_of(host: str) -> Traits:
    """Return the traits of the registry at ``host[:port]``."""
    return ECR if names.parse_host(host) else PLAIN
