"""Not asking more often than a server allows."""

from __future__ import annotations

import threading

import pytest
from tests.clocks import FakeClock

from hivebase.registry.pace import Pace


def moments(pace: Pace, clock: FakeClock, count: int) -> list[float]:
    """Return when each of ``count`` calls was let through, from now."""
    began, found = clock.now, []
    for _ in range(count):
        pace.wait()
        found.append(clock.now - began)
    return found


@pytest.mark.parametrize("rate", [1.0, 10.0, 200.0])
def test_no_second_has_more_than_the_rate(rate):
    """Not even the first one; and no more waiting than that takes."""
    clock = FakeClock()
    found = moments(Pace(rate, clock), clock, int(rate) * 3)
    assert found[0] == 0.0
    assert found[-1] == pytest.approx(3.0 - 1 / rate)
    for start in found:
        assert sum(start <= moment < start + 0.999 for moment in found) <= rate


def test_a_rest_is_not_saved_up():
    """Whoever comes late need not wait, and those behind come one after the other."""
    clock = FakeClock()
    pace = Pace(10.0, clock)
    moments(pace, clock, 3)
    clock.now += 3600
    assert moments(pace, clock, 3) == pytest.approx([0.0, 0.1, 0.2])


def test_workers_share_it():
    """Each call takes its own turn, whoever makes it."""
    clock = FakeClock()
    pace = Pace(10.0, clock)
    clock.sleep = clock.slept.append  # type: ignore[method-assign]  # time stands still: all wait from one moment
    threads = [threading.Thread(target=pace.wait) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(clock.slept) == pytest.approx([number / 10 for number in range(1, 30)])
