"""The one instant of a build: every time that enters an image (reproducible-builds.org, SOURCE_DATE_EPOCH)."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT = 1_704_067_200
"""2024-01-01T00:00:00Z: used when nothing says better."""

_MINIMUM = 315_532_800
"""1980-01-01: zip archives cannot hold anything earlier (layers are full of files that get zipped again)."""

_MAXIMUM = (1 << 33) - 1
"""The largest time that a ustar header holds without an extension."""


def build_epoch(directory: Path, environ: Mapping[str, str] = os.environ) -> int:
    """Return seconds since 1970: ``SOURCE_DATE_EPOCH``, else the commit's time, else a constant.

    Raises:
        UsageError: ``SOURCE_DATE_EPOCH`` is set and is not a decimal number in the range that archives can hold.
    """
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if text:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not _MINIMUM <= int(text) <= _MAXIMUM:
            raise UsageError(
                f"SOURCE_DATE_EPOCH is {text[:40]!r}",
                why=f"it must be whole seconds since 1970, from {_MINIMUM} (1980) to {_MAXIMUM}",
                hint="unset it, or SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)",
            )
        return int(text)
    commit = _commit_time(directory)
    return commit if commit is not None and _MINIMUM <= commit <= _MAXIMUM else DEFAULT


def rfc3339(epoch: int) -> str:
    """Return ``epoch`` as OCI documents write it: ``2024-01-01T00:00:00Z``."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _commit_time(directory: Path) -> int | None:
    # safe.directory: a checkout owned by another user is normal in CI, and its commit's time is no secret.
    command = ["git", "-c", "safe.directory=*", "-C", str(directory), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.strip()
    return int(text) if done.returncode == 0 and text.isdigit() else None
