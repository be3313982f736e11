"""``hivebase load``."""

from __future__ import annotations

import click

from hivebase.cli.output import emit


@click.command("load", short_help="Load an image into docker or podman.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--into", "runtime", type=click.Choice(["docker", "podman"]), required=True, help="Which runtime."
)
@click.option("--latest", is_flag=True, help="Tag it ':latest' there too (for local development only).")
@click.pass_obj
def command(directory: str, image: str, runtime: str, latest: bool) -> None:
    """Load an image into a container runtime of this machine."""
    from typing import cast  # noqa: PLC0415 -- verbs load what they use

    from hivebase.build.load import Runtime, load  # noqa: PLC0415
    from hivebase.build.lookup import find_image  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    store = Store.open()
    ref, found = find_image(store, image, directory)
    names = [ref, *([f"{ref.rpartition(':')[0]}:latest"] if latest and not ref.endswith(":latest") else [])]
    emit(load(store, found, names, cast("Runtime", runtime)))
