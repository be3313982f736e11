"""``hivebase build``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from hivebase.build.engines import FOREIGN
from hivebase.cli.interrupts import second_interrupt_kills
from hivebase.cli.output import emit, emit_json, note, report_error, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.build.bases import BaseMode
    from hivebase.build.engines import EngineName
    from hivebase.build.execute import ImageResult
    from hivebase.build.session import Session
    from hivebase.plan.steps import ImagePlan


@click.command("build", short_help="Build images of the hive, in dependency order.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--version", metavar="X.Y.Z", help="Version to build, instead of the one in hivebase.toml.")
@click.option("--no-cache", is_flag=True, help="Do every step of the selected images again.")
@click.option(
    "--base",
    "mode",
    type=click.Choice(["auto", "registry", "bootstrap"]),
    help="Where external bases come from: a registry, a stand-in made from Debian packages, or the first, and where "
    "no registry can be asked the second (auto, the default).",
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Stages built at once (default: processors).")
@click.option("--group", default="", help="Only the images of this group of hivebase.toml.")
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="Set a build arg.")
@click.option(
    "--secret", "secrets", multiple=True, metavar="id=ID[,src=FILE|,env=NAME]", help="Give a secret to RUN."
)
@click.option("--ssh", "agents", multiple=True, metavar="ID[=SOCKET]", help="Give an SSH agent to RUN.")
@click.option(
    "--engine",
    type=click.Choice(["embedded", *FOREIGN]),
    default="embedded",
    show_default=True,
    help="What builds: hivebase itself, Docker (BuildKit) or buildah of this machine, or a builder of buildx.",
)
@click.option(
    "--builder", default="", metavar="NAME", help="With --engine buildx: which builder, if not that in use."
)
@click.option("--no-compose", is_flag=True, help="Run all installations of Python packages; compose none.")
@click.option("--allow-insecure", is_flag=True, help="Let RUN --security=insecure run.")
@click.option("--no-shared-cache", is_flag=True, help="Do without the shared cache of hivebase.toml.")
@click.option("--dry-run", is_flag=True, help="Only say what would be built.")
@click.option("-v", "--verbose", is_flag=True, help="Show all that the steps print.")
@click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(directory: str, /, **words: Any) -> int:
    """Build images of the hive, and what they stand on, in dependency order.

    Without IMAGE all of them. What has not changed is not built. A failure cancels only what stands on it.
    """
    from hivebase.build.session import Options  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.display import Display  # noqa: PLC0415
    from hivebase.cli.options import parse_args, parse_secrets  # noqa: PLC0415
    from hivebase.cli.session import open_session  # noqa: PLC0415

    if words["builder"] and words["engine"] != "buildx":
        raise click.UsageError("--builder names a builder of buildx: --engine buildx")
    options = Options(
        images=words["images"],
        group=words["group"],
        version=words["version"] or "",
        no_cache=words["no_cache"],
        mode=cast("BaseMode | None", words["mode"]),
        args=parse_args(words["build_args"]),
        secrets=parse_secrets(words["secrets"], words["agents"]),
        allow_insecure=words["allow_insecure"],
        compose=not words["no_compose"],
        engine=cast("EngineName", words["engine"]),
        builder=words["builder"],
        shared_cache=not words["no_shared_cache"],
    )
    second_interrupt_kills()
    with (
        Display(verbose=words["verbose"], quiet=words["quiet"]) as display,
        open_session(Path(directory), options, display) as session,
    ):
        plans = session.plan() if words["dry_run"] else session.prepare()
        results = () if words["dry_run"] else _build(session, plans, words["jobs"] or 0)
    if words["dry_run"]:
        from hivebase.cli.plan import show  # noqa: PLC0415

        show(plans, as_json=words["as_json"])
        return 0
    _summarise(results, as_json=words["as_json"], quiet=words["quiet"])
    return _exit_code(results)


def _build(session: Session, plans: Sequence[ImagePlan], jobs: int) -> tuple[ImageResult, ...]:
    for item in plans:
        for warning in item.warnings:
            note(f"warning: {warning}")
    return session.build(plans, jobs)


def _summarise(results: Sequence[ImageResult], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        emit_json(
            {
                "images": [
                    {
                        "name": item.name,
                        "ref": item.ref,
                        "status": item.status,
                        "digest": item.digest,
                        "seconds": round(item.seconds, 3),
                        "reasons": [
                            {"code": reason.code, "detail": reason.detail} for reason in item.reasons
                        ],
                        "stand_ins": list(item.stand_ins),
                        "error": str(item.error) if item.error else "",
                        "blame": item.blame,
                    }
                    for item in results
                ]
            }
        )
    elif not quiet:
        rows = [(item.status, item.ref, _detail(item)) for item in results]
        emit(table(rows))
        names = sorted({name for item in results for name in item.stand_ins})
        if names:
            note(
                f"note: stand-ins instead of the official content: {', '.join(names)} (label io.hivebase.stand-ins)"
            )
    sys.stdout.flush()
    for item in results:
        if item.error is not None:
            report_error(item.error)


def _detail(item: ImageResult) -> str:
    if item.status == "failed":
        return item.error.what[:160] if item.error else ""
    if item.status == "skipped":
        return f"because {item.blame} failed"
    why = "; ".join(reason.code + (f" ({reason.detail})" if reason.detail else "") for reason in item.reasons)
    took = f"  {item.seconds:.1f}s" if item.status == "built" else ""
    return f"{item.digest[7:19]}{took}  {why}"


def _exit_code(results: Sequence[ImageResult]) -> int:
    errors = [item.error for item in results if item.error is not None]
    if not errors:
        return 0
    # One kind of failure keeps its own code; several kinds are simply a failed build.
    codes = {error.exit_code for error in errors}
    return codes.pop() if len(codes) == 1 else 1
