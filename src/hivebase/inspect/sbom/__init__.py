"""Bills of materials: an inventory as a document for others, and the comparison of such a document with an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from hivebase.inspect.packages import Inventory

__all__ = ["KINDS", "Kind", "differences", "write"]

Kind = Literal["cyclonedx", "spdx"]

KINDS: tuple[Kind, ...] = ("cyclonedx", "spdx")


def write(inventory: Inventory, kind: Kind) -> bytes:
    """Return the bill of materials of an image: JSON in ASCII, the same bytes for the same inventory.

    Its number and its time come from the image, not from the machine and the moment.
    """
    serial = uuid5(NAMESPACE_URL, f"urn:hivebase:{kind}:{inventory.digest}")
    if kind == "cyclonedx":
        from hivebase.inspect.sbom import cyclonedx  # noqa: PLC0415 -- its library takes 0.1 s to load

        return cyclonedx.document(inventory, serial).encode("ascii")
    from hivebase.inspect.sbom import spdx  # noqa: PLC0415 -- one of the two is enough

    return spdx.document(inventory, serial).encode("ascii")


def differences(document: bytes, inventory: Inventory) -> list[str]:
    """Return how a bill of materials of either kind differs from an image, one sentence each; none if it does not.

    A document that cannot be read, or that is of another kind, is one difference.
    """
    from hivebase.inspect.sbom import check  # noqa: PLC0415 -- only verification needs it

    return check.differences(document, inventory)
