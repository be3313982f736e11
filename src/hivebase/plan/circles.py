"""Images that use each other in a circle: finding all of them, and an order without them. Pure."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet


def order(parents: Mapping[str, AbstractSet[str]], tied: Iterable[AbstractSet[str]] = ()) -> tuple[str, ...]:
    """Return the images parents first, ties by name.

    Args:
        parents: for each image what it uses.
        tied: the knots; within them there is no order, and names decide.
    """
    knotted = frozenset[str]().union(*tied)
    sorter: TopologicalSorter[str] = TopologicalSorter(
        {
            name: sorted(p for p in parents[name] if name not in knotted or p not in knotted)
            for name in sorted(parents)
        }
    )
    sorter.prepare()
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += ready
        sorter.done(*ready)
    return tuple(found)


def knots(parents: Mapping[str, AbstractSet[str]]) -> list[frozenset[str]]:
    """Return the groups of images of which each uses all others, in however many steps; by their first name.

    An image that uses itself is a group of one.
    """
    # Nearly all images are in no circle: what stands on nothing goes first, then what nothing stands on.
    children = _turned(_core(parents))
    core = _turned(_core(children))
    found: list[frozenset[str]] = []
    seen: set[str] = set()
    for name in sorted(core):
        if name not in seen:
            knot = _reach(name, core) & _reach(name, children)
            seen |= knot
            if knot:
                found.append(frozenset(knot))
    return found


def _core(parents: Mapping[str, AbstractSet[str]]) -> dict[str, set[str]]:
    """Return what is left when images that use nothing are taken away, again and again."""
    left = {name: set(above) for name, above in parents.items()}
    children = _turned(left)
    ready = [name for name, above in left.items() if not above]
    while ready:
        name = ready.pop()
        del left[name]
        for child in children[name]:
            left[child].discard(name)
            if not left[child]:
                ready.append(child)
    return left


def _turned(parents: Mapping[str, AbstractSet[str]]) -> dict[str, set[str]]:
    turned: dict[str, set[str]] = {name: set() for name in parents}
    for name, above in parents.items():
        for parent in above:
            turned[parent].add(name)
    return turned


def _reach(start: str, steps: Mapping[str, AbstractSet[str]]) -> set[str]:
    """Return what can be reached from ``start`` in one step or more."""
    found: set[str] = set()
    pending = [start]
    while pending:
        further = steps[pending.pop()] - found
        found |= further
        pending += further
    return found


def circle(knot: AbstractSet[str], parents: Mapping[str, AbstractSet[str]]) -> tuple[str, ...]:
    """Return the shortest way from the first name of ``knot`` back to itself, that name at both ends."""
    start = min(knot)
    came: dict[str, str] = {}
    layer = [start]
    while start not in came:
        following: list[str] = []
        for name in layer:
            for parent in sorted(parents[name] & knot):
                if parent not in came:
                    came[parent] = name
                    following.append(parent)
        layer = following
    path = [start]
    while len(path) == 1 or path[-1] != start:
        path.append(came[path[-1]])
    return tuple(reversed(path))
