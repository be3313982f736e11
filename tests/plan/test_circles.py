import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hivebase.plan.circles import circle, knots, order

EDGES = st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)


def graph(pairs: set[tuple[int, int]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {str(n): set() for n in range(10)}
    for child, parent in pairs:
        found[str(child)].add(str(parent))
    return found


def reach(start: str, parents: dict[str, set[str]]) -> set[str]:
    found = set(parents[start])
    for _ in parents:
        found |= {above for name in found for above in parents[name]}
    return found


def test_groups_of_images_that_use_each_other():
    """A chain ends in a ring of two, which uses a ring of three and one that uses itself."""
    parents = {
        "top": {"b"},
        "b": {"c"},
        "c": {"b", "x"},
        "x": {"y"},
        "y": {"z"},
        "z": {"x", "self"},
        "self": {"self", "end"},
        "end": set[str](),
    }
    assert knots(parents) == [frozenset("bc"), frozenset({"self"}), frozenset("xyz")]
    assert circle(frozenset("xyz"), parents) == ("x", "y", "z", "x")
    assert circle(frozenset({"self"}), parents) == ("self", "self")


@given(EDGES)
def test_a_knot_is_what_reaches_itself(pairs):
    """Two images are in one knot exactly when each reaches the other."""
    parents = graph(pairs)
    below = {name: reach(name, parents) for name in parents}
    expected = {frozenset(o for o in below[n] if n in below[o]) for n in parents if n in below[n]}
    found = knots(parents)
    assert expected == set(found)
    assert sorted(found, key=min) == found


@given(EDGES)
def test_a_circle_is_true_and_shortest(pairs):
    """Every step exists, no image comes twice, and it begins and ends with the first name."""
    parents = graph(pairs)
    for knot in knots(parents):
        path = circle(knot, parents)
        assert (min(knot), min(knot)) == (path[0], path[-1])
        assert all(parent in parents[child] for child, parent in pairwise(path))
        assert len(set(path)) == len(path) - 1


@given(EDGES)
def test_parents_come_first_outside_of_knots(pairs):
    """Every image is there once; only in a knot may a child come before its parent."""
    parents = graph(pairs)
    tied = knots(parents)
    found = order(parents, tied)
    place = {name: position for position, name in enumerate(found)}
    knotted = frozenset[str]().union(*tied)
    assert sorted(parents) == sorted(found)
    for child, above in parents.items():
        assert all(place[p] < place[child] for p in above if not {p, child} <= knotted)


def test_a_long_chain_and_a_long_ring_are_quick():
    """Ten thousand images need neither recursion nor quadratic time."""
    chain = {f"{n:05}": {f"{n + 1:05}"} if n < 9999 else set[str]() for n in range(10_000)}
    started = time.perf_counter()
    assert knots(chain) == []
    assert order(chain)[0] == "09999"
    ring = chain | {"09999": {"00000"}}
    (knot,) = knots(ring)
    assert len(circle(knot, ring)) == 10_001
    assert time.perf_counter() - started < 30
