"""Compares two images of a store."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from hivebase.build.stage import Built
from hivebase.inspect.comparison.allowed import verdict_of
from hivebase.inspect.comparison.configuration import compare_configurations
from hivebase.inspect.comparison.difference import Difference  # noqa: TC001 -- msgspec reads it at run time
from hivebase.inspect.comparison.trees import Side, compare_trees
from hivebase.layers.indexed_cache import Indexes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.inspect.comparison.allowed import Allowed
    from hivebase.oci.store import Image, Store


class Comparison(msgspec.Struct, frozen=True):
    """How two images compare.

    Attributes:
        paths: how many paths our tree has.
        allowed: differences by the name of what allows them.
        unexpected: all others.
        reasons: why each class in ``allowed`` is allowed.
    """

    paths: int
    allowed: dict[str, tuple[Difference, ...]]
    unexpected: tuple[Difference, ...]
    reasons: dict[str, str] = {}

    @property
    def same(self) -> bool:
        """Whether nothing differs that may not."""
        return not self.unexpected


def compare_images(store: Store, ours: Image, theirs: Image, further: Sequence[Allowed] = ()) -> Comparison:
    """Compare trees, configurations and histories.

    Args:
        store: holds both.
        ours: one image.
        theirs: the other.
        further: what may differ beside what may always.

    Raises:
        HivebaseError: a layer cannot be read.
    """
    with ExitStack() as stack:
        indexes = Indexes(store)

        def side(image: Image) -> Side:
            layers = Built.of_image(image).layers
            return Side(stack.enter_context(indexes.tree(layers)), layers)

        one, two = side(ours), side(theirs)
        differences = [*compare_trees(one, two), *compare_configurations(ours.config, theirs.config)]
        allowed: dict[str, list[Difference]] = {}
        reasons: dict[str, str] = {}
        unexpected = []
        for difference in differences:
            found = verdict_of(difference, further)
            # What reads contents ends with this block.
            told = msgspec.structs.replace(difference, read=None)
            if found is None:
                unexpected.append(told)
            else:
                allowed.setdefault(found.name, []).append(told)
                reasons[found.name] = found.why
        classes = {name: tuple(items) for name, items in allowed.items()}
        return Comparison(len(one.entries), classes, tuple(unexpected), reasons)
