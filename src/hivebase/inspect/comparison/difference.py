"""One thing in which two images differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

Aspect = Literal[
    "only ours",
    "only theirs",
    "kind",
    "mode",
    "owner",
    "link",
    "device",
    "xattrs",
    "content",
    "names",
    "configuration",
    "history",
]
"""What differs. ``names`` are those of one file with several (hard links)."""


class Difference(msgspec.Struct, frozen=True):
    """One thing in which two images differ.

    Attributes:
        path: in the tree, without a leading slash; of the configuration the name of the field.
        aspect: what differs.
        ours: what our image has there, for people.
        theirs: what the other one has.
        read: returns both contents, of a file that differs in nothing but that; None for anything else.
    """

    path: str
    aspect: Aspect
    ours: str = ""
    theirs: str = ""
    read: Callable[[], tuple[bytes, bytes]] | None = None

    def __str__(self) -> str:
        """Return it as one line."""
        if self.aspect in {"only ours", "only theirs"}:
            return f"{self.path}: {self.aspect} ({self.ours or self.theirs})"
        if self.aspect == "content":
            return f"{self.path}: content ({self.ours} ours, {self.theirs} theirs)"
        return f"{self.path}: {self.aspect} {self.ours or 'none'} ours, {self.theirs or 'none'} theirs"
