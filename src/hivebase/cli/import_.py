"""``hivebase import``."""

from __future__ import annotations

from pathlib import Path

import click

from hivebase.cli.output import emit


@click.command("import", short_help="Read an image from a file.")
@click.argument("path", metavar="FILE|DIR", type=click.Path(exists=True, path_type=Path))
@click.argument("reference", metavar="REF")
def command(path: Path, reference: str) -> None:
    """Read an image into the store and name it REF.

    FILE is an OCI archive, a docker-archive or a plain tar of a root file system; DIR is an OCI image layout.
    """
    from hivebase.oci.archive import import_path  # noqa: PLC0415 -- verbs load what they use
    from hivebase.oci.store import Store  # noqa: PLC0415
    from hivebase.reference import Reference  # noqa: PLC0415

    ref = Reference.parse(reference).shortest
    descriptor = import_path(Store.open(), path, ref)
    emit(f"{ref}@{descriptor.digest}")
