"""The standard gRPC health service (grpc.health.v1), and its client for container health checks."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


class GrpcHealth:
    """A gRPC server with the health service; a specialist adds its own services to ``server`` before ``start``.

    Args:
        address: ``host:port``; port 0 takes a free one.
        services: full names of the services whose health follows the switch, besides the empty name.
    """

    def __init__(self, address: str, services: tuple[str, ...] = ()) -> None:
        self.address = address
        self.server: Any = grpc.aio.server()
        self.port = 0
        self._names = ("", *services)
        self._servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, self.server)

    async def start(self) -> int:
        """Listen and return the port; the answer is NOT_SERVING until it is told otherwise.

        Raises:
            OSError: the address cannot be had.
        """
        await self.set_serving(serving=False)
        try:
            self.port = self.server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self.address}: {error}") from error
        await self.server.start()
        return self.port

    async def set_serving(self, *, serving: bool) -> None:
        """Answer SERVING or NOT_SERVING from now on; watchers are told."""
        states = health_pb2.HealthCheckResponse
        for name in self._names:
            await self._servicer.set(name, states.SERVING if serving else states.NOT_SERVING)

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls, let those under way end for ``grace_seconds``, then cancel them."""
        await self._servicer.enter_graceful_shutdown()
        await self.server.stop(grace_seconds)


def probe(address: str, service: str = "", timeout_seconds: float = 2.0) -> str:
    """Ask the health service at ``address``; return ``SERVING``, ``NOT_SERVING`` or why there is no answer."""
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_seconds)
        except grpc.RpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
