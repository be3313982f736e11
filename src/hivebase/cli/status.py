"""``hivebase status``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hivebase.cli.output import emit, emit_json, table
from hivebase.cli.publishing import open_place, place_options


@click.command("status", short_help="Compare the hive with what a registry has.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@place_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(directory: str, /, **words: Any) -> int:
    """Compare the images of the hive with what a registry has under their version.

    Tells of images that were never published or are missing, that are another image there than here, and whose parent
    was published anew since. Exit code 1 if there is anything to tell.
    """
    from hivebase.cli.display import Display  # noqa: PLC0415 -- verbs load what they use
    from hivebase.release.status import status  # noqa: PLC0415

    with Display() as display, open_place(Path(directory), words, display) as place:
        found = status(
            place.client,
            place.store,
            [
                (name, ref, place.target.reference(place.repository(ref), place.hive.version))
                for name, ref in place.images
            ],
        )
    if words["as_json"]:
        emit_json(
            {
                "images": [
                    {
                        "name": item.name,
                        "ref": str(item.reference),
                        "local": item.local,
                        "remote": item.remote,
                        "findings": [{"code": one.code, "detail": one.detail} for one in item.findings],
                    }
                    for item in found
                ]
            }
        )
    else:
        rows = [("IMAGE", "HERE", "THERE", "STATE")]
        rows += [
            (
                str(item.reference),
                item.local[7:19] or "-",
                item.remote[7:19] or "-",
                "; ".join(f"{one.code}{f' ({one.detail})' if one.detail else ''}" for one in item.findings)
                or "published",
            )
            for item in found
        ]
        emit(table(rows))
    return 1 if any(item.findings for item in found) else 0
