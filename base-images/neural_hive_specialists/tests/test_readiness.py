"""Readiness is a fact that is looked up each time, and a check can fail in any way."""

import asyncio
import threading
import time

import pytest

from neural_hive_specialists import Readiness, Report, Status


def look(readiness: Readiness) -> Report:
    return asyncio.run(readiness.report())


def on(**kwargs) -> Readiness:
    readiness = Readiness(**kwargs)
    readiness.switch_on()
    return readiness


def test_nothing_is_ready_before_it_is_switched_on():
    """A service that is starting takes no work."""
    assert Report(Status.NOT_READY, {"switch": "starting"}) == look(Readiness())


def test_without_checks_the_switch_decides():
    """On is ready, off is not, with its reason."""
    readiness = on()
    assert look(readiness).status is Status.READY
    readiness.switch_off("stopping")
    assert Report(Status.NOT_READY, {"switch": "stopping"}) == look(readiness)


def test_a_failed_required_check_means_not_ready():
    """And tells the kind of failure, but not its message, which may hold an address or a password."""

    def fails():
        raise ConnectionError("mongodb://user:s3cret@db")

    readiness = on()
    readiness.add_check("ledger", fails)
    assert Report(Status.NOT_READY, {"ledger": "failed: ConnectionError"}) == look(readiness)


def test_a_failed_optional_check_means_degraded():
    """The service still answers."""

    async def fails():
        raise OSError

    readiness = on()
    readiness.add_check("graph", fails, required=False)
    readiness.add_check("ledger", lambda: None)
    assert Report(Status.DEGRADED, {"graph": "failed: OSError", "ledger": "ok"}) == look(readiness)


def test_a_check_is_asked_each_time():
    """A cure is noticed."""
    broken = True

    def check():
        if broken:
            raise OSError

    readiness = on()
    readiness.add_check("x", check)
    assert look(readiness).status is Status.NOT_READY
    broken = False
    assert look(readiness).status is Status.READY


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_check_without_an_answer_has_failed(kind):
    """Nobody waits for a database that hangs."""
    release = threading.Event()

    async def hangs_async():
        await asyncio.sleep(60)

    readiness = on(check_seconds=0.05)
    readiness.add_check("slow", hangs_async if kind == "async" else lambda: release.wait(1))
    started = time.monotonic()

    async def main():
        report = await readiness.report()
        release.set()
        return report

    assert Report(Status.NOT_READY, {"slow": "no answer in 0.05 s"}) == asyncio.run(main())
    assert time.monotonic() - started < 0.9


def test_checks_run_at_the_same_time():
    """Four slow checks take as long as one."""
    readiness = on(check_seconds=5)
    for number in range(4):
        readiness.add_check(str(number), lambda: time.sleep(0.2))
    started = time.monotonic()
    assert look(readiness).status is Status.READY
    assert time.monotonic() - started < 0.6


def test_two_checks_of_one_name_are_a_mistake():
    """One of them would never be seen."""
    readiness = Readiness()
    readiness.add_check("x", lambda: None)
    with pytest.raises(ValueError, match="'x'"):
        readiness.add_check("x", lambda: None)
