"""Builds images of the hive with another engine too, and shows how they differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from hivebase.cli.output import emit, emit_json, note, report_error, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.build.engines import ForeignName
    from hivebase.inspect.comparison.against import Verdict

_SHOWN = 40


def compare(directory: str, words: dict[str, Any]) -> int:
    """Build and compare what the words of the command line say; return the exit code."""
    from hivebase.build.session import Options  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.display import Display  # noqa: PLC0415
    from hivebase.cli.options import parse_args, parse_secrets  # noqa: PLC0415
    from hivebase.cli.session import open_session  # noqa: PLC0415
    from hivebase.inspect.comparison.against import compare_with  # noqa: PLC0415

    if words["builder"] and words["against"] != "buildx":
        raise click.UsageError("--builder names a builder of buildx: --against buildx")
    options = Options(
        images=words["images"],
        group=words["group"],
        version=words["version"] or "",
        args=parse_args(words["build_args"]),
        secrets=parse_secrets(words["secrets"], ()),
        compose=not words["no_compose"],
        builder=words["builder"],
    )
    engine = cast("ForeignName", words["against"])
    with (
        Display(verbose=words["verbose"], quiet=False) as display,
        open_session(Path(directory), options, display) as session,
    ):
        plans = session.prepare()
        results = session.build(plans)
        failed = [item.error for item in results if item.error is not None]
        if failed:
            for error in failed:
                report_error(error)
            return failed[0].exit_code
        ours = {item.name: item.digest for item in results}
        names = session.selected or tuple(plan.name for plan in plans)
        verdicts = list(compare_with(session, engine, plans, ours, names))
    _show(verdicts, as_json=words["as_json"], everything=words["verbose"])
    return 0 if all(item.comparison.same for item in verdicts) else 1


def _show(verdicts: Sequence[Verdict], *, as_json: bool, everything: bool) -> None:
    if as_json:
        emit_json({"images": [_document(item) for item in verdicts]})
        return
    for item in verdicts:
        found = item.comparison
        for difference in found.unexpected[: None if everything else _SHOWN]:
            emit(f"{item.name}: {difference}")
        if len(found.unexpected) > _SHOWN and not everything:
            note(f"{item.name}: {len(found.unexpected) - _SHOWN} more; --verbose shows all")
    rows = []
    for item in verdicts:
        found = item.comparison
        allowed = sum(map(len, found.allowed.values()))
        verdict = "same" if found.same else f"{len(found.unexpected)} differences"
        rows.append(
            (item.name, verdict, f"{found.paths} paths", f"{allowed} allowed differences", item.engine)
        )
    emit(table(rows))
    reasons: dict[str, str] = {}
    for item in verdicts:
        reasons |= item.comparison.reasons
    for name, why in reasons.items():
        count = sum(len(item.comparison.allowed.get(name, ())) for item in verdicts)
        note(f"allowed: {name} ({count}): {why}")


def _document(item: Verdict) -> dict[str, object]:
    found = item.comparison
    return {
        "name": item.name,
        "engine": item.engine,
        "same": found.same,
        "paths": found.paths,
        "theirs": item.theirs,
        "differences": [
            {"path": one.path, "aspect": one.aspect, "ours": one.ours, "theirs": one.theirs}
            for one in found.unexpected
        ],
        "allowed": {
            name: {"why": found.reasons[name], "count": len(items), "paths": [one.path for one in items]}
            for name, items in found.allowed.items()
        },
    }
