"""Health over HTTP: is the process alive, can it work, what is it, and its metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest

from neural_hive_specialists.logs import trace
from neural_hive_specialists.readiness import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from neural_hive_specialists.provenance import Provenance
    from neural_hive_specialists.readiness import Readiness


def create_app(
    name: str, readiness: Readiness, provenance: Provenance, registry: CollectorRegistry | None = None
) -> FastAPI:
    """Return an application with ``/healthz``, ``/readyz``, ``/version`` and ``/metrics``; a service adds its own.

    Args:
        name: of the service.
        readiness: what ``/readyz`` asks.
        provenance: what ``/version`` tells.
        registry: metrics of the service; a new one by default.
    """
    metrics = registry if registry is not None else CollectorRegistry()
    ready = Gauge("hive_ready", "1 ready, 0.5 degraded, 0 not ready", registry=metrics)
    build = Gauge(
        "hive_build_info",
        "Always 1; the labels say what runs",
        ["service", "version", "image"],
        registry=metrics,
    )
    build.labels(name, provenance.library_version, f"{provenance.image}:{provenance.image_version}").set(1)
    ProcessCollector(registry=metrics)
    # No generated pages: they load scripts from elsewhere, which an image without network cannot.
    app = FastAPI(title=name, version=provenance.library_version, docs_url=None, redoc_url=None)

    @app.middleware("http")
    async def traced(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        with trace(request.headers.get("traceparent")) as onward:
            response = await call_next(request)
        response.headers["traceresponse"] = onward
        return response

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        report = await readiness.report()
        body = {"status": str(report.status), "checks": report.checks}
        return JSONResponse(body, status_code=503 if report.status is Status.NOT_READY else 200)

    @app.get("/version")
    async def version() -> dict[str, Any]:
        return {"service": name, **provenance.as_dict()}

    @app.get("/metrics")
    async def metrics_page() -> Response:
        report = await readiness.report()
        ready.set({Status.READY: 1.0, Status.DEGRADED: 0.5, Status.NOT_READY: 0.0}[report.status])
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return app
