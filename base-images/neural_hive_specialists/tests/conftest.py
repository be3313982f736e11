"""Fixtures: a clean environment, and a service running on free ports of loopback."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
import structlog

from neural_hive_specialists import Runtime, Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("HIVE_"):
            monkeypatch.delenv(name)
    yield
    structlog.reset_defaults()


class Running:
    """A runtime in a thread of its own, with its event loop."""

    def __init__(self, runtime_factory):
        self._factory = runtime_factory
        self._ready = threading.Event()
        self.error = None
        self._thread = threading.Thread(target=self._main)

    def _main(self):
        async def main():
            self.loop = asyncio.get_running_loop()
            self.runtime = self._factory()
            run = asyncio.create_task(self.runtime.run())
            started = asyncio.create_task(self.runtime.started.wait())
            await asyncio.wait({run, started}, return_when=asyncio.FIRST_COMPLETED)
            self._ready.set()
            started.cancel()
            await run

        try:
            asyncio.run(main())
        except Exception as error:  # noqa: BLE001 -- handed to the test
            self.error = error
        finally:
            self._ready.set()

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def wait(self):
        self._thread.join(20)
        assert not self._thread.is_alive()

    def stop(self):
        self.loop.call_soon_threadsafe(self.runtime.stop)
        self.wait()

    def __exit__(self, *_):
        if self._thread.is_alive():
            self.stop()


@pytest.fixture
def serve():
    """Start services; all are stopped at the end."""
    running = []

    def start(prepare=lambda _runtime: None, **settings):
        def factory():
            runtime = Runtime(
                Settings.load(
                    grpc_host="127.0.0.1", http_host="127.0.0.1", **{"grpc_port": 0, "http_port": 0, **settings}
                )
            )
            prepare(runtime)
            return runtime

        service = Running(factory).__enter__()
        running.append(service)
        return service

    yield start
    for service in running:
        service.__exit__(None, None, None)
