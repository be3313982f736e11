"""``hivebase lock``: one joint resolution for all images of a hive, written down for each.

All inputs that share an interpreter are resolved at once, so that images agree on versions; then each image's
own part of that result is found by resolving it again within the joint one. Nothing is written before all of it
is known.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.build.conflicts import explain
from hivebase.build.lock_files import pins_of, requirements_text
from hivebase.build.lock_question import Agreement, question_of
from hivebase.build.resolver import chosen, newest_first
from hivebase.build.uv import ConflictError
from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.plan.lockfile import request_key
from hivebase.plan.requirement_files import split_hashes
from hivebase.plan.resolve_pins import normalise
from hivebase.plan.wheels import Resolution
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hivebase.build.lock_inputs import ImageInput, Line
    from hivebase.build.pylock import Package
    from hivebase.build.uv import Uv
    from hivebase.plan.lockfile import HiveLock
    from hivebase.plan.pythons import Python
    from hivebase.plan.wheels import LockedWheel

_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What need not stay as it is.

    Attributes:
        everything: all packages.
        packages: these; with a version, they take that one.
    """

    everything: bool = False
    packages: Mapping[str, str] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether all may stay."""
        return not (self.everything or self.packages)


@dataclass(frozen=True, slots=True)
class Change:
    """One package that changed in some images; an empty version means that it was not there, or is not now."""

    name: str
    before: str
    after: str
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A resolution that is not written down yet.

    Attributes:
        lock: the new lock.
        files: text of each output, by path.
        changes: by name.
    """

    lock: HiveLock
    files: Mapping[str, str]
    changes: tuple[Change, ...]


class Locking:
    """Resolves a hive.

    Args:
        uv: asks the indexes.
        inputs: of the hive.
        lock: the one that there is.
        before: text of each output that exists, by path.
        learn: told of all packages that indexes listed, to remember where they are.
        exclude_newer: releases after that do not count, as uv takes it.
    """

    def __init__(
        self,
        uv: Uv,
        inputs: Sequence[ImageInput],
        lock: HiveLock,
        before: Mapping[str, str],
        *,
        learn: Callable[[Iterable[Package]], object] = lambda _: None,
        exclude_newer: str = "",
    ) -> None:
        self._uv = uv
        self._inputs = inputs
        self._lock = lock
        self._before = {path: pins_of(text) for path, text in before.items()}
        self._learn = learn
        self._exclude_newer = exclude_newer

    def resolve(self, upgrade: Upgrade) -> Outcome:
        """Resolve everything.

        Raises:
            ConflictError: the images cannot agree, or one cannot be satisfied; told image by image.
            UsageError: a package has no wheel, or nobody installs what is to be upgraded.
            UnreachableError: an index cannot be asked.
            SystemFaultError: uv failed.
        """
        for item in self._inputs:
            if not item.pythons:
                raise UsageError(
                    "it is not known for which Python to resolve",
                    where=item.path,
                    why=f"no interpreter is found in the base of {', '.join(item.images)}",
                    hint="name a base image that has Python, or remove the file",
                )
            for line in (*item.lines, *item.constraints):
                _check(line)
        agreement = Agreement(
            self._preferences(upgrade),
            tuple(f"{name}=={version}" for name, version in upgrade.packages.items() if version),
            self._exclude_newer,
            ("*",) if upgrade.everything else tuple(upgrade.packages),
        )
        joint: dict[Python, dict[str, str]] = {}
        for python in dict.fromkeys(python for item in self._inputs for python in item.pythons):
            packages = self._together(python, agreement)
            joint[python] = {package.name: package.version for package in packages}
            # What one interpreter takes is what the next one stays with.
            agreement = replace(agreement, preferences={**agreement.preferences, **joint[python]})
        _refuse_unknown(upgrade, joint.values())
        return self._outcome(self._parts(joint, agreement), joint, upgrade)

    def _together(self, python: Python, agreement: Agreement) -> Sequence[Package]:
        group = [item for item in self._inputs if python in item.pythons]
        try:
            packages = self._uv.compile(question_of(group, python, agreement))
        except ConflictError as error:
            raise explain(self._uv, group, python, agreement, error) from error
        self._learn(packages)
        return packages

    def _parts(
        self, joint: Mapping[Python, Mapping[str, str]], agreement: Agreement
    ) -> dict[str, dict[Python, Sequence[LockedWheel]]]:
        """Return for each input and interpreter the part of the joint result that it needs."""
        jobs = [(item, python) for item in self._inputs for python in item.pythons]

        def part(job: tuple[ImageInput, Python]) -> Sequence[LockedWheel]:
            item, python = job
            pins = [f"{name}=={version}" for name, version in joint[python].items()]
            settled = replace(agreement, constraints=(*agreement.constraints, *pins))
            packages = self._uv.compile_again(question_of([item], python, settled))
            found = chosen(packages, [], python)
            if found.impure:
                raise UsageError(
                    f"cannot be locked: {found.impure}",
                    where=item.path,
                    hint="take a version that has a wheel, or build one into a directory that find-links names",
                )
            return found.wheels

        with ThreadPoolExecutor(_WORKERS, "lock") as pool:
            results = list(pool.map(part, jobs))
        parts: dict[str, dict[Python, Sequence[LockedWheel]]] = {item.path: {} for item in self._inputs}
        for (item, python), wheels in zip(jobs, results, strict=True):
            parts[item.path][python] = wheels
        return parts

    def _outcome(
        self,
        parts: Mapping[str, Mapping[Python, Sequence[LockedWheel]]],
        joint: Mapping[Python, Mapping[str, str]],
        upgrade: Upgrade,
    ) -> Outcome:
        files = {
            item.output: requirements_text(parts[item.path], item.path)
            for item in self._inputs
            if item.output
        }
        wheels = {
            # Not every index tells a size; what another one told stays.
            wheel.sha256: wheel if wheel.size else self._lock.wheels.get(wheel.sha256, wheel)
            for part in parts.values()
            for found in part.values()
            for wheel in found
        }
        asked = {
            request_key(item.request): Resolution(
                tuple(sorted(parts[item.path][item.pythons[0]])), _names(item.lines)
            )
            for item in self._inputs
            if item.request is not None
        }
        kept = asked | {
            key: found
            for key, found in self._lock.installs.items()
            if key not in asked and _still_agrees(found.wheels, joint, upgrade, impure=bool(found.impure))
        }
        wheels |= {wheel.sha256: wheel for found in kept.values() for wheel in found.wheels}
        lock = replace(
            self._lock,
            wheels=wheels,
            installs=kept,
            inputs={item.path: item.locked for item in self._inputs},
            outputs={path: Digest.of(text.encode()) for path, text in files.items()},
        )
        return Outcome(lock, files, self._changes(files))

    def _preferences(self, upgrade: Upgrade) -> dict[str, str]:
        """Return the versions to stay with: those of the outputs, else those of the lock."""
        if upgrade.everything:
            return {}
        found: dict[str, str] = {}
        for wheel in newest_first(self._lock.wheels.values()):
            found.setdefault(wheel.name, wheel.version)
        for pins in self._before.values():
            found |= pins
        return {name: version for name, version in found.items() if name not in upgrade.packages}

    def _changes(self, files: Mapping[str, str]) -> tuple[Change, ...]:
        images: dict[tuple[str, str, str], list[str]] = {}
        for item in self._inputs:
            before = self._before.get(item.output, {})
            after = pins_of(files.get(item.output, ""))
            for name in before.keys() | after.keys():
                versions = before.get(name, ""), after.get(name, "")
                if versions[0] != versions[1]:
                    images.setdefault((name, *versions), []).extend(item.images)
        return tuple(Change(*key, tuple(sorted(set(names)))) for key, names in sorted(images.items()))


