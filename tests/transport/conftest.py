"""A simulator, a clock that does not wait, a transport without this machine's environment, a CA."""

from __future__ import annotations

import pytest
from tests.clocks import FakeClock
from tests.registry_simulator import Simulator
from tests.servers import Authority

from hivebase.transport import Transport


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def transport(clock):
    with Transport(environ={}, clock=clock) as made:
        yield made


@pytest.fixture
def registry():
    with Simulator() as made:
        yield made


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("transport"))
