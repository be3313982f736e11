"""``python -m neural_hive_specialists``: serve health, ask for it, and say what this is."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING

from neural_hive_specialists.errors import ConfigurationError
from neural_hive_specialists.grpc_health import probe
from neural_hive_specialists.logs import configure_logging
from neural_hive_specialists.provenance import Provenance
from neural_hive_specialists.runtime import Runtime
from neural_hive_specialists.settings import Settings
from neural_hive_specialists.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0 well, 1 not serving or cannot serve, 2 wrong configuration."""
    chosen = _parser().parse_args(arguments)
    try:
        settings = Settings.load()
        if chosen.command == "serve":
            return _serve(settings)
        if chosen.command == "check":
            return _check(chosen.address or f"127.0.0.1:{settings.grpc_port}", chosen.timeout)
        if chosen.command == "config":
            print(json.dumps(settings.describe(), indent=2))
        else:
            _version(as_json=chosen.json)
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="neural_hive_specialists", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve health over gRPC and HTTP until SIGTERM")
    check = commands.add_parser("check", help="ask a running service for its health; for HEALTHCHECK")
    check.add_argument("--address", help="host:port of its gRPC server (default: this container's)")
    check.add_argument("--timeout", type=float, default=2.0, help="seconds (default: 2)")
    commands.add_parser("config", help="print the effective configuration, secrets masked")
    version = commands.add_parser("version", help="print what this is and where it comes from")
    version.add_argument("--json", action="store_true", help="all of it, as JSON")
    return parser


def _serve(settings: Settings) -> int:
    configure_logging(settings)

    async def serve() -> None:
        await Runtime(settings).run()

    try:
        asyncio.run(serve())
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _check(address: str, timeout_seconds: float) -> int:
    answer = probe(address, timeout_seconds=timeout_seconds)
    print(answer)
    return 0 if answer == "SERVING" else 1


def _version(*, as_json: bool) -> None:
    if as_json:
        print(json.dumps(Provenance.collect().as_dict(), indent=2))
        return
    print(f"neural_hive_specialists {__version__}")
    for text in Provenance.collect().stand_ins.values():
        print(f"stand-in: {text}")
