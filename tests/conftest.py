"""Rules for the whole suite: what must be there to run, and that nothing is skipped where all of it is."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

NO_SKIP = bool(os.environ.get("HIVEBASE_TEST_NO_SKIP"))

# Machines are noisy, so no example is timed. Where the suite decides about a change it tries the same examples every
# time; by hand it goes on looking for new ones.
settings.register_profile(
    "hive", deadline=None, derandomize=NO_SKIP, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("hive")


def pytest_configure() -> None:
    """Let the programs that tests start be interrupted: what a shell runs in the background ignores Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root when there is none, naming the reason."""
    if os.geteuid() == 0:
        return
    for item in items:
        if any(item.get_closest_marker(name) for name in ("root", "engine")):
            item.add_marker(pytest.mark.skip(reason="needs root: mounts, namespaces, an OCI runtime"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn a skip into a failure where the test script promised that nothing is skipped."""
    report = yield
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def python_base(tmp_path_factory):
    """The stand-in for python:3.11-slim as an OCI archive, made once.

    Making it takes a minute; ``HIVEBASE_TEST_BASE`` names an archive that was kept (``hivebase export``).
    """
    kept = os.environ.get("HIVEBASE_TEST_BASE")
    if kept:
        return Path(kept)
    # Imported here: the rest of the suite needs none of it.
    from tests.hives import TestHive  # noqa: PLC0415

    root = tmp_path_factory.mktemp("base")
    hive = TestHive(root / "hive", root / "store")
    hive.write({"Dockerfile": "FROM python:3.11-slim\nENV X=1\n"})
    hive.run("build", "--base", "bootstrap")
    hive.run("export", "python:3.11-slim", str(root / "base.tar"))
    return root / "base.tar"
