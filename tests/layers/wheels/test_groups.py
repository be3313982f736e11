"""Which wheels share a layer, and the order of layers."""

from __future__ import annotations

from hivebase.layers.wheels.groups import ALONE, arrange, together
from hivebase.plan.wheels import LockedWheel


def _wheel(name, size=1, version="1"):
    return LockedWheel(name, version, f"{name}-{version}-py3-none-any.whl", "0" * 64, size)


def _labels(*wheels):
    return [group.label for group in arrange(wheels)]


def test_large_ones_are_alone_and_first():
    """The largest lowest; small ones together, and what is patched often last."""
    wheels = [
        _wheel("urllib3"),
        _wheel("six"),
        _wheel("numpy", ALONE),
        _wheel("attrs"),
        _wheel("torch", 64 * ALONE),
    ]
    assert _labels(*wheels) == [
        "torch 1",
        "numpy 1",
        "2 small wheels",
        "1 small wheel, often patched: urllib3 1",
    ]


def test_the_order_of_the_question_does_not_matter():
    """Neither between layers nor in one."""
    wheels = [
        _wheel(name, size) for name, size in (("a", 1), ("b", ALONE), ("c", 9 * ALONE), ("d", 1), ("zipp", 1))
    ]
    assert arrange(wheels) == arrange(reversed(wheels))


def test_one_more_moves_nothing():
    """Siblings go on sharing: each layer of the smaller set is one of the larger set, in the same order."""
    wheels = [_wheel("a", 9 * ALONE), _wheel("c", 5 * ALONE), _wheel("protobuf", ALONE)]
    before, after = _labels(*wheels), _labels(*wheels, _wheel("b", 7 * ALONE))
    assert [label for label in after if label in before] == before


def test_a_new_version_that_is_a_little_larger_keeps_its_place():
    """Sizes count by powers of four."""
    others = [_wheel("a", 9 * ALONE), _wheel("c", 9 * ALONE)]
    assert _labels(*others, _wheel("b", 9 * ALONE)) == _labels(*others, _wheel("b", 9 * ALONE + 12345))


def test_together():
    """All in one layer, named one by one."""
    (group,) = together([_wheel("b", ALONE), _wheel("a")])
    assert (group.label, [wheel.name for wheel in group.wheels]) == ("a 1, b 1", ["a", "b"])


def test_nothing():
    """Is no layer."""
    assert arrange([]) == ()
