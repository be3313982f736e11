"""Platforms in Go's words, and the choice of one image out of an index (image-spec, "Image Index")."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hivebase.errors import NotFoundError, UsageError
from hivebase.oci.model import Platform

if TYPE_CHECKING:
    from hivebase.oci.model import Descriptor, Index

_MACHINES = {
    "x86_64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", ""),
    "armv6l": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "loongarch64": ("loong64", ""),
}
_USUAL_VARIANT = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
_PARTS = range(2, 4)  # os/architecture[/variant]


def host_platform() -> Platform:
    """Return the platform of this machine; names the table does not know are Go's already (``s390x``)."""
    machine = os.uname().machine
    architecture, variant = _MACHINES.get(machine, (machine, ""))
    return Platform(architecture=architecture, os="linux", variant=variant)


def parse_platform(text: str) -> Platform:
    """Parse ``os/architecture[/variant]`` as given to ``--platform``.

    Raises:
        UsageError: it has another form.
    """
    parts = text.split("/")
    if len(parts) not in _PARTS or not all(part.isalnum() for part in parts):
        raise UsageError(
            f"not a platform: {text[:100]!r}", hint="expected for example linux/amd64 or linux/arm/v7"
        )
    return Platform(os=parts[0], architecture=parts[1], variant=parts[2] if parts[2:] else "")


def matches(wanted: Platform, offered: Platform) -> bool:
    """Tell whether an image for ``offered`` is what was asked for; no variant means the usual one."""
    return (wanted.os, wanted.architecture) == (offered.os, offered.architecture) and _variant(
        wanted
    ) == _variant(offered)


def select(index: Index, wanted: Platform, *, what: str) -> Descriptor:
    """Return the first entry of ``index`` that fits ``wanted``, else its only entry that names no platform.

    Raises:
        NotFoundError: there is none; the message names the platforms that there are.
    """
    for descriptor in index.manifests:
        if descriptor.platform is not None and matches(wanted, descriptor.platform):
            return descriptor
    unnamed = [descriptor for descriptor in index.manifests if descriptor.platform is None]
    if len(unnamed) == 1:
        return unnamed[0]
    offered = sorted({str(entry.platform) for entry in index.manifests if entry.platform is not None})
    raise NotFoundError(
        f"{what} has no image for {wanted}",
        why=f"it has {', '.join(offered[:20]) or 'none at all'}",
        hint="choose one of them with --platform",
    )


def _variant(platform: Platform) -> str:
    return platform.variant or _USUAL_VARIANT.get(platform.architecture, "")
