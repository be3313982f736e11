"""``hivebase graph``."""

from __future__ import annotations

from pathlib import Path

import click

from hivebase.cli.output import emit, note


@click.command("graph", short_help="Show which image stands on which.")
@click.argument("where", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "dot", "mermaid"]),
    default="text",
    show_default=True,
)
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="As in a build.")
@click.pass_obj
def command(directory: str, where: Path | None, form: str, build_args: tuple[str, ...]) -> None:
    """Show which image stands on which, read from FROM, COPY --from and RUN --mount=from.

    DIR is any directory of Dockerfiles; no configuration is needed. Files and lines that cannot be read are
    named on stderr and left out. Images that use each other in a circle are shown, and are an error.
    """
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.options import parse_args  # noqa: PLC0415
    from hivebase.plan.graph import read_graph  # noqa: PLC0415
    from hivebase.plan.hive import default_args  # noqa: PLC0415
    from hivebase.plan.render import FORMATS  # noqa: PLC0415

    root = Path(directory, where) if where else find_root(Path(directory))
    hive = open_workspace(root).hive
    graph = read_graph(hive, default_args(hive, 0) | parse_args(build_args))
    for remark in graph.diagnostics:
        note(f"{remark.severity}: {remark}")
    emit(FORMATS[form](graph).rstrip("\n"))
    if graph.problem is not None:
        raise graph.problem
