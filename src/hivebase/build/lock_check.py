"""Whether what ``hivebase lock`` wrote still fits what it read; and the writing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.build.workspace import read_lock
from hivebase.digest import Digest
from hivebase.errors import SystemFaultError
from hivebase.fs import atomic_write
from hivebase.plan.lockfile import FILE_NAME, render_lock
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hivebase.build.lock_inputs import ImageInput
    from hivebase.build.locking import Outcome
    from hivebase.plan.lockfile import HiveLock


def stale(
    inputs: Sequence[ImageInput],
    lock: HiveLock,
    outputs: Mapping[str, str],
    unseen: Collection[str] = (),
) -> list[str]:
    """Return what does not fit together any more, one line each; ask nobody.

    Args:
        inputs: of the hive. Those without an interpreter are compared without it.
        lock: as written.
        outputs: text of each output that exists, by path.
        unseen: locked inputs that cannot be looked at now.
    """
    found = []
    for item in inputs:
        known, now = lock.inputs.get(item.path), item.locked
        if known is None:
            found.append(f"{item.path} has not been locked")
        elif known.digest != now.digest:
            found.append(f"{item.path} has changed since it was locked")
        elif now.pythons and known.pythons != now.pythons:
            found.append(
                f"{item.path} was locked for Python {', '.join(known.pythons)}; its images have "
                f"{', '.join(now.pythons)}"
            )
    paths = {*unseen, *(item.path for item in inputs)}
    found += [f"{path} is locked and does not exist any more" for path in sorted(set(lock.inputs) - paths)]
    for path, digest in sorted(lock.outputs.items()):
        if path not in outputs:
            found.append(f"{path} is missing")
        elif Digest.of(outputs[path].encode()) != digest:
            found.append(f"{path} is not as it was written")
    return found


def read_outputs(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return the text of those of ``paths`` that exist.

    Raises:
        SystemFaultError: one cannot be read.
    """
    found = {}
    for path in paths:
        try:
            found[path] = (root / path).read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SystemFaultError("cannot be read", where=path, why=error.strerror or str(error)) from error
    return found


def write(root: Path, outcome: Outcome, guard: AbstractContextManager[object]) -> list[str]:
    """Write what differs from what is there; return the paths that were written.

    The lock comes last: a run that is killed before it is noticed by ``--check``.

    Args:
        root: of the hive.
        outcome: of the resolution.
        guard: keeps other processes from writing the lock meanwhile.

    Raises:
        SystemFaultError: a file cannot be written.
    """
    written = []
    before = read_outputs(root, outcome.files)
    with guard:
        for path, text in outcome.files.items():
            if before.get(path) != text:
                full = root / path
                atomic_write(full.parent, full.name, text.encode(), mode=0o644)
                written.append(path)
        # A build may have pinned a base since the resolution began.
        there = read_outputs(root, [FILE_NAME]).get(FILE_NAME)
        text = render_lock(replace(outcome.lock, pins=read_lock(root).pins))
        if there != text:
            atomic_write(root, FILE_NAME, text.encode(), mode=0o644)
            written.append(FILE_NAME)
    return written
