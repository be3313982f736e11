"""Whatever is raised has a message and an exit code."""

from __future__ import annotations

import errno

import pytest

from hivebase.build.failures import told
from hivebase.errors import InternalError, PolicyError, SystemFaultError


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
