"""The store under kill -9, power cuts and failing disks: faults S-1, S-2, S-10 and S-11 by strace."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults import store_driver

from hivebase.digest import Digest
from hivebase.oci.store import Store

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

CHANGES = "rename,renameat,renameat2,linkat,unlink,unlinkat"
LAYER = Digest.of(store_driver.LAYER)


def _strace(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the driver under strace."""
    command = [
        "strace",
        "-f",
        "-qq",
        *arguments,
        sys.executable,
        store_driver.__file__,
        str(root),
    ]
    # Compiled modules would be written with the same calls.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HIVEBASE_UNSAFE_NO_SYNC": ""}
    environment["PYTHONPATH"] = str(Path(store_driver.__file__).parents[2] / "src")
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _inject(root: Path, call: str, fault: str) -> subprocess.CompletedProcess[str]:
    return _strace(root, "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{fault}")


@pytest.fixture
def expected(tmp_path) -> str:
    """Return the digest of the image as an undisturbed run makes it."""
    return store_driver.write(tmp_path / "undisturbed")


def _recovers(root: Path, expected: str) -> None:
    """The store is whole as far as it got, and the next run completes it."""
    store = Store.open(root)
    assert store.check() == []
    assert list((store.state / "ingest").iterdir()) == []
    if store.has(LAYER):
        assert store.read(LAYER) == store_driver.LAYER
    if (named := store.resolve(store_driver.NAME)) is not None:
        assert expected == named.digest
        store.image(store_driver.NAME)
    assert expected == store_driver.write(root)
    assert store.check() == []
    assert expected == store.image(store_driver.NAME).descriptor.digest
    assert list((store.state / "leases").iterdir()) == []
    assert list(root.glob(".*.tmp")) == []


# strace counts each call by itself, so each is swept by itself. What only the making of a new store does is
# swept with a new one.
@pytest.mark.parametrize(
    ("call", "fresh", "least"),
    [("fsync", True, 15), ("renameat", True, 5), ("rename", False, 3), ("unlink", False, 4)],
)
def test_s1_a_kill_at_every_step_leaves_a_good_store(tmp_path, expected, call, fresh, least) -> None:
    """Whichever call the kill comes at, no partial blob is visible and the next run succeeds."""
    for count in range(1, 100):
        root = tmp_path / str(count)
        if not fresh:
            Store.open(root)
        result = _inject(root, call, f"signal=SIGKILL:when={count}")
        if result.returncode == 0:
            break
        assert result.returncode == -signal.SIGKILL, result.stderr
        _recovers(root, expected)
    assert result.stdout == expected
    assert count > least


def test_s2_everything_is_durable_before_it_is_visible(tmp_path) -> None:
    """Every rename comes after a sync of the file, with no write between, and before one of its directory."""
    root, trace = tmp_path / "store", tmp_path / "trace"
    calls = "trace=write,pwrite64,writev,ftruncate,fchmod,fsync,fdatasync,rename,renameat,renameat2"
    assert _strace(root, "-y", "-o", str(trace), "-e", calls).returncode == 0
    dirty: dict[str, bool] = {}
    directories: set[str] = set()
    renames = 0
    for line in trace.read_text().splitlines():
        # strace pads a short process number with more than one space.
        name, _, rest = line.partition(" ")[2].lstrip().partition("(")
        paths = re.findall(r"(?:\d+|AT_FDCWD)<([^>]*)>", rest)
        if name in {"fsync", "fdatasync"}:
            dirty[paths[0]] = False
            directories.discard(paths[0])
        elif name.startswith("rename"):
            old, new = re.findall(r'"([^"]*)"', rest)
            if name != "rename":
                old, new = f"{paths[0]}/{old}", f"{paths[1]}/{new}"
            assert dirty[old] is False, line
            assert new.startswith(str(root)), line
            directories.add(str(Path(new).parent))
            renames += 1
        elif paths:
            dirty[paths[0]] = True
    assert directories == set()
    assert renames >= 8


def test_s11_a_sync_that_fails_is_not_taken_for_one_that_did(tmp_path, expected) -> None:
    """After EIO the run fails in our words, the blob is not there, and the next run is whole."""
    for count in range(1, 100):
        root = tmp_path / str(count)
        Store.open(root)
        result = _inject(root, "fsync", f"error=EIO:when={count}")
        if result.returncode == 0:
            break
        assert (result.returncode, "Traceback" in result.stderr) == (3, False), result.stderr
        assert "Input/output error" in result.stderr
        if count == 1:
            assert not Store.open(root).has(LAYER)
        assert list((root / ".hivebase/ingest").iterdir()) == []
        _recovers(root, expected)
    assert count > 10


def test_s10_a_full_disk_at_any_write_is_told(tmp_path, expected) -> None:
    """Whichever write the disk is full at: our words, nothing half-written, and the next run is whole."""
    Store.open(tmp_path / "counted")
    trace = tmp_path / "trace"
    assert _strace(tmp_path / "counted", "-o", str(trace), "-e", "trace=write").returncode == 0
    failed = 0
    for count in range(1, len(trace.read_text().splitlines())):  # the last one prints the result
        root = tmp_path / str(count)
        Store.open(root)
        result = _inject(root, "write", f"error=ENOSPC:when={count}")
        assert "Traceback" not in result.stderr
        if result.returncode:  # else it was a write that nothing depends on
            assert result.returncode == 3
            assert "No space left" in result.stderr
            failed += 1
        assert list((root / ".hivebase/ingest").iterdir()) == []
        _recovers(root, expected)
    assert failed >= 6
