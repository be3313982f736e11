"""Whatever is raised has a message and an exit code."""

from __future__ import annotations

import errno

import pytest

from hivebase.build.failures import told
from hivebase.errors import DockerfileError, InternalError, PolicyError, SystemFaultError
from hivebase.transport import Secret


def test_our_own_errors_are_told_as_they_are():
    """Nothing is added."""
    error = PolicyError("no")
    assert told(error, where="somewhere") is error


@pytest.mark.parametrize(
    ("raised", "kind", "parts"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/store/x"),
            SystemFaultError,
            ["app: the system refused (/store/x)", "because No space left on device", "free some disk space"],
        ),
        (
            OSError(errno.EMFILE, "Too many open files"),
            SystemFaultError,
            ["app: the system refused\n", "ulimit -n"],
        ),
        (
            RuntimeError("can't start new thread"),
            SystemFaultError,
            ["app: cannot start a thread", "ulimit -u"],
        ),
        (MemoryError(), SystemFaultError, ["app: not enough memory", "-j 1"]),
        (
            ZeroDivisionError("division by zero"),
            InternalError,
            ["app: ", "ZeroDivisionError", "division by zero"],
        ),
    ],
)
def test_everything_else_becomes_one_of_ours(raised, kind, parts):
    """With what it concerns, why, and what to do."""
    error = told(raised, where="app")
    assert isinstance(error, kind)
    assert [part for part in parts if part not in str(error)] == []


def test_c3_no_error_tells_a_credential():
    """Whatever it was raised with, and also where it shows a line of a Dockerfile."""
    Secret("open-sesame-1234")
    line = "ADD https://me:in-the-url@host/x /x"
    dockerfile = DockerfileError(
        f"bad {line!r}", path="Dockerfile", line=1, source_line=line, why="open-sesame-1234"
    )
    raised = [
        dockerfile,
        ValueError("open-sesame-1234"),
        OSError(1, "open-sesame-1234"),
        RuntimeError("start new thread open-sesame-1234"),
    ]
    for error in raised:
        text = str(told(error, where="open-sesame-1234"))
        assert "***" in text
        assert "sesame" not in text
        assert "in-the-url" not in text
