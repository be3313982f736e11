"""Rows S-1 and B-1: a build that is killed, at any moment, leaves a store that the next build completes."""

from __future__ import annotations

import shutil
import signal
import time

import pytest
from tests.faults.builds import (
    check,
    digests,
    eventually,
    leftovers,
    marker,
    mounts_below,
    pids_with,
    run,
    started,
    statuses,
)
from tests.hives import BASE, TestHive

pytestmark = pytest.mark.root

HIVE = {
    "base/Dockerfile": "FROM busybox:1\nCOPY file /file\nRUN echo base > /made\n",
    "base/file": "content\n",
    "child/Dockerfile": "FROM base\nWORKDIR /work\n",
}
RELABELLED = {"base/Dockerfile": HIVE["base/Dockerfile"] + "LABEL release=two\n"}

_KILLED = {-signal.SIGKILL, 3}
"""Exit codes: the build itself was killed, or it tells that the sandbox of its step was."""


def _killed(hive, call, count):
    """Build under strace, which kills whoever makes the ``count``-th such call of its thread; return its code."""
    # Without --seccomp-bpf: it swallows injected signals.
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    inject = ["-e", f"inject={call}:signal=SIGKILL:when={count}"]
    return run(hive, [*strace, *inject, *hive.command("build", "-j1")]).returncode


def _recovers(hive):
    """The next build succeeds and leaves nothing lying around; return its digests."""
    made = digests(hive.build())
    check(hive)
    assert leftovers(hive) == []
    assert set(statuses(hive.build()).values()) == {"cached"}
    return made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, busybox_file):
    """Return the digests of the images as a build makes them that nobody kills."""
    place = tmp_path_factory.mktemp("undisturbed")
    hive = TestHive(place / "hive", place / "store")
    hive.root.mkdir()
    hive.run("import", str(busybox_file), BASE)
    return digests(hive.write(HIVE).build())


@pytest.fixture
def strace():
    """Skip where there is no strace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")


@pytest.mark.parametrize(
    ("call", "count"),
    [
        *(("fsync", count) for count in (3, 8)),
        *(("renameat", count) for count in (2, 9)),
        *(("rename", count) for count in (1, 8)),
        ("unlinkat", 20),
    ],
)
def test_s1_a_build_killed_anywhere_is_completed_by_the_next(hive, strace, undisturbed, call, count):
    """Whatever call of a first build the kill comes at: no name without content, and the same digests after."""
    assert _killed(hive.write(HIVE), call, count) in _KILLED
    store = check(hive)
    for name, digest in undisturbed.items():
        named = store.resolve(f"hive/{name}:latest")
        assert named is None or named.digest == digest
    assert _recovers(hive) == undisturbed


@pytest.mark.parametrize(
    ("call", "count"), [("fsync", 2), ("fsync", 5), ("renameat", 1), ("renameat", 2), ("rename", 2)]
)
def test_s1_a_build_killed_while_it_names_images_leaves_the_old_or_the_new(hive, strace, call, count):
    """A new label makes new images of old layers: the kill comes between configuration, manifest, name and record."""
    before = digests(hive.write(HIVE).build())
    hive.write(RELABELLED)
    assert _killed(hive, call, count) in _KILLED
    store = check(hive)
    left = {name: store.image(f"hive/{name}:latest").descriptor.digest for name in before}
    expected = _recovers(hive)
    assert all(left[name] in {before[name], expected[name]} for name in before)
    assert all(before[name] != expected[name] for name in before)


def test_b1_kill_9_during_a_run_leaves_nothing_behind(hive):
    """No process, no mount, no lock: the next build is not kept waiting and sweeps what lay around."""
    sleep = marker()
    hive.write({"app/Dockerfile": f"FROM busybox:1\nRUN trap '' TERM INT; sleep {sleep} & sleep {sleep}\n"})
    with started(hive, "build") as process:
        assert eventually(lambda: len(pids_with(sleep)) >= 2)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert eventually(lambda: not pids_with(sleep))
    assert mounts_below(hive.store) == []
    hive.write({"app/Dockerfile": "FROM busybox:1\nRUN echo fine > /fine\n"})
    before = time.monotonic()
    assert statuses(hive.build()) == {"app": "built"}
    assert time.monotonic() - before < 10
    assert leftovers(hive) == []
    check(hive)
