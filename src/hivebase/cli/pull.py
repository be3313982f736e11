"""``hivebase pull``."""

from __future__ import annotations

from pathlib import Path

import click

from hivebase.cli.output import emit, emit_json


@click.command("pull", short_help="Bring an image from a registry into the local store.")
@click.argument("reference", metavar="REF")
@click.option("-v", "--verbose", is_flag=True, help="Tell of every blob.")
@click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(directory: str, reference: str, verbose: bool, quiet: bool, as_json: bool) -> None:
    """Bring the image REF, for this machine's platform, into the local store, where it has the same name.

    What the store has is not fetched. Prints the reference with its digest.
    """
    from hivebase.cli.display import Display  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.interrupts import second_interrupt_kills  # noqa: PLC0415
    from hivebase.cli.publishing import open_client  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415
    from hivebase.reference import Reference  # noqa: PLC0415

    second_interrupt_kills()
    parsed = Reference.parse(reference)
    store = Store.open()
    with (
        Display(verbose=verbose, quiet=quiet) as display,
        open_client(Path(directory), display) as client,
        store.lease(),
    ):
        resolved = client.pull(parsed, store)
        name = parsed.familiar if parsed.digest is None else ""
        if name:
            store.tag(name, resolved.top)
    pinned = f"{parsed.familiar.partition('@')[0]}@{resolved.top.digest}"
    if as_json:
        emit_json({"ref": pinned, "digest": resolved.top.digest, "manifest": resolved.manifest.digest})
    else:
        emit(pinned)
