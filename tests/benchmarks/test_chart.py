"""The chart."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from benchmarks.chart import panels, svg
from benchmarks.results import Result

RESULTS = [
    Result("cold", "docker-seed", "five bases, seconds", 20.0, 80.0),
    Result("cold", "bake", "five bases, seconds", 20.0, 60.0),
    Result("space", "bake", "registry <bytes>", 1e6, 2e6),
]
_SVG = "{http://www.w3.org/2000/svg}"


def test_a_panel_has_us_first_and_then_each_peer() -> None:
    found = panels(RESULTS)
    assert found["cold", "five bases, seconds"] == [
        ("hivebase", 20.0, ""),
        ("docker-seed", 80.0, "4.00x"),
        ("bake", 60.0, "3.00x"),
    ]


def test_the_longest_bar_is_the_largest_value() -> None:
    root = ET.fromstring(svg(RESULTS, ["a & b"]))
    bars = [float(bar.get("width", "")) for bar in root.iter(f"{_SVG}rect") if bar.get("class") != "ground"]
    assert bars[:3] == [bars[1] / 4, max(bars), bars[1] * 3 / 4]


def test_text_is_escaped_and_notes_are_there() -> None:
    text = svg(RESULTS, ["a & b"])
    assert "registry &lt;bytes&gt;" in text
    assert "a &amp; b" in text


def test_everything_is_inside_the_picture() -> None:
    root = ET.fromstring(svg(RESULTS, ["note"] * 5))
    width, height = map(float, root.get("viewBox", "").split()[2:])
    for text in root.iter(f"{_SVG}text"):
        assert float(text.get("y", "")) < height
        assert float(text.get("x", "")) < width


def test_no_results_make_an_empty_chart() -> None:
    assert ET.fromstring(svg([], [])).tag == f"{_SVG}svg"
