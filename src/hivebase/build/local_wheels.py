"""Wheels that lie in an image or in a mount: found and chosen as pip does with ``--no-index`` and with paths."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.layers.wheels.archive import Archive
from hivebase.layers.wheels.metadata import read_contents
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.plan.requirement_files import split_hashes
from hivebase.plan.resolve_pins import best, environment, normalise, parse_pin, same_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from packaging.requirements import Requirement

    from hivebase.build.visible import Visible
    from hivebase.plan.pythons import Python
    from hivebase.plan.wheels import LockedWheel

_WHEEL = re.compile(r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>[^-]+)(-[^-]+){3,4}\.whl\Z")
_MOST_DEPENDENCIES = 10_000


@dataclass(frozen=True, slots=True)
class LocalWheel:
    """One wheel that was found.

    Attributes:
        wheel: what it is.
        url: where the installer would say it came from, for ``direct_url.json``; empty when found by name.
    """

    wheel: LockedWheel
    url: str = ""


class LocalWheels:
    """The wheels that one step sees.

    Args:
        visible: its files.
        keep: takes a wheel into the cache of wheels: a stream and the file's name.
        path_of: returns the kept file of a wheel.
        python: of the image.
    """

    def __init__(
        self,
        visible: Visible,
        keep: Callable[[BinaryIO, str], LockedWheel],
        path_of: Callable[[LockedWheel], Path],
        python: Python,
    ) -> None:
        self._visible = visible
        self._keep = keep
        self._path_of = path_of
        self._python = python

    def at(self, path: str) -> Iterator[LocalWheel]:
        """Yield the wheels that a path on the command line names; it may hold wildcards in its last part.

        Raises:
            NotComposableError: there is none, or something else.
        """
        directory, pattern = posixpath.split(path)
        matched = [name for name in self._names(directory) if _matches(name, pattern)]
        if not matched:
            raise NotComposableError(f"{path} is not there")
        for name in matched:
            if not _WHEEL.match(name):
                raise NotComposableError(f"{directory}/{name} is not called as a wheel is")
            yield LocalWheel(self._take(directory, name), f"file://{directory}/{name}")

    def named(
        self,
        requirements: Sequence[str],
        directories: Sequence[str],
        installed: Mapping[str, str],
        *,
        deps: bool,
    ) -> list[LocalWheel]:
        """Return the newest fitting wheels in ``directories`` for ``requirements`` and, with ``deps``, for theirs.

        Raises:
            NotComposableError: something is not there, or could be chosen in several ways.
        """
        pinned = self._pinned(requirements, directories, installed) if not deps else None
        if pinned is not None:
            return pinned
        offers = self._offers(directories)
        chosen: dict[str, LockedWheel] = {}
        pending = list(requirements)
        for _ in range(_MOST_DEPENDENCIES):
            if not pending:
                return [LocalWheel(wheel) for _, wheel in sorted(chosen.items())]
            line, hashes = split_hashes(pending.pop())
            wanted = self._requirement(line)
            if wanted is None:
                continue
            name = normalise(wanted.name)
            before = chosen.get(name)
            held = before.version if before is not None else installed.get(name, "")
            if held and wanted.specifier.contains(held, prereleases=True):
                continue
            if before is not None:
                raise NotComposableError(f"{wanted.name} is wanted in two versions")
            wheel = self._newest(wanted, offers.get(name, {}), directories)
            if hashes and f"sha256:{wheel.sha256}" not in hashes:
                raise NotComposableError(f"the wheel of {wanted.name} has none of the hashes in {line!r}")
            chosen[name] = wheel
            if deps:
                pending += self.requires(wheel)
        raise NotComposableError("there is no end to the dependencies")

    def _pinned(
        self, requirements: Sequence[str], directories: Sequence[str], installed: Mapping[str, str]
    ) -> list[LocalWheel] | None:
        """Return the wheels of plain pins, which need no library to be understood; None for anything else."""
        pins = [parse_pin(line) for line in requirements]
        offers = self._offers(directories)
        chosen: dict[str, LockedWheel] = {}
        for pin in pins:
            if pin is None or pin.marker or pin.name in chosen:
                return None
            if same_version(installed.get(pin.name, ""), pin.version):
                continue
            places = offers.get(pin.name, {}).get(pin.version, [])
            wheel = best([self._take(place, file) for place, file in places], self._python)
            if wheel is None or (pin.hashes and wheel.sha256 not in pin.hashes):
                return None
            chosen[pin.name] = wheel
        return [LocalWheel(chosen[name]) for name in sorted(chosen)]

    def _requirement(self, line: str) -> Requirement | None:
        """Return a requirement, or None if its marker says that it does not count here."""
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 -- seldom needed

        try:
            wanted = Requirement(line)
        except InvalidRequirement as error:
            raise NotComposableError(f"{line!r} is not a requirement: {error}") from None
        if wanted.marker and not wanted.marker.evaluate({**environment(self._python), "extra": ""}):
            return None
        if wanted.url or wanted.extras:
            raise NotComposableError(f"{line!r} has an address or extras")
        return wanted

    def _newest(
        self, wanted: Requirement, offers: Mapping[str, list[tuple[str, str]]], directories: Sequence[str]
    ) -> LockedWheel:
        from packaging.version import Version  # noqa: PLC0415 -- seldom needed

        allowed = bool(wanted.specifier.prereleases)
        fitting = [item for item in offers if wanted.specifier.contains(item, prereleases=allowed)]
        newest = max(fitting, key=Version, default="")
        wheels = [self._take(place, file) for place, file in offers.get(newest, ())]
        wheel = best(wheels, self._python)
        if wheel is None:
            raise NotComposableError(f"no wheel of {wanted} that fits is in {', '.join(directories)}")
        return wheel

    def requires(self, wheel: LockedWheel) -> tuple[str, ...]:
        """Return what a kept wheel says it needs (``Requires-Dist``)."""
        with Archive.open(self._path_of(wheel), where=wheel.file) as archive:
            return read_contents(archive, wheel.file).requires_dist

    def _offers(self, directories: Sequence[str]) -> dict[str, dict[str, list[tuple[str, str]]]]:
        """Return directory and file name of all wheels, by normalised name and by version."""
        found: dict[str, dict[str, list[tuple[str, str]]]] = {}
        for directory in directories:
            if "://" in directory:
                raise NotComposableError(f"--find-links {directory.rpartition('@')[2]} is on a network")
            for name in self._names(directory):
                match = _WHEEL.match(name)
                if match is not None:
                    versions = found.setdefault(normalise(match["name"]), {})
                    versions.setdefault(match["version"], []).append((directory, name))
                elif name.endswith((".tar.gz", ".zip")):
                    raise NotComposableError(f"{directory} also has source archives, such as {name}")
        return found

    def _names(self, directory: str) -> Sequence[str]:
        source, real, _ = self._visible.find(directory)
        fact = source.get(real)
        return source.children(real) if fact is not None and fact.kind == "dir" else ()

    def _take(self, directory: str, name: str) -> LockedWheel:
        source, real, _ = self._visible.find(f"{directory}/{name}")
        fact = source.get(real)
        if fact is None or fact.kind != "file":
            raise NotComposableError(f"{directory}/{name} is no regular file")
        with source.open(real) as stream:
            return self._keep(stream, name)


def _matches(name: str, pattern: str) -> bool:
    expression = "".join(".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    # A wildcard does not match a leading dot, as in the shell.
    return bool(re.fullmatch(expression, name)) and (pattern.startswith(".") or not name.startswith("."))
