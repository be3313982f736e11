"""Rows B-1 to B-4, B-8 and X-13: however a step ends, nothing of it is left, and it is bounded meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from tests.layers.sandbox.box import Box, busybox, names, processes_with

from hivebase.errors import InterruptedByUserError
from hivebase.layers.sandbox.run import run

pytestmark = pytest.mark.root

_PATIENCE = 10.0


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path)


def _eventually(condition) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def _marker() -> str:
    """Return an argument for sleep that names this test's processes: a number nobody else uses."""
    return f"9{uuid.uuid4().int % 10**8:08}"


def _ours_in_cgroups() -> list[str]:
    mounts = [
        line.split()[4]
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if " - cgroup" in line
    ]
    return [str(group) for top in mounts for group in Path(top).glob(f"hivebase/{os.getpid()}.*")]


def _our_helpers() -> list[int]:
    """Return the helper processes that this process has started and that are still there."""
    found = []
    for pid in processes_with("hivebase.layers.sandbox"):
        try:
            parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if parent == str(os.getpid()):
            found.append(pid)
    return found


def test_b1_kill_of_the_parent_kills_the_step_and_its_mounts(tmp_path):
    """After kill -9 of the building process no process and no mount is left, and the next run succeeds."""
    marker = _marker()
    program = (
        "import sys, threading; from pathlib import Path; from tests.layers.sandbox.box import Box;"
        f"box = Box(Path({str(tmp_path)!r}), lowers=[Path({str(busybox())!r})]);"
        f"box.run('trap \"\" TERM; sleep {marker} & sleep {marker}')"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": "src:."})
    try:
        # Three of them: the parent itself, and two sleepers.
        assert _eventually(lambda: len(processes_with(marker)) >= 3)
    finally:
        parent.kill()
        parent.wait()

    assert _eventually(lambda: not processes_with(marker))
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert Box(tmp_path).run("true").code == 0


def test_b1_the_group_of_a_killed_run_is_swept_by_the_next(box):
    """A cgroup whose owner is dead is removed by the next step; one whose owner lives is not."""
    tops = [
        line.split()[4]
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if " - cgroup2 " in line or "pids" in line.rpartition(" - ")[2]
    ]
    if not tops:
        pytest.skip("needs a cgroup hierarchy")
    dead = [Path(top, "hivebase/4194304.1.0") for top in tops]
    for group in dead:
        group.mkdir(parents=True, exist_ok=True)

    box.run("true")

    assert [group for group in dead if group.exists()] == []


def test_b2_cancelling_ends_a_step_that_ignores_it(box):
    """A step that ignores SIGTERM is gone well within five seconds, and the error says cancelled."""
    marker = _marker()
    timer = threading.Thread(target=lambda: (_eventually(lambda: processes_with(marker)), box.cancel.set()))
    timer.start()

    started = time.monotonic()
    with pytest.raises(InterruptedByUserError):
        box.run(f"trap '' TERM INT; sleep {marker}; sleep {marker}")
    timer.join()

    assert time.monotonic() - started < 5
    assert processes_with(marker) == []


def test_b2_cancelling_lets_a_step_end_in_order(box):
    """The step's first process gets SIGTERM and the time to react."""
    output = bytearray()
    request = box.request("trap 'echo bye; exit 9' TERM; echo ready; sleep 97 & wait")

    def take(chunk: bytes) -> None:
        output.extend(chunk)
        box.cancel.set()

    with pytest.raises(InterruptedByUserError):
        run(request, take, box.cancel)

    assert output == b"ready\nbye\n"


def test_b2_ctrl_c_on_the_terminal_does_not_reach_the_step(box):
    """Helper and step are in sessions of their own: a signal to our process group is ours alone to handle."""
    sessions: set[int] = set()
    request = box.request("cut -d ' ' -f 6 /proc/self/stat; sleep 0.2")
    output = bytearray()

    def take(chunk: bytes) -> None:
        output.extend(chunk)
        sessions.update(os.getsid(pid) for pid in _our_helpers())

    run(request, take, box.cancel)

    assert output == b"1\n"
    assert len(sessions) == 1
    assert os.getsid(0) not in sessions


def test_b3_a_daemon_left_behind_dies_with_the_step(box):
    """The step's end is the end of what it put into the background, even if that ignores signals."""
    marker = _marker()
    ran = box.run(
        f"(trap '' TERM HUP INT; setsid sleep {marker} > /dev/null 2>&1 &) ; (setsid sleep {marker} &)"
    )

    assert ran.code == 0
    assert processes_with(marker) == []


def test_b4_endless_output_needs_no_memory(box):
    """A gigabyte without a newline streams through in chunks; the memory of this process stays as it was."""
    sizes: list[int] = []
    before = _resident()
    request = box.request("dd if=/dev/zero bs=1M count=1000 2> /dev/null")

    run(request, lambda chunk: sizes.append(len(chunk)), box.cancel)

    assert sum(sizes) == 1000 << 20
    assert max(sizes) <= 1 << 16
    assert _resident() - before < 30 << 20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_b4_a_slow_reader_slows_the_step(box):
    """While output is not taken, the step waits instead of filling memory."""
    taken = 0

    def take(chunk: bytes) -> None:
        nonlocal taken
        if not taken:
            time.sleep(0.3)
        taken += len(chunk)

    run(box.request("head -c 3000000 /dev/zero; cat /proc/uptime > /done"), take, box.cancel)

    assert taken == 3_000_000


def test_b8_a_fork_bomb_is_limited(box):
    """Processes beyond the limit cannot be made, and the step ends."""
    if not _controller("pids"):
        pytest.skip("this machine has no pids controller")
    ran = box.run("i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo all", pids=30)

    assert "fork" in ran.text
    assert "all" not in ran.text


def test_b8_a_memory_hog_is_killed_and_named(box):
    """Memory beyond the limit kills the hog and not us, and the result says why."""
    if not _controller("memory"):
        pytest.skip("this machine has no memory controller")
    ran = box.run("tail /dev/zero; echo killed $?", memory=64 << 20)

    assert "killed 137" in ran.text
    assert ran.result.out_of_memory


def test_b8_an_ordinary_step_is_not_called_out_of_memory(box):
    """A step that fails on its own is not blamed on memory."""
    assert not box.run("exit 137").result.out_of_memory


def _controller(name: str) -> bool:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, back = line.split()[4], line.rpartition(" - ")[2]
        if back.startswith("cgroup ") and name in back.split()[-1].split(","):
            return True
        if back.startswith("cgroup2 ") and name in Path(place, "cgroup.controllers").read_text().split():
            return True
    return False


def test_x13_nothing_accumulates_over_many_steps(box):
    """After many steps, some failed, mounts, cgroups, descriptors and processes are as before."""

    def facts() -> tuple[int, list[str], list[str], list[int]]:
        mounts = [
            line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(box.home) in line
        ]
        return len(names(Path("/proc/self/fd"))), mounts, _ours_in_cgroups(), _our_helpers()

    before = facts()
    for number in range(10):
        box.run("exit $(( RANDOM % 3 ))" if number % 2 else "kill -9 -1; no-such")

    assert before == facts()


def test_x13_concurrent_steps_do_not_disturb_each_other(box):
    """Steps of one process in several threads end each with its own result."""
    codes: dict[int, int] = {}

    def one(number: int) -> None:
        codes[number] = Box(box.home / f"thread-{number}").run(f"echo {number} > /n; exit {number}").code

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {number: number for number in range(6)} == codes
    assert _ours_in_cgroups() == []


def test_b1_a_killed_helper_is_reported(box):
    """If something kills the sandbox from outside, the error says so instead of inventing an exit code."""
    from hivebase.errors import SystemFaultError  # noqa: PLC0415 -- for this test alone

    marker = _marker()

    def kill() -> None:
        _eventually(lambda: processes_with(marker))
        for pid in _our_helpers():
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SystemFaultError, match="was killed"):
        box.run(f"sleep {marker}")
    killer.join()

    assert _eventually(lambda: not processes_with(marker))
