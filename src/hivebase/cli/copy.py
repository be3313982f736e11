"""``hivebase copy``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hivebase.cli.output import emit, emit_json, human_size, note


@click.command("copy", short_help="Promote an image from one registry to another, by digest.")
@click.argument("source", metavar="REF")
@click.argument("target", metavar="REF")
@click.option("--allow-stand-ins", is_flag=True, help="Also an image with stand-ins for official content.")
@click.option("--dry-run", is_flag=True, help="Only hold the rules against it.")
@click.option("-v", "--verbose", is_flag=True, help="Tell of every blob.")
@click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(directory: str, /, **words: Any) -> None:
    """Copy what the first REF names to the second, with signatures, SBOMs and provenance; nothing is built again.

    Without a tag the second takes the tag of the first. Within one registry the layers are mounted, not sent. A version
    that is there already and is another image is refused (exit code 4). Prints the target with its digest.
    """
    from hivebase.cli.display import Display  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.interrupts import second_interrupt_kills  # noqa: PLC0415
    from hivebase.cli.publishing import open_client  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415
    from hivebase.reference import Reference  # noqa: PLC0415
    from hivebase.release.copy import copy  # noqa: PLC0415

    second_interrupt_kills()
    source, target = Reference.parse(words["source"]), Reference.parse(words["target"])
    store = Store.open()
    with (
        Display(verbose=words["verbose"], quiet=words["quiet"]) as display,
        open_client(Path(directory), display) as client,
        store.lease(),
    ):
        done = copy(
            client,
            store,
            source,
            target,
            display,
            allow_stand_ins=words["allow_stand_ins"],
            dry_run=words["dry_run"],
        )
    if words["as_json"]:
        blobs = {name: done.sent.blobs[name] for name in ("sent", "mounted", "present")}
        emit_json(
            {
                "ref": str(done.reference),
                "digest": done.digest,
                "blobs": blobs,
                "bytes": done.sent.bytes,
                "proofs": done.proofs,
            }
        )
        return
    emit(f"{done.reference}@{done.digest}")
    if not words["quiet"]:
        doing = "would be copied" if words["dry_run"] else "copied"
        note(
            f"{doing}: {done.sent.blobs['sent']} blobs sent ({human_size(done.sent.bytes)}), "
            f"{done.sent.blobs['mounted']} mounted, {done.proofs} proofs"
        )
