"""``hivebase plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivebase.cli.output import emit, emit_json, note, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.plan.steps import ImagePlan

_CHANGES = 2
"""Exit code of ``--detailed-exitcode`` when there is something to build, as terraform has it."""


@click.command("plan", short_help="Show what a build would do, and why.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--version", metavar="X.Y.Z", help="As in a build.")
@click.option("--no-cache", is_flag=True, help="As in a build.")
@click.option("--group", default="", help="Only the images of this group of hivebase.toml.")
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="As in a build.")
@click.option("--no-compose", is_flag=True, help="As in a build.")
@click.option(
    "--steps", is_flag=True, help="Also say of each installation what becomes of it, cached ones too."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there is something to build.")
@click.pass_obj
def command(
    directory: str,
    /,
    images: tuple[str, ...],
    *,
    steps: bool,
    as_json: bool,
    detailed_exitcode: bool,
    **words: Any,
) -> int:
    """Show what a build would do, and why. Nothing is fetched and nothing is changed."""
    from hivebase.build.session import Options  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.options import parse_args  # noqa: PLC0415
    from hivebase.cli.session import open_session  # noqa: PLC0415
    from hivebase.progress import silent  # noqa: PLC0415

    options = Options(
        images=images,
        group=words["group"],
        version=words["version"] or "",
        no_cache=words["no_cache"],
        args=parse_args(words["build_args"]),
        compose=not words["no_compose"],
    )
    with open_session(Path(directory), options, silent) as session:
        plans = session.plan()
    show(plans, as_json=as_json, steps=steps)
    return _CHANGES if detailed_exitcode and any(item.action == "build" for item in plans) else 0


def show(plans: Sequence[ImagePlan], *, as_json: bool, steps: bool = False) -> None:
    """Print plans; with ``steps``, the installations of images that are not built too."""
    from hivebase.plan.installs.told import installations  # noqa: PLC0415 -- verbs load what they use

    if as_json:
        emit_json(
            {
                "images": [
                    {
                        "name": item.name,
                        "action": item.action,
                        "key": item.key or "",
                        "reasons": [
                            {"code": reason.code, "detail": reason.detail} for reason in item.reasons
                        ],
                        "installs": [
                            {"line": told.line, "what": told.what, "how": told.how, "why": told.why}
                            for told in installations(item)
                        ],
                        "warnings": list(item.warnings),
                    }
                    for item in plans
                ]
            }
        )
        return
    for item in plans:
        for warning in item.warnings:
            note(f"warning: {warning}")
    rows: list[tuple[str, ...]] = []
    for item in plans:
        for index, reason in enumerate(item.reasons):
            first = (item.name, item.action) if index == 0 else ("", "")
            rows.append((*first, reason.code, reason.detail))
        if steps or item.action == "build":
            rows += [
                ("", "", f"  {told.how}", f"line {told.line}: {told.what}: {told.why}")
                for told in installations(item)
            ]
    emit(table(rows))
    count = sum(item.action == "build" for item in plans)
    emit(f"\n{count} to build, {len(plans) - count} up to date")
