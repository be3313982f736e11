"""What was measured, as values: the comparison, the table and the JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Key = tuple[str, str]
"""Scenario and metric."""

Measured = dict[Key, float]
"""What one side needed; less is better, always."""


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison.

    Attributes:
        scenario: as on the command line.
        peer: whom we are compared with.
        metric: what was measured; the unit is its last word.
        ours: seconds or bytes.
        theirs: the same of the peer.
    """

    scenario: str
    peer: str
    metric: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times less we need: above 1 we are better."""
        if self.ours == 0:
            return 1.0 if self.theirs == 0 else float("inf")
        return self.theirs / self.ours


def compare(ours: Mapping[Key, float], peers: Mapping[str, Mapping[Key, float]]) -> list[Result]:
    """Return one result for everything that both we and a peer were measured at, in the order of measuring."""
    return [
        Result(scenario, peer, metric, ours[scenario, metric], theirs[scenario, metric])
        for scenario, metric in ours
        for peer, theirs in peers.items()
        if (scenario, metric) in theirs
    ]


def document(results: Iterable[Result]) -> str:
    """Return the JSON text of ``results``; a ratio without an end is null."""
    entries = [
        {
            "scenario": result.scenario,
            "peer": result.peer,
            "metric": result.metric,
            "ours": round(result.ours, 4),
            "theirs": round(result.theirs, 4),
            "ratio": None if result.ratio == float("inf") else round(result.ratio, 3),
        }
        for result in results
    ]
    return json.dumps(entries, indent=1) + "\n"


def quantity(value: float, metric: str) -> str:
    """Return ``value`` for people, in the unit that the metric's last word names."""
    if metric.endswith("bytes"):
        for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
            if value >= size:
                return f"{value / size:.3g} {unit}" if value < 100 * size else f"{value / size:.0f} {unit}"
        return f"{value:.0f} B"
    if value >= 100:
        return f"{value:.0f} s"
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def factor(ratio: float) -> str:
    """Return a ratio for people: three digits are all that one run can say."""
    if ratio == float("inf"):
        return "boundless"
    return f"{ratio:.0f}x" if ratio >= 100 else f"{ratio:.1f}x" if ratio >= 10 else f"{ratio:.2f}x"


def table(results: Sequence[Result]) -> str:
    """Return ``results`` as an aligned text table."""
    head = ("SCENARIO", "METRIC", "PEER", "OURS", "THEIRS", "RATIO")
    rows = [
        (
            result.scenario,
            result.metric,
            result.peer,
            quantity(result.ours, result.metric),
            quantity(result.theirs, result.metric),
            factor(result.ratio),
        )
        for result in results
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = []
    for row in [head, *rows]:
        left = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join([*left, *right]).rstrip())
    return "\n".join(lines) + "\n"
