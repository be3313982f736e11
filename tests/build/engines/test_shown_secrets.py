"""Secrets for other engines: files in memory that do not stay."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from hivebase.build.engines.shown_secrets import MEMORY, shown
from hivebase.build.secrets import Secrets
from hivebase.errors import SystemFaultError

GIVEN = Secrets({"token": b"hunter2", "../name": b"other"})


def test_files_are_for_their_user_only_and_go(tmp_path):
    """Whatever a secret is called, its file is in our directory."""
    with shown(GIVEN, tmp_path) as files:
        assert {name: file.read_bytes() for name, file in files.items()} == GIVEN.values
        for file in files.values():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
            assert file.parent.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_they_go_where_a_build_fails(tmp_path):
    """Too."""
    with pytest.raises(ValueError, match="build"), shown(GIVEN, tmp_path):
        raise ValueError("the build")
    assert list(tmp_path.iterdir()) == []


def test_the_place_is_in_memory():
    """A disk would keep what is deleted."""
    kind = subprocess.run(
        ["stat", "--file-system", "--format", "%T", str(MEMORY)], capture_output=True, text=True, check=True
    )
    assert kind.stdout.strip() == "tmpfs"


def test_what_a_killed_process_left_is_removed(tmp_path):
    """But not what another one still needs."""
    with subprocess.Popen(["true"]) as gone:
        pass
    (tmp_path / f"hivebase-secrets-{gone.pid}-x").mkdir()
    (tmp_path / f"hivebase-secrets-{os.getppid()}-x").mkdir()
    with shown(GIVEN, tmp_path):
        left = sorted(path.name for path in tmp_path.iterdir())
    assert f"hivebase-secrets-{os.getppid()}-x" in left
    assert f"hivebase-secrets-{gone.pid}-x" not in left


def test_without_memory_nothing_is_written(tmp_path):
    """The message says what to do."""
    with pytest.raises(SystemFaultError, match="secrets") as caught, shown(GIVEN, tmp_path / "nowhere"):
        pass
    assert caught.value.hint


def test_no_secrets_need_no_directory(tmp_path):
    """Nor a place for one."""
    with shown(Secrets(), Path("/nowhere")) as files:
        assert files == {}
