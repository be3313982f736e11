"""``hivebase doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hivebase.cli.output import emit, emit_json

if TYPE_CHECKING:
    from hivebase.build.doctor import Finding

_SIGNS = {"ok": "ok      ", "warning": "warning ", "missing": "missing "}


@click.command("doctor", short_help="Check what this machine can do.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    """Check what this machine can do: steps, stand-ins, the store, and what steps see of the host's settings.

    Ends with 3 when something that a build needs is missing.
    """
    from hivebase.build.doctor import examine  # noqa: PLC0415 -- verbs load what they use

    findings = examine()
    if as_json:
        emit_json(
            {
                "checks": [
                    {"name": item.name, "state": item.state, "detail": item.detail, "hint": item.hint}
                    for item in findings
                ]
            }
        )
    else:
        for item in findings:
            emit(_line(item))
    return 3 if any(item.state == "missing" and item.needed for item in findings) else 0


def _line(item: Finding) -> str:
    hint = f"\n{' ' * 22}try: {item.hint}" if item.hint else ""
    return f"{_SIGNS[item.state]}{item.name:<14}{item.detail}{hint}"
