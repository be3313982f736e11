"""What the file name of a wheel says (PyPA: binary distribution format, file name convention; fault A-16)."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.layers.wheels.refuse import refused
from hivebase.plan import wheel_tags

if TYPE_CHECKING:
    from packaging.version import Version

    from hivebase.plan.pythons import Python

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?\Z")
_BUILD = re.compile(r"[0-9]+[A-Za-z0-9_.]*\Z")
_TAGS = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*\Z")
_SEPARATORS = re.compile(r"[-_.]+")
_SIMPLE_VERSION = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*\Z")


@dataclass(frozen=True, slots=True)
class WheelName:
    """The parts of ``name-version[-build]-python-abi-platform.whl``.

    Attributes:
        file: the file name itself.
        name: normalised (PEP 503).
        version: normalised (PEP 440).
        build: the build tag's number and the rest of it, ``(0, "")`` when there is none.
        pythons: of the tags, lower case, as all three; the wheel has every combination.
        abis: the same.
        platforms: the same.
    """

    file: str
    name: str
    version: str
    build: tuple[int, str]
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]

    def fits(self, python: Python) -> bool:
        """Tell whether an interpreter takes the wheel, as far as its name says."""
        return self.rank(python) is not None

    def rank(self, python: Python) -> int | None:
        """Return how well the wheel fits: 0 is best, None not at all; equal ranks are told apart by ``build``."""
        return wheel_tags.rank(self.file, python)


def parse(file: str) -> WheelName:
    """Read the file name of a wheel.

    Raises:
        CorruptContentError: it is not one.
    """
    parts = file.removesuffix(".whl").split("-")
    if not file.endswith(".whl") or len(parts) not in (5, 6):
        raise _bad(file, "it is not of the form name-version-python-abi-platform.whl")
    name, version, *build = parts[:-3]
    if not _NAME.match(name) or "__" in name:
        raise _bad(file, "the name in its file name is not valid")
    if normal_version(version) is None:
        raise _bad(file, "the version in its file name is not valid")
    if build and not _BUILD.match(build[0]):
        raise _bad(file, "the build tag in its file name is not valid")
    if not all(map(_TAGS.match, parts[-3:])):
        raise _bad(file, "the tags in its file name are not valid")
    pythons, abis, platforms = (tuple(part.lower().split(".")) for part in parts[-3:])
    number = re.match("[0-9]+", build[0]) if build else None
    made = (int(number[0]), build[0][number.end() :]) if number else (0, "")
    return WheelName(file, normal_name(name), normal_version(version) or "", made, pythons, abis, platforms)


def normal_name(name: str) -> str:
    """Return the name of a distribution in normal form (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def normal_version(version: str) -> str | None:
    """Return a version in normal form (PEP 440), or None if it is none."""
    if _SIMPLE_VERSION.match(version):
        return version
    parsed = _version(version)
    return None if parsed is None else str(parsed)


def same_version(one: str, other: str) -> bool:
    """Tell whether two texts mean one version: ``1.0``, ``1.0.0`` and ``v1`` do."""
    if one == other:
        return True
    parsed = _version(one)
    return parsed is not None and parsed == _version(other)


@functools.lru_cache(maxsize=1024)
def _version(text: str) -> Version | None:
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 -- 10 ms that most runs do not need

    try:
        return Version(text)
    except InvalidVersion:
        return None


def _bad(file: str, what: str) -> Exception:
    return refused(file, what, hint="rename the file to what it was published as")
