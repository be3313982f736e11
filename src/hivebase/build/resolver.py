"""What an installation installs, when the lock does not say it: asked of uv, for the Python of the image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hivebase.build.uv import ConflictError, Question
from hivebase.build.uv_host import index_variables
from hivebase.plan.requirement_files import split_hashes
from hivebase.plan.resolve_pins import best, environment, normalise
from hivebase.plan.wheels import Resolution

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hivebase.build.addresses import Addresses
    from hivebase.build.pylock import Package
    from hivebase.build.uv import Uv
    from hivebase.plan.pythons import Python
    from hivebase.plan.wheels import LockedWheel, Request

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)", re.ASCII)
_PREFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*\Z", re.ASCII)


class Resolver:
    """Answers requests.

    Args:
        uv: asks the indexes.
        addresses: learns where the wheels are, so that nobody asks again to download them.
        exclude_newer: of the hive's ``[lock]``.
    """

    def __init__(self, uv: Uv, addresses: Addresses, exclude_newer: str = "") -> None:
        self._uv = uv
        self._exclude_newer = exclude_newer
        self._addresses = addresses

    def resolve(self, request: Request, python: Python, preferences: Iterable[LockedWheel]) -> Resolution:
        """Return what ``request`` installs in an image with ``python``.

        Args:
            request: the question. ``find_links`` are directories of this machine, and URLs.
            python: of the image.
            preferences: wheels of the hive; their versions are taken where they satisfy, so that images agree.

        Raises:
            ConflictError: no versions satisfy it.
            UsageError: a requirement cannot be read.
            UnreachableError: an index cannot be asked.
            SystemFaultError: uv failed.
        """
        question = Question(
            request.requirements,
            python,
            request.constraints,
            _preferences(request, preferences),
            request.deps,
            request.pre,
            request.no_index,
            exclude_newer=self._exclude_newer,
            environ=index_variables(request),
        )
        try:
            packages = self._uv.compile(question)
        except ConflictError as error:
            if not error.no_wheels:
                raise
            # pip would build it from source; that is for the sandbox.
            named = ", ".join(error.no_wheels)
            return Resolution(
                impure=f"{named}: no version that is asked for has a wheel for {described(python)}"
            )
        self._addresses.extend(request)
        self._addresses.learn(packages)
        return chosen(packages, request.requirements, python)


def chosen(packages: Sequence[Package], requirements: Sequence[str], python: Python) -> Resolution:
    """Return the wheels of ``packages`` that pip would install, or why there are none.

    Args:
        packages: what was resolved.
        requirements: the lines that were asked for; with hashes, no other files count.
        python: of the image.
    """
    hashes = _hashes(requirements, python)
    # One --hash anywhere, and pip wants one for everything.
    strict = any(" --hash=" in line for line in requirements)
    wheels = []
    for package in packages:
        allowed = hashes.get(package.name, frozenset())
        if strict and not allowed:
            return Resolution(
                impure=f"{package.name} {package.version} is needed and has no --hash: pip refuses that"
            )
        wheel = best((item for item, _ in package.wheels if not allowed or item.sha256 in allowed), python)
        if wheel is None:
            return Resolution(impure=_without(package, python, hashed=bool(allowed)))
        wheels.append(wheel)
    named = frozenset(hashes) & {wheel.name for wheel in wheels}
    return Resolution(tuple(sorted(wheels)), named)


def described(python: Python) -> str:
    """Return ``CPython 3.11 on x86_64 with glibc 2.36``."""
    libc = ".".join(map(str, python.libc_version))
    return f"CPython {python.minor} on {python.machine} with {python.libc} {libc}"


def _without(package: Package, python: Python, *, hashed: bool) -> str:
    what = f"{package.name} {package.version}"
    if package.wheels and hashed:
        return f"{what} has no wheel for {described(python)} among the hashes that are allowed"
    instead = f", but {package.other}" if package.other else ""
    return f"{what} has no wheel for {described(python)}{instead}"


def _hashes(requirements: Iterable[str], python: Python) -> dict[str, frozenset[str]]:
    """Return the hashes that are allowed, by the names of the lines that count in the image."""
    found: dict[str, frozenset[str]] = {}
    for line in requirements:
        what, values = split_hashes(line)
        match = _NAME.match(what)
        if match is None or not _counts(what, python):
            continue
        sha256 = {value.removeprefix("sha256:") for value in values}
        if " @ " in what and (tied := re.search(r"#(?:.*&)?sha256=([0-9a-f]{64})", what)):
            sha256.add(tied[1])
        name = normalise(match[1])
        found[name] = found.get(name, frozenset()) | sha256
    return found


def _counts(requirement: str, python: Python) -> bool:
    if ";" not in requirement:
        return True
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 -- slow to load

    try:
        marker = Requirement(requirement).marker
    except InvalidRequirement:
        return True
    return marker is None or marker.evaluate({**environment(python), "extra": ""})


def _preferences(request: Request, wheels: Iterable[LockedWheel]) -> dict[str, str]:
    """Return the versions to stay with: what the image has, then what the hive has agreed on."""
    installed = {normalise(name): version for name, version in request.installed}
    renewed = set(installed) if "*" in request.upgrade else {normalise(name) for name in request.upgrade}
    found: dict[str, str] = {}
    for wheel in newest_first(wheels):
        # Asked for the newest, the image's own version is the one that must not win.
        if wheel.name not in renewed or installed.get(wheel.name) != wheel.version:
            found.setdefault(wheel.name, wheel.version)
    found |= {name: version for name, version in installed.items() if name not in renewed}
    return {name: version for name, version in found.items() if _PREFERENCE.match(name + version)}


def newest_first(wheels: Iterable[LockedWheel]) -> list[LockedWheel]:
    """Sort by version, the newest first."""
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 -- slow to load, and seldom needed

    def key(wheel: LockedWheel) -> tuple[bool, Version, LockedWheel]:
        try:
            return True, Version(wheel.version), wheel
        except InvalidVersion:
            return False, Version("0"), wheel

    return sorted(wheels, key=key, reverse=True)
