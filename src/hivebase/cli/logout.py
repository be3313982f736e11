"""``hivebase logout``."""

from __future__ import annotations

import click

from hivebase.cli.output import emit, emit_json, note


@click.command("logout", short_help="Forget the user name and the password for a registry.")
@click.argument("registry")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(registry: str, as_json: bool) -> None:
    """Forget the user name and the password for REGISTRY, wherever docker, podman or hivebase keep them."""
    from hivebase.registry.login import logout  # noqa: PLC0415 -- verbs load what they use

    places = logout(registry)
    if as_json:
        emit_json({"registry": registry, "removed": [str(place) for place in places]})
        return
    for place in places:
        emit(f"removed from {place}")
    if not places:
        note(f"there were no credentials for {registry}")
