"""Compares two images of a store."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from hivebase.digest import Digest
from hivebase.inspect.comparison.allowed import ALLOWED, verdict_of
from hivebase.inspect.comparison.configuration import compare_configurations
from hivebase.inspect.comparison.difference import Difference  # noqa: TC001 -- msgspec reads it at run time
from hivebase.inspect.comparison.trees import Side, compare_trees
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.layer import Layer

if TYPE_CHECKING:
    from hivebase.oci.store import Image, Store


class Comparison(msgspec.Struct, frozen=True):
    """How two images compare.

    Attributes:
        paths: how many paths our tree has.
        allowed: differences by the name of what allows them.
        unexpected: all others.
    """

    paths: int
    allowed: dict[str, tuple[Difference, ...]]
    unexpected: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs that may not."""
        return not self.unexpected

    def reasons(self) -> dict[str, str]:
        """Return why each class of differences that was found is allowed."""
        return {item.name: item.why for item in ALLOWED if item.name in self.allowed}


def compare_images(store: Store, ours: Image, theirs: Image) -> Comparison:
    """Compare trees, configurations and histories.

    Raises:
        HivebaseError: a layer cannot be read.
    """
    with ExitStack() as stack:
        indexes = Indexes(store)

        def side(image: Image) -> Side:
            layers = _layers(image)
            return Side(stack.enter_context(indexes.tree(layers)), layers)

        one, two = side(ours), side(theirs)
        differences = [*compare_trees(one, two), *compare_configurations(ours.config, theirs.config)]
        allowed: dict[str, list[Difference]] = {}
        unexpected = []
        for difference in differences:
            found = verdict_of(difference)
            # What reads contents ends with this block.
            told = msgspec.structs.replace(difference, read=None)
            if found is None:
                unexpected.append(told)
            else:
                allowed.setdefault(found.name, []).append(told)
        return Comparison(
            len(one.entries), {name: tuple(items) for name, items in allowed.items()}, tuple(unexpected)
        )


def _layers(image: Image) -> list[Layer]:
    return [
        Layer(descriptor, Digest.parse(diff_id))
        for descriptor, diff_id in zip(image.manifest.layers, image.config.rootfs.diff_ids, strict=True)
    ]
