"""``hivebase images``."""

from __future__ import annotations

import click

from hivebase.cli.output import emit, emit_json, human_size, table


@click.command("images", short_help="List the images in the local store.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--all", "everything", is_flag=True, help="Also list base images that were fetched, made or imported."
)
def command(as_json: bool, everything: bool) -> None:
    """List the images in the local store: digest, size, layers, base, stand-ins."""
    from hivebase.inspect.summary import summaries  # noqa: PLC0415 -- verbs load what they use
    from hivebase.oci.store import Store  # noqa: PLC0415

    store = Store.open()
    found = list(summaries(store, everything=everything))
    if as_json:
        emit_json({"images": [summary.document() for summary in found]})
        return
    rows: list[tuple[str, ...]] = [("IMAGE", "DIGEST", "SIZE", "COMPRESSED", "LAYERS", "STAND-INS")]
    rows += [
        (
            item.ref,
            item.digest[7:19],
            human_size(item.size),
            human_size(item.compressed_size),
            str(item.layers),
            ", ".join(item.stand_ins) or "-",
        )
        for item in found
    ]
    emit(table(rows, right=frozenset({2, 3, 4})))
