"""``hivebase export bake``."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import click

from hivebase.cli.output import note

FILE = "docker-bake.json"
"""The name under which bake looks for a file by itself."""


@click.command("bake", short_help="Write the hive as a file for 'docker buildx bake'.")
@click.argument("file", metavar="[FILE]", default="")
@click.option(
    "-i", "--image", "images", multiple=True, metavar="IMAGE", help="Only this image and what it stands on."
)
@click.option("--version", default="", metavar="X.Y.Z", help="As in a build.")
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="As in a build.")
@click.option(
    "--with-bases/--without-bases",
    "bases",
    default=None,
    help="Hand over all external base images from the local store, or none at all. By default: stand-ins from the "
    "store, pinned ones by their digest.",
)
@click.pass_obj
def command(
    directory: str,
    file: str,
    images: tuple[str, ...],
    version: str,
    build_args: tuple[str, ...],
    *,
    bases: bool | None,
) -> None:
    """Write the hive to FILE for 'docker buildx bake': one target per image, each on the target it stands on.

    FILE is docker-bake.json in the hive's root if not given; '-' is stdout. Paths in it are relative to the hive's
    root: start bake there. Nothing is built and nothing is fetched.
    """
    from hivebase.build.bake.bases import base_contexts, inputs_of  # noqa: PLC0415 -- verbs load what they use
    from hivebase.build.bake.document import bake_document  # noqa: PLC0415
    from hivebase.build.session import Options, Session  # noqa: PLC0415
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415
    from hivebase.cli.options import parse_args  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415

    options = Options(images=images, version=version, args=parse_args(build_args))
    with Session(open_workspace(find_root(Path(directory))), Store.open(), options) as session:
        contexts = {} if bases is False else base_contexts(session, everything=bool(bases))
        document = bake_document(session.workspace.hive, inputs_of(session), contexts)
        root = session.workspace.root
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if file == "-":
        click.echo(text)
        return
    path = Path(file) if file else root / FILE
    _write(path, text + "\n")
    count = len(document["group"]["default"]["targets"])
    note(f"wrote {count} {'target' if count == 1 else 'targets'} to {path}")
    # Without --file bake would also read what else it finds there, a compose.yaml for instance.
    place = shlex.quote(os.path.relpath(path.absolute(), root))
    note(f"in {root}: docker buildx bake --file {place}")
    if any(value.startswith("oci-layout:") for value in contexts.values()):
        note(
            "note: base images come from the store, which Docker reads only with the containerd image store; "
            "without it, 'hivebase load' them into Docker and export --without-bases"
        )


def _write(path: Path, text: str) -> None:
    """Write the file, but not over one that a person wrote."""
    from hivebase.errors import UsageError  # noqa: PLC0415 -- verbs load what they use
    from hivebase.fs import atomic_write, system_fault  # noqa: PLC0415

    try:
        if os.path.lexists(path) and not _is_ours(path):
            raise UsageError(
                "there is a file that hivebase did not write", where=str(path), hint="name another FILE"
            )
        atomic_write(path.parent, path.name, text.encode(), mode=0o644)
    except OSError as error:
        raise system_fault(error, "cannot write the bake file", where=path) from error


def _is_ours(path: Path) -> bool:
    from hivebase.build.bake.document import MARK  # noqa: PLC0415 -- verbs load what they use

    if not path.is_file():
        return False
    try:
        found: Any = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("//") == MARK
