"""Comparing, and telling it."""

from __future__ import annotations

import json

import pytest
from benchmarks.results import Result, compare, document, factor, quantity, table

OURS = {("cold", "seconds"): 2.0, ("space", "registry bytes"): 50.0, ("no-op", "seconds"): 0.2}
THEIRS = {"docker-seed": {("cold", "seconds"): 80.0, ("space", "registry bytes"): 100.0}}


def test_ratio_above_one_means_that_we_need_less() -> None:
    assert Result("cold", "docker-seed", "seconds", 2.0, 80.0).ratio == 40.0
    assert Result("cold", "docker-seed", "seconds", 80.0, 2.0).ratio == 0.025


@pytest.mark.parametrize(("theirs", "ratio"), [(0.0, 1.0), (5.0, float("inf"))])
def test_nothing_needed_at_all(theirs, ratio) -> None:
    assert Result("protobuf-patch", "bake", "new registry bytes", 0.0, theirs).ratio == ratio


def test_only_what_both_sides_measured_is_compared() -> None:
    found = [(result.scenario, result.peer) for result in compare(OURS, THEIRS)]
    assert found == [("cold", "docker-seed"), ("space", "docker-seed")]


def test_json_has_the_agreed_keys() -> None:
    (entry, _) = json.loads(document(compare(OURS, THEIRS)))
    assert entry == {
        "scenario": "cold",
        "peer": "docker-seed",
        "metric": "seconds",
        "ours": 2.0,
        "theirs": 80.0,
        "ratio": 40.0,
    }


def test_json_without_an_end_is_still_json() -> None:
    text = document([Result("space", "bake", "bytes", 0.0, 1.0)])
    assert json.loads(text, parse_constant=pytest.fail)[0]["ratio"] is None


@pytest.mark.parametrize(
    ("value", "metric", "said"),
    [
        (0.2514, "seconds", "0.25 s"),
        (41.26, "ten images, seconds", "41.3 s"),
        (116.4, "seconds", "116 s"),
        (12, "new registry bytes", "12 B"),
        (1_388_000_000, "registry bytes", "1.39 GB"),
        (832_400_000, "registry bytes", "832 MB"),
        (1_250_000, "registry bytes", "1.25 MB"),
    ],
)
def test_quantities_carry_their_unit(value, metric, said) -> None:
    assert quantity(value, metric) == said


def test_factors_have_three_digits_at_most() -> None:
    assert [factor(ratio) for ratio in (0.98, 4.444, 12.34, 312.4)] == ["0.98x", "4.44x", "12.3x", "312x"]


def test_the_table_is_aligned() -> None:
    lines = table(compare(OURS, THEIRS)).splitlines()
    assert lines[0].split() == ["SCENARIO", "METRIC", "PEER", "OURS", "THEIRS", "RATIO"]
    assert len({line.index("docker-seed") for line in lines[1:]} | {lines[0].index("PEER")}) == 1
