"""Rows S-10, S-12 and S-16: a machine that runs out of something is told in one message, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from tests.faults.builds import check, digests, errors, leftovers, limited, run, statuses
from tests.hives import BASE, TestHive

pytestmark = pytest.mark.root

HIVE = {
    "base/Dockerfile": "FROM busybox:1\nRUN echo base > /from\n",
    "child/Dockerfile": "FROM base\nCOPY file /file\n",
    "child/file": "content\n",
}
_FREE = "free some disk space (hivebase prune removes what no image uses) and run again"


@pytest.fixture
def small(tmp_path, busybox_file):
    """A hive whose store is on a file system of 12 MB, of which 10 are free."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], check=True)
    try:
        hive = TestHive(tmp_path / "hive", place / "store")
        hive.root.mkdir()
        hive.run("import", str(busybox_file), BASE)
        yield hive
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _is_full(hive, what):
    """Build; assert that one message with exit code 3 says that the disk is full and where, and that all is clean."""
    done = hive.run("build", code=3)
    (error,) = errors(done.stderr)
    assert error.startswith("error[environment]: ")
    assert what in error
    assert "because No space left on device" in done.stderr
    assert f"try: {_FREE}" in done.stderr
    assert leftovers(hive) == []
    return done


def test_s10_a_step_that_fills_the_disk_is_told_as_such(small):
    """The step's own message and exit code would hide the reason; afterwards the space is free again."""
    small.write(HIVE).build()
    small.write({"base/Dockerfile": "FROM busybox:1\nRUN head -c 30000000 /dev/urandom > /big\n"})
    done = _is_full(small, "base, line 2: ")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["failed", "hive/base:latest"],
        ["skipped", "hive/child:latest"],
    ]
    small.write({"base/Dockerfile": "FROM busybox:1\nRUN head -c 3000000 /dev/zero > /big\n"})
    assert set(statuses(small.build()).values()) == {"built"}
    check(small)


def test_s10_a_copy_that_fills_the_disk_leaves_no_half_layer(small):
    """The first copy fits twice, as a layer; the large one does not, and what was there is as it was."""
    before = digests(small.write(HIVE).build())
    (small.root / "child/file").write_bytes(os.urandom(15_000_000))
    _is_full(small, "child, line 2: ")
    assert digests(small.write(HIVE).build()) == before
    check(small)


def test_s10_a_disk_that_is_full_before_the_build(small):
    """Nothing can be begun; listing and pruning work, and with space again the build ends as if nothing had been."""
    before = digests(small.write(HIVE).build())
    small.write({"base/Dockerfile": HIVE["base/Dockerfile"] + "LABEL a=b\n"})
    filler = small.store.parent / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}"], capture_output=True, check=False)
    assert shutil.disk_usage(filler.parent).free == 0
    _is_full(small, "")
    assert "hive/base:latest" in small.run("images").stdout
    assert "freed" in small.run("prune").stdout
    filler.unlink()
    assert set(statuses(small.build()).values()) == {"built"}
    small.write(HIVE)
    assert digests(small.build()) == before
    check(small)


@pytest.mark.parametrize("words", [("build",), ("plan",), ("images",), ("prune",)])
def test_s12_a_read_only_store_is_one_message(small, words):
    """Before any work starts, whatever the verb."""
    small.write(HIVE)
    place = str(small.store.parent)
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    done = small.run(*words, code=3)
    assert done.stdout == ""
    assert errors(done.stderr) == [f"error[environment]: {small.store}: the store cannot be used"]
    assert "Read-only file system" in done.stderr
    assert "HIVEBASE_STORE" in done.stderr
    subprocess.run(["mount", "-o", "remount,rw", place], check=True)


def test_s16_few_descriptors_are_told_and_nothing_hangs(hive):
    """With too few the message names the limit; the first limit that is enough gives the very same images."""
    expected = digests(hive.write(HIVE).build())
    codes = []
    for count in (5, 8, 11, 13, 15, 64):
        done = run(hive, limited(f"-n {count}", hive.command("build", "--no-cache", "-j2")))
        codes.append(done.returncode)
        if done.returncode:
            assert done.returncode == 3, done.stderr
            assert len(errors(done.stderr)) == 1
            assert "because Too many open files" in done.stderr
            assert "try: raise the limit of open files" in done.stderr
        check(hive)
    assert codes[-1] == 0
    assert codes[:4] == [3] * 4
    assert digests(hive.build()) == expected


@pytest.mark.parametrize(
    ("call", "error", "count"),
    [
        ("openat", "EMFILE", 5),
        ("clone,clone3,vfork", "EAGAIN", 2),
        ("mmap", "ENOMEM", 320),
        ("pipe2", "ENFILE", 3),
    ],
)
def test_s16_a_call_that_is_refused_once_hangs_nothing(hive, call, error, count):
    """Wherever it happens, the build ends in time: well, or with one message; the next one is right."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    expected = digests(hive.write(HIVE).build())
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    inject = ["-e", f"inject={call}:error={error}:when={count}"]
    done = run(hive, [*strace, *inject, *hive.command("build", "--no-cache")])
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 1, 3}
    check(hive)
    assert digests(hive.build()) == expected
