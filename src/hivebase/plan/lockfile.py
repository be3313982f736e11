"""``hivebase.lock``: the digests at which external bases are pinned, and the wheels that images install.

It names no host of its own, and no address at all: any mirror may serve a wheel, since the hash decides. ::

    version = 1

    [[base]]
    ref = "docker.io/library/python:3.11-slim"
    platform = "linux/amd64"
    digest = "sha256:…"

    [[input]]                       # what `hivebase lock` resolved, so that an edit afterwards is noticed
    path = "base-images/python-grpc-base/requirements.in"
    digest = "sha256:…"
    pythons = ["3.11 x86_64 glibc 2.36"]

    [[output]]                      # what it wrote
    path = "base-images/python-grpc-base/requirements.txt"
    digest = "sha256:…"

    [[install]]                     # what an installation asked for, and what it got
    key = "sha256:…"
    requested = ["grpcio"]
    wheels = [
      "…",  # grpcio 1.76.0
    ]

    [[wheel]]
    name = "grpcio"
    version = "1.76.0"
    file = "grpcio-1.76.0-cp311-cp311-manylinux2014_x86_64.whl"
    sha256 = "…"
    size = 6586567
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Self, TypeGuard

import msgspec

from hivebase.digest import Digest
from hivebase.errors import UsageError
from hivebase.plan.keys import fingerprint
from hivebase.plan.toml_text import string, tables, value_text
from hivebase.plan.wheels import LockedWheel, Request, Resolution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE_NAME = "hivebase.lock"
_VERSION = 1
_HEADER = "# Written by hivebase; the digests that every build of this hive starts from. Commit this file.\n"

_USER = re.compile(r"(?<=://)[^/?#\s@]*@")


class LockedInput(msgspec.Struct, frozen=True):
    """What ``hivebase lock`` read in one place.

    Attributes:
        digest: of what it says, without comments and layout.
        pythons: of the images that it was resolved for, as text.
    """

    digest: Digest
    pythons: tuple[str, ...] = ()


class HiveLock(msgspec.Struct, frozen=True):
    """The lock as a value.

    Attributes:
        pins: digest by canonical reference and platform.
        others: what else the file says, kept as it stands when the file is written again.
        wheels: by sha256; those of ``installs`` are among them.
        installs: what installations resolved to, by :func:`request_key`.
        inputs: what was resolved by ``hivebase lock``, by path or place.
        outputs: digest of each file that it wrote, by path.
    """

    pins: dict[tuple[str, str], Digest]
    others: str = ""
    wheels: Mapping[str, LockedWheel] = {}
    installs: Mapping[Digest, Resolution] = {}
    inputs: Mapping[str, LockedInput] = {}
    outputs: Mapping[str, Digest] = {}

    @classmethod
    def empty(cls) -> Self:
        """Return the lock of a hive that has none yet."""
        return cls({})

    def pin(self, ref: str, platform: str) -> Digest | None:
        """Return the digest for a canonical reference."""
        return self.pins.get((ref, platform))

    def for_platform(self, platform: str) -> dict[str, Digest]:
        """Return digest by canonical reference for one platform."""
        return {ref: digest for (ref, where), digest in self.pins.items() if where == platform}

    def with_pin(self, ref: str, platform: str, digest: Digest) -> HiveLock:
        """Return a lock that has one more pin, or another digest for a known one."""
        return msgspec.structs.replace(self, pins={**self.pins, (ref, platform): digest})

    def with_wheels(self, wheels: Iterable[LockedWheel]) -> HiveLock:
        """Return a lock that knows these wheels too."""
        return msgspec.structs.replace(
            self, wheels={**self.wheels, **{wheel.sha256: wheel for wheel in wheels}}
        )

    def with_install(self, request: Request, resolution: Resolution) -> HiveLock:
        """Return a lock that remembers what ``request`` resolved to, and the wheels of it."""
        installs = {**self.installs, request_key(request): resolution}
        return msgspec.structs.replace(self, installs=installs).with_wheels(resolution.wheels)

    @property
    def rest(self) -> Digest:
        """Digest of what this module does not interpret."""
        return Digest.of(self.others.encode())


def request_key(request: Request) -> Digest:
    """Return what an installation's resolution is remembered by: another question has another key.

    Credentials in addresses do not count: who asks does not change what is asked.
    """
    values = {name: _without_users(getattr(request, name)) for name in request.__struct_fields__}
    return fingerprint("install", 1, values)


def _without_users(value: object) -> object:
    if isinstance(value, str):
        return _USER.sub("", value)
    return tuple(map(_without_users, value)) if isinstance(value, tuple) else value


def parse_lock(text: str, path: str = FILE_NAME) -> HiveLock:
    """Read the text of a lock file.

    Raises:
        UsageError: not TOML, written by a newer hivebase, or an entry that is wrong or lacks a part.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("not valid TOML", where=path, why=str(error)) from error
    version = document.pop("version", None)
    if version != _VERSION:
        raise UsageError(
            f"lock format {version!r} is not known here",
            where=path,
            hint=f"this hivebase knows version {_VERSION}; use a newer one, or delete the file",
        )
    pins = dict(_pin(entry, path) for entry in _entries(document, "base", path))
    wheels: dict[str, LockedWheel] = {}
    for entry in _entries(document, "wheel", path):
        wheel = _wheel(entry, path)
        if wheels.setdefault(wheel.sha256, wheel) != wheel:
            raise UsageError(f"two wheels have the hash {wheel.sha256}", where=path, hint=_ANEW)
    installs = dict(_install(entry, wheels, path) for entry in _entries(document, "install", path))
    inputs = dict(_input(entry, path) for entry in _entries(document, "input", path))
    outputs = dict(_output(entry, path) for entry in _entries(document, "output", path))
    return HiveLock(pins, tables(document), wheels, installs, inputs, outputs)


