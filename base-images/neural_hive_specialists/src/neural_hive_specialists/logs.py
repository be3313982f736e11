"""Structured logging: one JSON object per line (or coloured text), for structlog and the standard library alike."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import structlog

from neural_hive_specialists.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict, Processor, WrappedLogger

    from neural_hive_specialists.settings import Settings

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header"""


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logs of the process to ``stream`` (standard output by default), as ``settings`` say.

    Calling it again replaces the former configuration.
    """

    def identity(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", settings.service_name)
        event.setdefault("library_version", __version__)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        identity,
    ]
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    output = stream if stream is not None else sys.stdout
    if settings.log_format == "json":
        final += [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        final.append(structlog.dev.ConsoleRenderer(colors=output.isatty()))

    handler = logging.StreamHandler(output)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        # uvicorn gives its loggers handlers of their own, which would print every line twice.
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


@contextmanager
def trace(traceparent: str | None = None) -> Iterator[str]:
    """Give every log line inside the block a ``trace_id`` and a ``span_id``; yield the header for calls onward.

    Args:
        traceparent: the caller's W3C header. Its trace is continued if it is valid; else a new trace starts.
    """
    found = _TRACEPARENT.fullmatch(traceparent or "")
    trace_id = found[1] if found and found[1].strip("0") and found[2].strip("0") else secrets.token_hex(16)
    span_id = secrets.token_hex(8)
    with structlog.contextvars.bound_contextvars(trace_id=trace_id, span_id=span_id):
        yield f"00-{trace_id}-{span_id}-01"
