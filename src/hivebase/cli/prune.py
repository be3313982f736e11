"""``hivebase prune``."""

from __future__ import annotations

import click

from hivebase.cli.output import emit, human_size, note


@click.command("prune", short_help="Remove from the store what nothing uses.")
@click.option(
    "--all", "everything", is_flag=True, help="Also the cache of build steps: the next build does all again."
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def command(everything: bool, dry_run: bool) -> None:
    """Remove blobs that no image and no cached step refers to, unpacked layers, and leftovers of killed builds."""
    from hivebase.build.prune import prune  # noqa: PLC0415 -- verbs load what they use
    from hivebase.oci.store import Store  # noqa: PLC0415

    removed = prune(Store.open(), everything=everything, dry_run=dry_run)
    for what, size in removed.items:
        note(f"{'would remove' if dry_run else 'removed'} {what} ({human_size(size)})")
    for what in removed.kept:
        note(f"kept {what}")
    emit(f"{'would free' if dry_run else 'freed'} {human_size(removed.total)}")
