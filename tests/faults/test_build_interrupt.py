"""Rows B-2 and B-3: Ctrl-C and SIGTERM stop a build in order, the second one at once; daemons die with their step."""

from __future__ import annotations

import signal
import time

import pytest
from tests.faults.builds import (
    check,
    errors,
    eventually,
    leftovers,
    marker,
    mounts_below,
    pids_with,
    started,
    statuses,
)

pytestmark = pytest.mark.root

_LIMIT = 5.0
"""Seconds from Ctrl-C to the prompt."""


def _stop(hive, process, *numbers):
    """Send signals; return the exit code, both outputs and the seconds it took."""
    before = time.monotonic()
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.2)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err, time.monotonic() - before


@pytest.fixture
def sleeper(hive):
    """A hive with an image that takes for ever and ignores SIGTERM, one that stands on it, and a quick one."""
    hive.marker = marker()
    step = f"trap '' TERM INT; sleep {hive.marker} & sleep {hive.marker}"
    return hive.write(
        {
            "aquick/Dockerfile": "FROM busybox:1\nRUN echo quick > /quick\n",
            "child/Dockerfile": "FROM slow\n",
            "slow/Dockerfile": f"FROM busybox:1\nRUN {step}\n",
        }
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_b2_one_signal_stops_in_order(sleeper, number):
    """One message, exit code 130; what is finished stays, what is not has no name; nothing runs on."""
    with started(sleeper, "build", "-j2") as process:
        assert eventually(lambda: "aquick" in (sleeper.store / "index.json").read_text())
        assert eventually(lambda: len(pids_with(sleeper.marker)) >= 2)
        code, out, err, took = _stop(sleeper, process, number)
    assert (code, out) == (130, "")
    assert took < _LIMIT
    assert errors(err) == [
        "error[interrupted]: interrupted with 1 of 3 images done; the others are as they were"
    ]
    assert pids_with(sleeper.marker) == []
    assert mounts_below(sleeper.store) == []
    assert leftovers(sleeper) == []
    assert set(check(sleeper).refs()) == {"busybox:1", "hive/aquick:latest"}
    sleeper.write({"slow/Dockerfile": "FROM busybox:1\nRUN true\n"})
    assert statuses(sleeper.build()) == {"aquick": "cached", "slow": "built", "child": "built"}


def test_b2_the_second_signal_kills_at_once(sleeper):
    """The step ignores SIGTERM, yet the process is gone at once, the step with it, and the store is whole."""
    with started(sleeper, "build") as process:
        assert eventually(lambda: len(pids_with(sleeper.marker)) >= 2)
        code, _, err, took = _stop(sleeper, process, signal.SIGINT, signal.SIGINT)
    assert code == -signal.SIGINT
    assert took < _LIMIT
    assert errors(err) == []
    assert eventually(lambda: not pids_with(sleeper.marker))
    assert mounts_below(sleeper.store) == []
    assert "hive/slow:latest" not in check(sleeper).refs()
    sleeper.write({"slow/Dockerfile": "FROM busybox:1\nRUN true\n"})
    assert statuses(sleeper.build())["child"] == "built"
    assert leftovers(sleeper) == []


def test_b2_an_interrupt_while_bases_are_fetched_stops_too(hive, silent_server):
    """Before any step runs there is nothing to finish: the message comes at once."""
    hive.write({"app/Dockerfile": f"FROM {silent_server.address}/team/base:1\n"})
    with started(hive, "build", "--base", "registry") as process:
        assert eventually(silent_server.asked.is_set)
        code, out, err, took = _stop(hive, process, signal.SIGINT)
    assert (code, out) == (130, "")
    assert took < _LIMIT
    assert errors(err) == ["error[interrupted]: interrupted"]


def test_b2_a_download_that_hangs_does_not_keep_the_build(hive, silent_server):
    """An ADD from a server that never answers is given up in time."""
    hive.write({"app/Dockerfile": f"FROM busybox:1\nADD http://{silent_server.address}/file /file\n"})
    with started(hive, "build") as process:
        assert eventually(silent_server.asked.is_set)
        code, _, err, took = _stop(hive, process, signal.SIGINT)
    assert code == 130
    assert took < _LIMIT
    assert len(errors(err)) == 1
    assert set(check(hive).refs()) == {"busybox:1"}


def test_b3_a_daemon_dies_with_its_step(hive):
    """It ends with the step that left it, and writes nothing to the layer afterwards."""
    sleep = marker()
    step = f"(setsid sh -c 'trap \"\" TERM HUP; sleep {sleep}; echo late > /late' &) ; echo early > /early"
    hive.write(
        {"app/Dockerfile": f"FROM busybox:1\nRUN {step}\nRUN ps | grep -c 'sleep {sleep}' > /count || true\n"}
    )
    before = time.monotonic()
    hive.build()
    assert time.monotonic() - before < 10
    assert pids_with(sleep) == []
    assert hive.cat("app", "/early") == "early\n"
    assert hive.run("run", "--network", "none", "app", "--", "ls", "/late", code=1).stdout == ""
