"""What an image holds: every package, what brought it, and who owns which file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.inspect.packages.inventories import Inventories
from hivebase.inspect.packages.model import (
    DebianPackage,
    Interpreter,
    Inventory,
    Licence,
    Model,
    Origin,
    PythonPackage,
    System,
)

if TYPE_CHECKING:
    from hivebase.oci.store import Image, Store

__all__ = [
    "DebianPackage",
    "Interpreter",
    "Inventories",
    "Inventory",
    "Licence",
    "Model",
    "Origin",
    "PythonPackage",
    "System",
    "inventory",
]


def inventory(store: Store, image: Image) -> Inventory:
    """Return what ``image`` holds; for several images, :class:`Inventories` reads what they share once.

    Raises:
        CorruptContentError: a layer is damaged, or lists of packages are larger than any image's are.
        HivebaseError: a layer cannot be read.
    """
    return Inventories(store).of(image)
