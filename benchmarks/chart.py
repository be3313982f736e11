"""The results as an SVG bar chart: one panel for each scenario and metric, one bar for each side."""

from __future__ import annotations

import textwrap
from html import escape
from typing import TYPE_CHECKING

from benchmarks.results import Result, factor, quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTH = 760
_MARGIN = 24
_LABELS = 120
_BARS = 420
_BAR, _GAP = 18, 6
_TITLE, _PANEL = 26, 22
_NOTE_CHARACTERS = 105
_STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.head { font-size: 17px; font-weight: 600; }
.title { font-weight: 600; }
.note { font-size: 12px; fill: #59636e; }
.ours { fill: #1a7f5a; }
.theirs { fill: #a8b3bd; }
.ground { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .note { fill: #9198a1; } .ours { fill: #3fb98a; } .theirs { fill: #59636e; }
  .ground { fill: #0d1117; }
}"""


def panels(results: Iterable[Result]) -> dict[tuple[str, str], list[tuple[str, float, str]]]:
    """Return for each scenario and metric the bars from top to bottom: side, value and ratio as text."""
    found: dict[tuple[str, str], list[tuple[str, float, str]]] = {}
    for result in results:
        bars = found.setdefault((result.scenario, result.metric), [("hivebase", result.ours, "")])
        bars.append((result.peer, result.theirs, factor(result.ratio)))
    return found


def svg(results: Sequence[Result], notes: Sequence[str]) -> str:
    """Return the chart; ``notes`` go below it."""
    body: list[str] = []
    y = _MARGIN + 14
    body.append(_text(_MARGIN, y, "hivebase beside other builders: shorter is better", "head"))
    y += _TITLE
    for (scenario, metric), bars in panels(results).items():
        longest = max(value for _, value, _ in bars) or 1.0
        body.append(_text(_MARGIN, y + 12, f"{scenario}: {metric}", "title"))
        y += _PANEL
        for side, value, ratio in bars:
            width = max(1.0, value / longest * _BARS)
            kind = "theirs" if ratio else "ours"
            said = quantity(value, metric) + (f"  ({ratio})" if ratio else "")
            body += [
                _text(_MARGIN, y + 13, side),
                f'<rect class="{kind}" x="{_MARGIN + _LABELS}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
                _text(_MARGIN + _LABELS + width + 8, y + 13, said),
            ]
            y += _BAR + _GAP
        y += 14
    for line in (line for note in notes for line in textwrap.wrap(note, _NOTE_CHARACTERS)):
        body.append(_text(_MARGIN, y + 4, line, "note"))
        y += 18
    height = y + _MARGIN - 8
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            "<title>hivebase beside other builders</title>",
            f"<style>\n{_STYLE}\n</style>",
            f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
            *body,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attribute}>{escape(text)}</text>'
