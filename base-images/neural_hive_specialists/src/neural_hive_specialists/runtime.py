"""The one shape in which every service runs: gRPC and HTTP side by side, a clean start and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from typing import TYPE_CHECKING

import structlog
import uvicorn

from neural_hive_specialists.grpc_health import GrpcHealth
from neural_hive_specialists.http_health import create_app
from neural_hive_specialists.provenance import Provenance
from neural_hive_specialists.readiness import Readiness, Status

if TYPE_CHECKING:
    from collections.abc import Generator

    from neural_hive_specialists.settings import Settings

_POLL_SECONDS = 1.0


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the runtime has its own, for both servers at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Runtime:
    """Starts and stops the servers of one service.

    A service adds checks to ``readiness``, routes to ``app`` and servicers to ``grpc.server``, then calls ``run``.

    Args:
        settings: addresses, names and patience.
        services: full names of the gRPC services that the service adds.
    """

    def __init__(self, settings: Settings, services: tuple[str, ...] = ()) -> None:
        self.settings = settings
        self.readiness = Readiness(settings.check_seconds)
        self.app = create_app(settings.service_name, self.readiness, Provenance.collect())
        self.grpc = GrpcHealth(f"{settings.grpc_host}:{settings.grpc_port}", services)
        self.http_port = 0
        self.started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._log = structlog.get_logger(__name__)

    def stop(self) -> None:
        """Ask ``run`` to end; the same as SIGTERM."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until SIGTERM, SIGINT or ``stop``; then refuse new work, finish what is under way, and return.

        Raises:
            OSError: a port cannot be had.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Outside the main thread (in tests) there are no signals to be had.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self.stop)
        http = await self._start_http()
        try:
            await self.grpc.start()
            self.readiness.switch_on()
            follower = asyncio.create_task(self._follow())
            self._log.info("started", grpc_port=self.grpc.port, http_port=self.http_port)
            self.started.set()
            await self._stopping.wait()
            self.readiness.switch_off("stopping")
            follower.cancel()
            self._log.info("stopping", seconds=self.settings.shutdown_seconds)
        finally:
            await self.grpc.stop(self.settings.shutdown_seconds)
            await self._stop_http(*http)
        self._log.info("stopped")

    async def _start_http(self) -> tuple[_Server, asyncio.Task[None]]:
        settings = self.settings
        config = uvicorn.Config(
            self.app,
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
        )
        server = _Server(config)
        # uvicorn would end the process when it cannot bind, so the socket is ours.
        family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
        try:
            listener = socket.create_server((settings.http_host, settings.http_port), family=family)
        except OSError as error:
            raise OSError(f"cannot listen on {settings.http_host}:{settings.http_port}: {error.strerror}") from error
        self.http_port = listener.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not task.done():  # noqa: ASYNC110 -- uvicorn has no event for it
            await asyncio.sleep(0.01)
        return server, task

    async def _stop_http(self, server: _Server, task: asyncio.Task[None]) -> None:
        server.should_exit = True
        await task

    async def _follow(self) -> None:
        """Keep the gRPC answer equal to the readiness report; gRPC asks for a state, not for a check."""
        while True:
            report = await self.readiness.report()
            await self.grpc.set_serving(serving=report.status is not Status.NOT_READY)
            await asyncio.sleep(_POLL_SECONDS)
