"""Answers what an installation installs from the lock alone, without asking anybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from hivebase.plan.lockfile import request_key
from hivebase.plan.wheel_tags import build_number, rank
from hivebase.plan.wheels import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hivebase.plan.lockfile import HiveLock
    from hivebase.plan.pythons import Python
    from hivebase.plan.wheels import LockedWheel, Request

_PIN = re.compile(
    r"""
    (?P<name> [A-Za-z0-9] (?: [A-Za-z0-9._-]* [A-Za-z0-9] )? ) \s*
    (?: \[ [^\]]* \] \s* )?
    ={2,3} \s* (?P<version> [A-Za-z0-9.!+_-]+ ) \s*
    (?: ; \s* (?P<marker> .+ ) )?
    """,
    re.VERBOSE | re.ASCII,
)
_HASH = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_ZEROS = re.compile(r"(\.0+)+\Z")


class Pin(msgspec.Struct, frozen=True):
    """``name==version``, perhaps with hashes and a marker.

    Attributes:
        name: normalised.
        version: as written.
        hashes: 64 hex digits each.
        marker: as written, empty for none.
    """

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    marker: str = ""


def normalise(name: str) -> str:
    """Return the name of a package in its one spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_pin(line: str) -> Pin | None:
    """Read a requirement as :mod:`hivebase.plan.requirement_files` gives it; None for anything but a pin."""
    what, *hashes = line.split(" --hash=sha256:")
    found = _PIN.fullmatch(what)
    if found is None or not all(map(_HASH.match, hashes)):
        return None
    return Pin(normalise(found["name"]), found["version"], tuple(hashes), found["marker"] or "")


def answer(request: Request, lock: HiveLock, python: Python) -> Resolution | None:
    """Return what ``request`` installs if ``lock`` says it, else None.

    It says so when it remembers this very question, or when every requirement is pinned to versions and hashes
    (then the files decide, and the index has no say), and it knows a fitting wheel for each.
    """
    known = lock.installs.get(request_key(request))
    if known is not None:
        return known
    pins = [parse_pin(line) for line in request.requirements]
    if not pins or not all(pin and pin.hashes for pin in pins):
        return None
    return _chosen([pin for pin in pins if pin], request, lock, python)


def _chosen(pins: list[Pin], request: Request, lock: HiveLock, python: Python) -> Resolution | None:
    is_true = _markers(python)
    wheels: dict[str, LockedWheel] = {}
    for pin in pins:
        if pin.marker and not is_true(pin.marker):
            continue
        known = (lock.wheels.get(sha256) for sha256 in pin.hashes)
        wheel = best((found for found in known if found is not None and found.name == pin.name), python)
        if wheel is None or not same_version(wheel.version, pin.version):
            return None
        if wheels.setdefault(pin.name, wheel) != wheel:
            return None
    if not all(_allowed(line, wheels, is_true) for line in request.constraints):
        return None
    return Resolution(tuple(wheels[name] for name in sorted(wheels)), frozenset(wheels))


def best(wheels: Iterable[LockedWheel], python: Python) -> LockedWheel | None:
    """Return the wheel that pip would take of several of one version, or None if none fits."""
    found = [
        (-place, build_number(wheel.file), wheel)
        for wheel in wheels
        if (place := rank(wheel.file, python)) is not None
    ]
    return max(found)[2] if found else None


def same_version(one: str, other: str) -> bool:
    """Tell whether two versions are equal in the sense of PEP 440."""
    if one == other:
        return True
    if re.fullmatch(r"[0-9.]+", one + other):
        return _ZEROS.sub("", one) == _ZEROS.sub("", other)
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 -- slow to load, and seldom needed

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _allowed(line: str, wheels: dict[str, LockedWheel], is_true: Callable[[str], bool]) -> bool:
    """Tell whether a constraint leaves the chosen wheels as they are; one that is not understood does not."""
    pin = parse_pin(line)
    if pin is not None:
        wheel = wheels.get(pin.name)
        if wheel is None or (pin.marker and not is_true(pin.marker)):
            return True
        return same_version(wheel.version, pin.version) and (not pin.hashes or wheel.sha256 in pin.hashes)
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 -- see above

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return False
    wheel = wheels.get(normalise(requirement.name))
    if wheel is None or (requirement.marker and not is_true(str(requirement.marker))):
        return True
    return requirement.url is None and requirement.specifier.contains(wheel.version, prereleases=True)


def _markers(python: Python) -> Callable[[str], bool]:
    """Return a function that evaluates markers for ``python``; a wrong one is true, so that it is seen."""

    def is_true(text: str) -> bool:
        from packaging.markers import InvalidMarker, Marker  # noqa: PLC0415 -- slow to load, and seldom needed

        try:
            return Marker(text).evaluate({**environment(python), "extra": ""})
        except InvalidMarker:
            return True

    return is_true


def environment(python: Python) -> dict[str, str]:
    """Return the variables of environment markers (PEP 508) for an interpreter in an image."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python.version,
        "os_name": "posix",
        "platform_machine": python.machine,
        "platform_python_implementation": "CPython",
        # The kernel's, which is not known before the image runs somewhere.
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": python.version,
        "python_version": python.minor,
        "sys_platform": "linux",
    }
