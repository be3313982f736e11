"""``hivebase export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hivebase.cli.output import human_size, note


class _Export(click.Command):
    """Writes an image, unless its first word is ``bake``: then that command is meant."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the command line of the one or of the other."""
        if args[:1] != ["bake"]:
            return super().make_context(info_name, args, parent, **extra)
        from hivebase.cli.export_bake import command as bake  # noqa: PLC0415 -- verbs load what they use

        return bake.make_context(f"{info_name} bake", args[1:], parent, **extra)


@click.command("export", cls=_Export, short_help="Write an image to a file.")
@click.argument("image", metavar="IMAGE")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["oci", "docker"]),
    default="oci",
    show_default=True,
    help="Archive format.",
)
@click.pass_obj
def command(directory: str, image: str, file: Path, form: str) -> None:
    """Write an image to FILE: an OCI archive, or a docker-archive that 'docker load' takes.

    'hivebase export bake [FILE]' writes the whole hive as a file for 'docker buildx bake' (see its --help). An image
    that is called bake is exported by its reference: 'hivebase export NAME/bake:VERSION FILE'.
    """
    from hivebase.build.lookup import find_image  # noqa: PLC0415 -- verbs load what they use
    from hivebase.oci.archive import export_docker, export_oci  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    store = Store.open()
    ref, found = find_image(store, image, directory)
    if form == "oci":
        export_oci(store, found, ref, file)
    else:
        export_docker(store, found, ref, file)
    note(f"wrote {ref} to {file} ({human_size(file.stat().st_size)}, {form})")
