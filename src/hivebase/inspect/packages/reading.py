"""Reads chosen files of trees: each layer in one pass, and what several images share only once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.errors import CorruptContentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.layer import Layer

MOST_READ = 512 << 20
"""Bytes of all files that are read of one image; the largest hive image has a hundredth of that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the content of a regular file is.

    Attributes:
        layer: that has the name, the lowest is 0.
        offset: of the content in it; -1 where it is a hard link to a lower one.
        size: of the content in bytes.
    """

    layer: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to be read.

    Attributes:
        tree: that has it: the whole, or what is below a layer.
        path: in it.
        place: where that is.
        limit: bytes to read at most, from its beginning.
    """

    tree: IndexedTree
    path: str
    place: Place
    limit: int


class Reader:
    """Remembers what it read, so that one serves for several images with the same base."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], bytes] = {}

    def read(self, wanted: Sequence[Wanted], layers: Sequence[Layer]) -> list[bytes]:
        """Return the contents, in the order of ``wanted``.

        Args:
            wanted: of one image.
            layers: of that image, lowest first.

        Raises:
            CorruptContentError: they are larger than any image's are, or a layer is damaged.
            HivebaseError: a layer cannot be read.
        """
        if sum(min(item.place.size, item.limit) for item in wanted) > MOST_READ:
            raise CorruptContentError(
                "the image has more metadata of packages than is read", why=f"more than {MOST_READ} bytes"
            )
        found: dict[int, bytes] = {}
        order = sorted(range(len(wanted)), key=lambda at: (wanted[at].place.layer, wanted[at].place.offset))
        for at in order:
            item, place = wanted[at], wanted[at].place
            key = (str(layers[place.layer].diff_id), place.offset, min(place.size, item.limit))
            if place.offset < 0 or key not in self._known:
                with item.tree.open(item.path) as stream:
                    found[at] = stream.read(item.limit)
                if place.offset >= 0:
                    self._known[key] = found[at]
            else:
                found[at] = self._known[key]
        return [found[at] for at in range(len(wanted))]
