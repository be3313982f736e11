"""How results and errors are printed: results to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING

import click

from hivebase.errors import TRACEBACK, InternalError
from hivebase.layers.sandbox.output import clean_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.errors import HivebaseError

SCHEMA_VERSION = 1
"""Of every ``--json`` document. Raised when a field changes its meaning or goes; new fields do not count."""


def emit(text: str) -> None:
    """Print a result. Names come from other people's files: what could steer a terminal is made visible."""
    click.echo(_clean(text))


def emit_json(document: dict[str, object]) -> None:
    """Print a result as JSON, with the schema version first."""
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """Tell something that is not a result."""
    show(_clean(text) + "\n")


def show(text: str) -> None:
    """Write to stderr as it is. If nobody can take it, work goes on: the exit code still tells."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _clean(text: str) -> str:
    return "\n".join(clean_line(line) for line in text.split("\n"))


def colours() -> bool:
    """Return whether stderr may have colours (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def report_error(error: HivebaseError) -> None:
    """Print an error: what, where, why, what to do; without credentials, should one have got into it."""
    from hivebase.transport.secrets import redact  # noqa: PLC0415 -- only where something failed

    if isinstance(error, InternalError) and error.__cause__ and os.environ.get(TRACEBACK) == "1":
        import traceback  # noqa: PLC0415 -- only for those who asked

        show(redact("".join(traceback.format_exception(error.__cause__))))
    text = _clean(redact(f"error[{error.code}]: {error}"))
    if colours():
        head, sep, rest = text.partition(": ")
        text = click.style(head, fg="red", bold=True) + sep + rest
    show(text + "\n")


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Lay out ``rows`` (the first is the head) in columns; those in ``right`` are right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def human_size(size: int) -> str:
    """Return ``size`` bytes as people read it, in decimal units like docker (``12.3 MB``)."""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.2f} GB"
