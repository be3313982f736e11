"""``hivebase doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivebase.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.build.doctor import Finding
    from hivebase.progress import Event

_SIGNS = {"ok": "ok      ", "warning": "warning ", "missing": "missing "}


@click.command("doctor", short_help="Check what this machine can do.")
@click.option(
    "--to",
    metavar="REGISTRY/PREFIX|PROFILE",
    default="",
    help="Check instead whether images of the hive can be pushed there; nothing is changed.",
)
@click.option("--group", default="", help="With --to: only the images of this group of hivebase.toml.")
@click.option("--no-create", is_flag=True, help="With --to ecr: refuse where a repository is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(directory: str, /, **words: Any) -> int:
    """Check what this machine can do: steps, stand-ins, the store, and what steps see of the host's settings.

    Ends with 3 when something that a build needs is missing. With --to, the credentials and the right to write to each
    repository are checked instead, before anything is built; a refusal ends as it would end the push.
    """
    from hivebase.build.doctor import examine  # noqa: PLC0415 -- verbs load what they use

    if words["to"]:
        findings = list(_examine_place(Path(directory), words))
    elif words["group"] or words["no_create"]:
        raise click.UsageError("--group and --no-create belong to --to")
    else:
        findings = examine()
    if words["as_json"]:
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


def _examine_place(directory: Path, words: dict[str, Any]) -> Iterator[Finding]:
    from hivebase.build.doctor import Finding  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.publishing import open_place  # noqa: PLC0415
    from hivebase.registry.endpoint import reaching  # noqa: PLC0415
    from hivebase.registry.probe import check_writable  # noqa: PLC0415

    def listener(event: Event) -> None:
        if event.status == "note":
            note(f"{event.subject}: {event.text}")

    wanted = {"to": words["to"], "version": "", "images": (), "group": words["group"]}
    with open_place(directory, {**wanted, "no_create": words["no_create"]}, listener) as place:
        for name in dict.fromkeys(place.repository(ref) for _, ref in place.images):
            reference = place.target.reference(name, "x")
            if reference.repository in place.missing:
                yield Finding("repository", "ok", f"{reference.repository} will be made")
                continue
            with reaching(str(place.target)):
                check_writable(place.client.repository(reference, push=True))
            yield Finding("repository", "ok", f"{reference.repository} can be written to")


def _line(item: Finding) -> str:
    hint = f"\n{' ' * 22}try: {item.hint}" if item.hint else ""
    return f"{_SIGNS[item.state]}{item.name:<14}{item.detail}{hint}"
