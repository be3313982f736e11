"""Markers of heredocs, and the text that the shell gets."""

from __future__ import annotations

import pytest

from hivebase.dockerfile.ast import Command, Heredoc
from hivebase.dockerfile.heredocs import Marker, is_script, marker, markers, shell_text

A = Heredoc("A", "one\n", True)
B = Heredoc("B", "two\n", False)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("<<A", Marker("<<A", "A", expand=True, chomp=False)),
        ("3<<A", Marker("3<<A", "A", expand=True, chomp=False)),
        ("<<-A", Marker("<<-A", "A", expand=True, chomp=True)),
        ("<<'A'", Marker("<<'A'", "A", expand=False, chomp=False)),
        ('<<-"A B"', Marker('<<-"A B"', "A B", expand=False, chomp=True)),
        ("<< A", Marker("<< A", "A", expand=True, chomp=False)),
        ("<<${A:-b}", Marker("<<${A:-b}", "${A:-b}", expand=True, chomp=False)),
        ("", None),
        ("A", None),
        ("<A", None),
        ("<<", None),
        ("<<-", None),
        ("<<<A", None),
        ("<<A<B", None),
        ("<<A B", None),
        ("x<<A", None),
        ("<<'A", None),
        ("<<''", None),
    ],
)
def test_marker(word, expected):
    """One word opens one heredoc."""
    assert expected == marker(word)


def test_markers_of_a_line():
    """Quoted ones do not count, and an open quote hides them all."""
    assert [found.name for found in markers("RUN <<A x '<<C' <<'B'")] == ["A", "B"]
    assert markers("RUN it's <<A") == ()


@pytest.mark.parametrize(
    ("command", "script", "expected"),
    [
        (Command("shell", ("<<A",), (A,)), True, "one\n"),
        (Command("shell", ("<<'B'",), (B,)), True, "two\n"),
        (Command("shell", ("<<A sh",), (A,)), False, "<<A sh\none\nA"),
        (Command("shell", ("cat <<A - <<B",), (A, B)), False, "cat <<A - <<B\none\nA\ntwo\nB"),
        (Command("shell", ("ls -l",)), False, "ls -l"),
        (Command("exec", ("<<A",)), False, "<<A"),
    ],
)
def test_shell_text(command, script, expected):
    """A heredoc alone is the script; beside other words it goes back behind the line it belongs to."""
    assert script is is_script(command)
    assert expected == shell_text(command)
