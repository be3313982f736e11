"""A load that is stopped on its way."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from hivebase.oci.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.build.load.runtimes import Images, Runtime


def interrupted(
    images: Images, runtime: Runtime, ref: str, number: int, begun: Callable[[], bool]
) -> subprocess.CompletedProcess[str]:
    """Start to load ``ref``, send a signal when it has ``begun``, make sure that nothing stays in our store."""
    before = _content(images)
    images.hive.env = dict(runtime.env)
    with subprocess.Popen(
        images.hive.command("load", ref, "--into", runtime.name),
        env=images.hive.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 60
        while not begun():
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    assert _content(images) == before
    return subprocess.CompletedProcess(running.args, running.returncode, out, err)


def _content(images: Images) -> set[str]:
    """Return the files of the store but for what may be kept: locks, and what was found out about blobs."""
    root = Store.open(images.hive.store).root
    return {
        name
        for path in root.rglob("*")
        if not (name := str(path.relative_to(root))).startswith(
            (".hivebase/locks", ".hivebase/records", ".hivebase/verified")
        )
    }
