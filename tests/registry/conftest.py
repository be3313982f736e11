"""A simulator, a store, and a client that takes nothing from this machine's environment."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.clocks import FakeClock
from tests.registry.homes import Home
from tests.registry_simulator import Simulator
from tests.servers import Authority

from hivebase.oci.store import Store
from hivebase.registry.client import RegistryClient
from hivebase.registry.credentials import Keychain
from hivebase.registry.settings import RegistrySettings
from hivebase.transport import LIMITS, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.progress import Event


@pytest.fixture
def registry():
    with Simulator() as made:
        yield made


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture(scope="session")
def small_ca(tmp_path_factory):
    """One CA instead of the host's hundred and forty, which take longer to load than most of these tests."""
    return str(Authority(tmp_path_factory.mktemp("small")).ca)


@pytest.fixture
def connect(tmp_path, events, small_ca):
    """Return a maker of clients: ``with connect(auths={…}, hosts={…}) as client``."""

    @contextmanager
    def make(
        *,
        auths: dict[str, Any] | None = None,
        settings: RegistrySettings | None = None,
        limits: Any = LIMITS,
        environ: dict[str, str] | None = None,
    ) -> Iterator[RegistryClient]:
        file = tmp_path / "auth.json"
        file.write_text(json.dumps({"auths": auths or {}}))
        settings = settings or RegistrySettings()
        with Transport(
            settings.hosts,
            environ={"SSL_CERT_FILE": small_ca, **(environ or {})},
            limits=limits,
            clock=FakeClock(),
            listener=events.append,
        ) as transport:
            keychain = Keychain({"REGISTRY_AUTH_FILE": str(file)})
            yield RegistryClient(settings, transport=transport, keychain=keychain, listener=events.append)

    return make
