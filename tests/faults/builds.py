"""Running builds in the background, and looking at what they leave behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hivebase.oci.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.hives import TestHive

PATIENCE = 20.0
"""Seconds after which something that should have happened has not."""


def marker() -> str:
    """Return a number of seconds to sleep that names the processes of one test: nobody else sleeps as long."""
    return f"9{uuid.uuid4().int % 10**8:08}"


def eventually(condition: Callable[[], object]) -> bool:
    """Wait for ``condition``; tell whether it came."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def pids_with(word: str) -> list[int]:
    """Return the ids of the processes that have ``word``, a marker, among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def end(word: str) -> None:
    """End the processes that have ``word``, a marker of this test, among their arguments."""
    for pid in pids_with(word):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def mounts_below(path: Path) -> list[str]:
    """Return the mounts of this machine below ``path``."""
    return [line for line in Path("/proc/mounts").read_text().splitlines() if str(path) in line]


@contextlib.contextmanager
def started(hive: TestHive, *words: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start ``hivebase`` with pipes for its outputs; whatever happens, it is gone afterwards."""
    process = subprocess.Popen(
        hive.command(*words),
        env=hive.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        **options,
    )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)


def leftovers(hive: TestHive) -> list[str]:
    """Return what no finished or swept build may leave: scratch directories, half blobs, leases, half snapshots."""
    state = hive.store / ".hivebase"
    places = ("work/*", "ingest/*", "leases/*", "snapshots/*.tmp", "quarantine/*")
    return sorted(str(path.relative_to(state)) for place in places for path in state.glob(place))


def check(hive: TestHive) -> Store:
    """Assert that every blob is right and that every name leads to a whole image; return the store."""
    store = Store.open(hive.store)
    assert store.check() == []
    for ref in store.refs():
        image = store.image(ref)
        for layer in image.manifest.layers:
            store.verify(layer.digest)
    return store


def digests(results: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the digests by image."""
    return {name: item["digest"] for name, item in results.items()}


def statuses(results: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return what happened by image."""
    return {name: item["status"] for name, item in results.items()}


def errors(text: str) -> list[str]:
    """Return the error messages in ``text``, each with its head line only."""
    assert "Traceback" not in text, text
    return re.findall(r"^error\[.*$", text, re.MULTILINE)


def limited(limit: str, command: list[str]) -> list[str]:
    """Return ``command`` to be run under a ``ulimit``."""
    return ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *command]


def run(hive: TestHive, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command line in the hive's environment."""
    return subprocess.run(
        command,
        env=hive.environment(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
        **options,
    )