_ANEW = "run 'hivebase lock'; after a merge, take either side of the file first"


def _entries(document: dict[str, Any], table: str, path: str) -> list[Any]:
    entries = document.pop(table, [])
    if not isinstance(entries, list):
        raise UsageError(f"{table} must be written [[{table}]]", where=path)
    return entries


def _pin(entry: Any, path: str) -> tuple[tuple[str, str], Digest]:
    match entry:
        case {"ref": str(ref), "platform": str(platform), "digest": str(digest)}:
            return (ref, platform), Digest.parse(digest)
    raise UsageError("a [[base]] entry needs ref, platform and digest", where=path, why=f"found {entry!r}")


def _wheel(entry: Any, path: str) -> LockedWheel:
    match entry:
        case {"name": str(name), "version": str(version), "file": str(file), "sha256": str(sha256), **more}:
            size = more.pop("size", 0)
            if isinstance(size, int) and not isinstance(size, bool) and not more:
                wheel = LockedWheel(name, version, file, sha256, size)
                if wheel.well_formed:
                    return wheel
    raise UsageError(
        "a [[wheel]] entry needs name, version, file (a name in *.whl) and sha256, and may have size",
        where=path,
        why=f"found {entry!r}"[:500],
        hint=_ANEW,
    )


def _install(entry: Any, wheels: Mapping[str, LockedWheel], path: str) -> tuple[Digest, Resolution]:
    match entry:
        case {"key": str(key), **more}:
            requested, listed = more.pop("requested", []), more.pop("wheels", [])
            impure = more.pop("impure", "")
            if (
                _are_texts(requested)
                and _are_texts(listed)
                and isinstance(impure, str)
                and not (more or (listed and impure))
            ):
                for sha256 in listed:
                    if sha256 not in wheels:
                        why = f"the installation {key[:19]} names it"
                        raise UsageError(f"there is no wheel {sha256}", where=path, why=why, hint=_ANEW)
                found = Resolution(tuple(wheels[item] for item in listed), frozenset(requested), impure)
                return Digest.parse(key), found
    raise UsageError(
        "an [[install]] entry needs key, and may have requested, and wheels or impure",
        where=path,
        why=f"found {entry!r}"[:500],
        hint=_ANEW,
    )


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _input(entry: Any, path: str) -> tuple[str, LockedInput]:
    match entry:
        case {"path": str(place), "digest": str(digest), **more}:
            pythons = more.pop("pythons", [])
            if _are_texts(pythons) and not more:
                return place, LockedInput(Digest.parse(digest), tuple(pythons))
    raise UsageError(
        "an [[input]] entry needs path and digest, and may have pythons",
        where=path,
        why=f"found {entry!r}"[:500],
        hint=_ANEW,
    )


def _output(entry: Any, path: str) -> tuple[str, Digest]:
    match entry:
        case {"path": str(place), "digest": str(digest)}:
            return place, Digest.parse(digest)
    raise UsageError(
        "an [[output]] entry needs path and digest", where=path, why=f"found {entry!r}"[:500], hint=_ANEW
    )


def render_lock(lock: HiveLock) -> str:
    """Return the text of ``lock``: equal locks, equal text."""
    wheels = {wheel for found in lock.installs.values() for wheel in found.wheels} | set(lock.wheels.values())
    blocks = [
        f"[[base]]\nref = {string(ref)}\nplatform = {string(platform)}\ndigest = {string(digest)}\n"
        for (ref, platform), digest in sorted(lock.pins.items())
    ]
    blocks += [
        f"[[input]]\npath = {string(place)}\ndigest = {string(found.digest)}\n"
        + (f"pythons = {value_text(list(found.pythons))}\n" if found.pythons else "")
        for place, found in sorted(lock.inputs.items())
    ]
    blocks += [
        f"[[output]]\npath = {string(place)}\ndigest = {string(digest)}\n"
        for place, digest in sorted(lock.outputs.items())
    ]
    blocks += [_install_text(key, found) for key, found in sorted(lock.installs.items())]
    blocks += [_wheel_text(wheel) for wheel in sorted(wheels)]
    # What comes after a [[base]] would belong to it, so everything else comes before.
    head = [lock.others] if lock.others else []
    return "\n".join([f"{_HEADER}version = {_VERSION}\n", *head, *blocks])


def _install_text(key: str, found: Resolution) -> str:
    lines = ["[[install]]", f"key = {string(key)}"]
    if found.impure:
        lines.append(f"impure = {string(found.impure)}")
    if found.requested:
        lines.append(f"requested = {value_text(sorted(found.requested))}")
    if found.wheels:
        # The hash is what counts; the name is for those who read a change.
        named = [f'  "{wheel.sha256}",  # {wheel.name} {wheel.version}' for wheel in found.wheels]
        lines += ["wheels = [", *named, "]"]
    return "\n".join(lines) + "\n"


def _wheel_text(wheel: LockedWheel) -> str:
    lines = [
        "[[wheel]]",
        *(f"{name} = {string(getattr(wheel, name))}" for name in ("name", "version", "file", "sha256")),
        *([f"size = {wheel.size}"] if wheel.size else []),
    ]
    return "\n".join(lines) + "\n"
