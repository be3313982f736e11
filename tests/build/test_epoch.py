"""Where the one instant of a build comes from."""

from __future__ import annotations

import subprocess

import pytest

from hivebase.build.epoch import DEFAULT, build_epoch, rfc3339
from hivebase.errors import UsageError


def test_source_date_epoch_wins(tmp_path):
    """The variable is taken as it is."""
    assert build_epoch(tmp_path, {"SOURCE_DATE_EPOCH": "1700000000"}) == 1_700_000_000


def test_the_commit_is_next(tmp_path):
    """Inside a git checkout the last commit's time counts, not the clock."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    subprocess.run([*git, "init", "-q"], check=True)
    env = {"GIT_COMMITTER_DATE": "@1600000000 +0000", "PATH": "/usr/bin:/bin"}
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True, env=env)
    assert build_epoch(tmp_path, {}) == 1_600_000_000


def test_a_constant_is_last(tmp_path):
    """Outside any repository every machine uses the same instant."""
    assert build_epoch(tmp_path, {}) == DEFAULT


@pytest.mark.parametrize("text", ["-1", "abc", "1.5", "0", "99999999999", "1e9", " 1700000000"])
def test_p2_an_invalid_epoch_is_refused(tmp_path, text):
    """Zero and 1970 are refused too: zip archives cannot hold them."""
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        build_epoch(tmp_path, {"SOURCE_DATE_EPOCH": text})


def test_rfc3339_is_utc():
    """Times are written in UTC whatever the machine's zone."""
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
