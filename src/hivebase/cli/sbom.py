"""``hivebase sbom``."""

from __future__ import annotations

from pathlib import Path

import click

from hivebase.cli.output import note


@click.command("sbom", short_help="List what an image holds, as CycloneDX or SPDX.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["cyclonedx", "spdx"]),
    default="cyclonedx",
    show_default=True,
    help="CycloneDX 1.6 or SPDX 2.3, both JSON.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Default: stdout."
)
@click.pass_obj
def command(directory: str, image: str, kind: str, output: Path | None) -> None:
    """List what an image holds: Python distributions, Debian packages, models, and what brought each.

    IMAGE is a reference in the store, or the name of an image of the hive. The same image gives the same document.
    """
    from hivebase.build.lookup import find_image  # noqa: PLC0415 -- verbs load what they use
    from hivebase.inspect.packages import inventory  # noqa: PLC0415
    from hivebase.inspect.sbom import KINDS, write  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    store = Store.open()
    ref, found = find_image(store, image, directory)
    held = inventory(store, found)
    document = write(held, next(item for item in KINDS if item == kind))
    for remark in held.remarks:
        note(f"note: {remark}")
    if output is None:
        click.echo(document, nl=False)
        return
    _write(output, document)
    packages = len(held.python) + len(held.debian) + len(held.interpreters)
    note(f"wrote {packages} packages of {ref} to {output}")


def _write(path: Path, document: bytes) -> None:
    from hivebase.fs import atomic_write, system_fault  # noqa: PLC0415 -- verbs load what they use

    try:
        if path.exists() and not path.is_file():  # a pipe or a device, whose place nothing may take
            path.write_bytes(document)
        else:
            atomic_write(path.parent, path.name, document, mode=0o644)
    except OSError as error:
        raise system_fault(error, "cannot write the bill of materials", where=path) from error
