"""Where wheels can be had from: kept on this machine only, and asked of uv when it is not known.

The lock names wheels by hash and no place. What an index said of them while something was resolved is kept in
the user's cache, one file for each index configuration, so that wheels of a mirror are not asked of another.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import msgspec

from hivebase.build.uv import ConflictError, Question
from hivebase.build.uv_host import index_variables, user_of, without_user
from hivebase.fs import atomic_write, system_fault
from hivebase.locks import FileLock
from hivebase.plan.requirement_files import split_hashes
from hivebase.transport import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from hivebase.build.pylock import Package
    from hivebase.build.uv import Uv
    from hivebase.plan.pythons import Python
    from hivebase.plan.wheels import LockedWheel, Request

_Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Addresses:
    """Implements :class:`hivebase.layers.wheels.files.Locate`. Safe for use from several threads.

    Args:
        uv: asks.
        cache: the user's cache directory (``layers.wheels.files.cache_directory``).
        pythons: of the images; an index lists for each what fits it.
    """

    def __init__(self, uv: Uv, cache: Path, pythons: Iterable[Python]) -> None:
        self._uv = uv
        self._file = cache / "addresses" / uv.host.key
        self._pythons = tuple(dict.fromkeys(pythons))
        self._lock = threading.Lock()
        self._kept: dict[str, str] | None = None
        self._fresh: dict[str, str] = {}
        self._answered: dict[str, LockedWheel] = {}
        self._asked: set[str] = set()
        self._offered: dict[str, str] = {}
        self._indexes: list[Mapping[str, str]] = [{}]
        self._users: dict[Origin, str] = {}

    def __call__(self, wheels: Sequence[LockedWheel], /, *, again: bool = False) -> Mapping[str, str]:
        """Return an address for each of ``wheels`` that an index has.

        Raises:
            UnreachableError: an index cannot be asked.
            SystemFaultError: uv failed.
        """
        with self._lock:
            if self._kept is None:
                self._kept = _read(self._file)
            if again:
                # One address was wrong, so all that were kept from that time are doubtful: ask once for all.
                doubtful = {**self._answered, **{wheel.sha256: wheel for wheel in wheels}}
                self._ask([wheel for sha256, wheel in doubtful.items() if sha256 not in self._asked])
            else:
                known = {**self._kept, **self._fresh}
                self._answered |= {wheel.sha256: wheel for wheel in wheels if wheel.sha256 in known}
                self._ask([wheel for wheel in wheels if wheel.sha256 not in known])
            found = {} if again else self._kept
            return {
                wheel.sha256: self._uv.host.with_credentials(address, self._users)
                for wheel in wheels
                if (
                    address := self._fresh.get(wheel.sha256)
                    or found.get(wheel.sha256)
                    or self._offered.get(wheel.file)
                )
            }

    def extend(self, request: Request) -> None:
        """Look for wheels also where an installation says itself, in indexes and URLs of its own."""
        variables = index_variables(request)
        with self._lock:
            if variables and variables not in self._indexes:
                self._indexes.append(variables)
                self._asked &= self._fresh.keys()
            named = [request.index_url, *request.extra_index_urls]
            for line in request.requirements:
                _, at, place = split_hashes(line)[0].partition(" @ ")
                if at:
                    url = place.partition(" ;")[0].strip()
                    named.append(url)
                    # No index lists it. The hash decides, as always.
                    self._offered[unquote(urlsplit(url).path).rpartition("/")[2]] = url.partition("#")[0]
            self._users |= {Origin.of(url): user for url in named if (user := user_of(url))}

    def learn(self, packages: Iterable[Package]) -> None:
        """Keep what a resolution said.

        Raises:
            SystemFaultError: it cannot be written.
        """
        with self._lock:
            self._learn(packages)

    def _ask(self, wheels: Sequence[LockedWheel]) -> None:
        """Ask for all of ``wheels`` at once: each index configuration, and for one Python after another."""
        self._asked.update(wheel.sha256 for wheel in wheels)
        for environ in self._indexes:
            for python in self._pythons:
                left = [wheel for wheel in wheels if wheel.sha256 not in self._fresh]
                for batch in _without_clashes(left):
                    self._learn(self._listed(batch, python, environ))

    def _listed(
        self, wheels: Sequence[LockedWheel], python: Python, environ: Mapping[str, str]
    ) -> Sequence[Package]:
        lines = [f"{wheel.name}=={wheel.version}" for wheel in wheels]
        try:
            return self._uv.compile(Question(lines, python, deps=False, environ=environ))
        except ConflictError:
            # At least one is gone, or is for another Python. Halving finds it without asking for each alone.
            if len(wheels) == 1:
                return ()
            half = len(wheels) // 2
            return [
                *self._listed(wheels[:half], python, environ),
                *self._listed(wheels[half:], python, environ),
            ]

    def _learn(self, packages: Iterable[Package]) -> None:
        new = {
            wheel.sha256: without_user(address)
            for package in packages
            for wheel, address in package.wheels
            if address
        }
        self._fresh |= new
        if not new or all((self._kept or {}).get(sha256) == address for sha256, address in new.items()):
            return
        directory = self._file.parent
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise system_fault(error, "cannot keep addresses of wheels", where=directory) from error
        with FileLock(self._file.with_suffix(".lock")):
            self._kept = {**_read(self._file), **new}
            atomic_write(directory, self._file.name, msgspec.json.encode(self._kept))


def _read(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[_Sha256, str])
    except (OSError, msgspec.MsgspecError):
        return {}


def _without_clashes(wheels: Iterable[LockedWheel]) -> list[list[LockedWheel]]:
    """Split so that no part has two versions of one package: uv would see a contradiction."""
    parts: list[dict[str, LockedWheel]] = []
    for wheel in wheels:
        for part in parts:
            known = part.setdefault(wheel.name, wheel)
            if known.version == wheel.version:
                break
        else:
            parts.append({wheel.name: wheel})
    return [list(part.values()) for part in parts]
