"""Errors: each ends in its exit code and says what to do."""

from __future__ import annotations

import re

import pytest

from hivebase import errors
from hivebase.transport import Secret


@pytest.mark.parametrize(
    ("kind", "exit_code", "code"),
    [
        (errors.BuildError, 1, "build-failed"),
        (errors.CorruptContentError, 1, "corrupt-content"),
        (errors.InternalError, 1, "internal"),
        (errors.UsageError, 2, "usage"),
        (errors.SystemFaultError, 3, "environment"),
        (errors.NotFoundError, 3, "not-found"),
        (errors.PolicyError, 4, "policy"),
        (errors.InterruptedByUserError, 130, "interrupted"),
    ],
)
def test_exit_codes(kind, exit_code, code) -> None:
    """The exit codes are a promise to scripts."""
    error = kind("what")
    assert (exit_code, code) == (error.exit_code, error.code)
    assert str(error) == "what"


def test_all_parts_are_shown_in_order() -> None:
    """Where and what come first, then why, then what to do."""
    error = errors.BuildError("it failed", where="a/Dockerfile:3", why="of this", hint="that")
    assert str(error) == "a/Dockerfile:3: it failed\n  because of this\n  try: that"


def test_a_dockerfile_error_points_at_its_column() -> None:
    """The caret stands under the column, also behind tabs."""
    error = errors.DockerfileError(
        "unknown instruction", path="Dockerfile", line=2, column=3, source_line="\tRUM x", hint="RUN"
    )
    assert str(error) == "Dockerfile:2:3: unknown instruction\n    \tRUM x\n    \t ^\n  try: RUN"


def test_a_dockerfile_error_about_the_whole_file_names_no_line() -> None:
    """Line 0 means the file."""
    assert str(errors.DockerfileError("no FROM", path="Dockerfile")) == "Dockerfile: no FROM"


def test_an_unforeseen_exception_is_told_with_its_place() -> None:
    """The message names the exception and the line that raised it; the exception itself is kept as the cause."""
    with pytest.raises(KeyError) as raised:
        raise KeyError("layer")
    told = errors.InternalError.of(raised.value, where="base")
    assert told.__cause__ is raised.value
    assert re.search(r"^base: hivebase made a mistake", str(told))
    assert re.search(r"because of KeyError in test_errors\.py:\d+: 'layer'$", str(told), re.MULTILINE)
    assert "HIVEBASE_TRACEBACK=1" in told.hint


def test_c3_an_error_is_without_credentials_from_the_start() -> None:
    """Not only where it is printed: what others sent back is taken out when the error is made."""
    Secret("open-sesame-1234")
    parts = {name: f"{name} open-sesame-1234 https://me:pw@host/?sig=1" for name in ("where", "why", "hint")}
    error = errors.SystemFaultError("what open-sesame-1234", **parts)
    assert vars(error) == {"what": "what ***"} | {
        name: f"{name} *** https://***@host/?sig=***" for name in parts
    }
    assert "sesame" not in f"{error}{error.args}{error!r}"
    shown = errors.DockerfileError("x", path="Dockerfile", line=1, source_line="RUN open-sesame-1234")
    assert shown.source_line == "RUN ***"
