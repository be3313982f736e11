"""The display of a build: what a failure shows, and lines that never wrap."""

from __future__ import annotations

import pytest

from hivebase.cli.display import Display, _fitting
from hivebase.progress import Event


def fail(display, lines):
    """Let one step print ``lines`` lines and fail."""
    display(Event("a", "started", step="RUN x"))
    for number in range(lines):
        display(Event("a", "log", f"line {number}", "RUN x"))
    display(Event("a", "failed", "RUN x ended"))


def test_a_failure_shows_the_end_of_the_output_and_how_much_is_missing(capsys):
    """Twenty lines, and the way to the others."""
    with Display() as display:
        fail(display, 50)
    shown = capsys.readouterr().err.splitlines()
    assert shown[1] == "a: failed: RUN x ended"
    assert shown[2] == "a | … 30 lines before these: build -v shows all"
    assert shown[3:] == [f"a | line {number}" for number in range(30, 50)]


@pytest.mark.parametrize("lines", [3, 50])
def test_what_was_shown_is_not_shown_again(lines, capsys):
    """With -v every line is there once."""
    with Display(verbose=True) as display:
        fail(display, lines)
    assert capsys.readouterr().err.count(" | ") == lines


def test_quiet_shows_failures_only(capsys):
    """What failed, and why, is an error."""
    with Display(quiet=True) as display:
        fail(display, 1)
    assert capsys.readouterr().err.splitlines() == ["a: failed: RUN x ended", "a | line 0"]


@pytest.mark.parametrize(
    ("text", "columns", "fitting"),
    [
        ("abcdef", 4, "abcd"),
        ("äbcdef", 4, "äbcd"),
        ("日本語", 4, "日本"),
        ("日本語", 5, "日本"),
        ("日本語", 6, "日本語"),
    ],
)
def test_wide_signs_take_two_columns(text, columns, fitting):
    """A line that wraps could not be taken away again."""
    assert _fitting(text, columns) == fitting


@pytest.mark.parametrize("live", [False, True])
def test_c3_a_password_in_an_address_is_not_shown(live, capsys):
    """Where a step begins, goes on, ends and fails."""
    step = "ADD https://me:in-the-url@host/x?sig=in-the-query&n=1 /"
    with Display() as display:
        display._live = live
        display(Event("a", "started", step=step))
        display._draw()
        display(Event("a", "done", step=step, seconds=1.0))
        display(Event("a", "note", step))
        display(Event("a", "failed", step))
    shown = capsys.readouterr().err
    assert "ADD https://***@host/x?sig=***&n=1 /" in shown
    assert "in-the" not in shown
    assert display._running == {}
