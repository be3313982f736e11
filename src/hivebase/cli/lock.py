"""``hivebase lock``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from hivebase.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.build.lock_inputs import ImageInput
    from hivebase.build.locking import Change, Outcome, Upgrade
    from hivebase.build.workspace import Workspace
    from hivebase.progress import Listener

_STALE = 1
"""Exit code of ``--check`` when something has to be locked again."""

_SHOWN = 4
"""Most images named in one line."""


@click.command("lock", short_help="Resolve what all images install, and write it down.")
@click.option("-U", "--upgrade", is_flag=True, help="Take new versions of everything.")
@click.option(
    "-P",
    "--upgrade-package",
    "packages",
    multiple=True,
    metavar="NAME[==VERSION]",
    help="Take a new version, or this one, of one package.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; end with 1 when something is stale. Needs no network."
)
@click.option(
    "--exclude-newer",
    metavar="WHEN",
    help="Leave out releases after a date, or of the last days ('7 days'); instead of [lock] in hivebase.toml.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
@click.pass_obj
def command(
    directory: str, /, *, check: bool, dry_run: bool, as_json: bool, quiet: bool, **words: Any
) -> int:
    """Resolve what all images install, and write it down.

    Every requirements.in beside a Dockerfile and every installation in a Dockerfile that leaves versions open are
    resolved, all of them together, so that images agree on versions, and for the Python that their base has. The
    result is written with hashes to the requirements.txt beside each requirements.in, and to hivebase.lock. Versions
    stay as they are where they satisfy.
    """
    from hivebase.build.lock_check import read_outputs, stale  # noqa: PLC0415 -- verbs load what they use
    from hivebase.build.lock_dockerfiles import dockerfile_inputs, unseen  # noqa: PLC0415
    from hivebase.build.lock_inputs import inputs_of  # noqa: PLC0415
    from hivebase.build.locking import Outcome  # noqa: PLC0415
    from hivebase.build.session import Options  # noqa: PLC0415
    from hivebase.cli.display import Display  # noqa: PLC0415
    from hivebase.cli.session import open_session  # noqa: PLC0415

    upgrade = _upgrade(everything=words["upgrade"], packages=words["packages"])
    with Display(quiet=quiet) as display, open_session(Path(directory), Options(), display) as session:
        plans = session.look(online=not check)
        workspace = session.workspace
        inputs = (
            *inputs_of(workspace, session.python_of),
            *dockerfile_inputs(workspace.hive, plans),
        )
        lock = workspace.hive.lock
        found = stale(
            inputs,
            lock,
            read_outputs(workspace.root, lock.outputs),
            unseen(workspace.hive, plans, lock.inputs),
        )
        if check:
            return _told(found, as_json=as_json, quiet=quiet)
        since = monotonic()
        if upgrade.nothing and inputs and not found:
            # As it is written is how it would be resolved: versions stay where they satisfy.
            outcome = Outcome(lock, {}, ())
        else:
            newer = words["exclude_newer"] or workspace.hive.settings.lock.exclude_newer
            outcome = _resolve(workspace, inputs, upgrade, newer, display)
        seconds = monotonic() - since
        written = [] if dry_run else _write(workspace, outcome)
    if as_json:
        emit_json(_document(outcome, written))
    elif not quiet:
        _show(outcome, written, inputs, seconds)
    return 0


def _upgrade(*, everything: bool, packages: Sequence[str]) -> Upgrade:
    from hivebase.build.locking import Upgrade  # noqa: PLC0415 -- verbs load what they use
    from hivebase.errors import UsageError  # noqa: PLC0415
    from hivebase.plan.resolve_pins import normalise  # noqa: PLC0415

    named: dict[str, str] = {}
    for word in packages:
        found = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:==([A-Za-z0-9.!+_-]+))?", word)
        if found is None:
            raise UsageError(
                f"not a package: {word!r}", hint="--upgrade-package NAME, or --upgrade-package NAME==VERSION"
            )
        named[normalise(found[1])] = found[2] or ""
    return Upgrade(everything, named)


def _resolve(
    workspace: Workspace,
    inputs: Sequence[ImageInput],
    upgrade: Upgrade,
    exclude_newer: str,
    listener: Listener,
) -> Outcome:
    from hivebase.build.addresses import Addresses  # noqa: PLC0415 -- verbs load what they use
    from hivebase.build.lock_check import read_outputs  # noqa: PLC0415
    from hivebase.build.locking import Locking  # noqa: PLC0415
    from hivebase.build.uv import Uv  # noqa: PLC0415
    from hivebase.build.uv_host import uv_host  # noqa: PLC0415
    from hivebase.errors import UsageError  # noqa: PLC0415
    from hivebase.layers.wheels.files import cache_directory  # noqa: PLC0415
    from hivebase.progress import Event  # noqa: PLC0415

    if not inputs and not workspace.hive.lock.inputs:
        raise UsageError(
            "there is nothing to lock",
            where=str(workspace.root),
            why="no requirements.in lies beside a Dockerfile, and none installs by itself",
            hint="name there what the image installs, one package a line",
        )
    uv = Uv(uv_host(os.environ))
    addresses = Addresses(uv, cache_directory(os.environ), [p for item in inputs for p in item.pythons])
    before = read_outputs(workspace.root, [item.output for item in inputs if item.output])
    locking = Locking(
        uv,
        inputs,
        workspace.hive.lock,
        before,
        learn=addresses.learn,
        exclude_newer=exclude_newer,
    )
    step = f"resolve {_count(len(inputs), 'file')} of requirements"
    since = monotonic()
    listener(Event("lock", "started", step=step))
    outcome = locking.resolve(upgrade)
    listener(Event("lock", "cached", step=step, seconds=monotonic() - since))
    return outcome


def _write(workspace: Workspace, outcome: Outcome) -> list[str]:
    from hivebase.build.lock_check import write  # noqa: PLC0415 -- verbs load what they use
    from hivebase.oci.store import Store  # noqa: PLC0415

    return write(workspace.root, outcome, Store.open().lock("pins"))


def _told(found: Sequence[str], *, as_json: bool, quiet: bool) -> int:
    if as_json:
        emit_json({"stale": list(found)})
    elif not quiet:
        for line in found:
            emit(line)
        note("try: hivebase lock" if found else "everything is locked as it is written")
    return _STALE if found else 0


def _document(outcome: Outcome, written: Sequence[str]) -> dict[str, object]:
    return {
        "changes": [
            {"package": item.name, "before": item.before, "after": item.after, "images": list(item.images)}
            for item in outcome.changes
        ],
        "written": list(written),
        "wheels": len(outcome.lock.wheels),
    }


def _show(outcome: Outcome, written: Sequence[str], inputs: Sequence[ImageInput], seconds: float) -> None:
    for item in outcome.changes:
        emit(_sentence(item))
    for path in written:
        emit(f"wrote {path}")
    if not outcome.changes and not written:
        emit("nothing changed")
    images = {image for item in inputs for image in item.images}
    took = f", resolved in {seconds:.1f}s" if outcome.files else ""
    note(f"{_count(len(outcome.lock.wheels), 'wheel')} for {_count(len(images), 'image')}{took}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _sentence(change: Change) -> str:
    images = ", ".join(change.images[:_SHOWN])
    if len(change.images) > _SHOWN:
        images += f" and {len(change.images) - _SHOWN} more"
    if not change.before:
        return f"added {change.name} {change.after} ({images})"
    if not change.after:
        return f"removed {change.name} {change.before} ({images})"
    return f"updated {change.name} {change.before} -> {change.after} ({images})"