def _check(line: Line) -> None:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 -- slow to load

    try:
        Requirement(split_hashes(line.text)[0])
    except InvalidRequirement as error:
        raise UsageError(
            f"not a requirement: {line.text}",
            where=line.origin,
            why=str(error).splitlines()[0],
            hint="see PEP 508",
        ) from None


def _names(lines: Sequence[Line]) -> frozenset[str]:
    """Return the packages that ``lines`` name."""
    return frozenset(
        normalise(re.split(r"[^A-Za-z0-9._-]", line.text.strip(), maxsplit=1)[0]) for line in lines
    )


def _refuse_unknown(upgrade: Upgrade, joint: Iterable[Mapping[str, str]]) -> None:
    known = {name for pins in joint for name in pins}
    unknown = sorted(set(upgrade.packages) - known)
    if unknown:
        raise UsageError(
            f"no image installs {', '.join(unknown)}",
            why="--upgrade-package names what is locked already",
            hint="add it to a requirements.in",
        )


def _still_agrees(
    wheels: Iterable[LockedWheel],
    joint: Mapping[Python, Mapping[str, str]],
    upgrade: Upgrade,
    *,
    impure: bool,
) -> bool:
    """Tell whether a remembered installation stays; one that does not is resolved anew by the next build."""
    if upgrade.everything:
        return False
    if impure:
        return not upgrade.packages
    versions: dict[str, set[str]] = {}
    for pins in joint.values():
        for name, version in pins.items():
            versions.setdefault(name, set()).add(version)
    return not any(
        wheel.name in upgrade.packages or wheel.version not in versions.get(wheel.name, {wheel.version})
        for wheel in wheels
    )
