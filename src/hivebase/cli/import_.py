"""``hivebase import``."""

from __future__ import annotations

import contextlib
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
    from hivebase.build.pythons import site_of  # noqa: PLC0415 -- verbs load what they use
    from hivebase.errors import HivebaseError  # noqa: PLC0415
    from hivebase.layers.indexed_cache import Indexes  # noqa: PLC0415
    from hivebase.oci.archive import import_path  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415
    from hivebase.reference import Reference  # noqa: PLC0415

    ref = Reference.parse(reference).shortest
    store = Store.open()
    descriptor = import_path(store, path, ref)
    # What every build on this image asks of it is found out while its bytes are still in memory. The image is here
    # whatever comes of it: a build on layers that cannot be read says so itself.
    with contextlib.suppress(HivebaseError):
        site_of(store, Indexes(store), store.image(ref))
    emit(f"{ref}@{descriptor.digest}")
