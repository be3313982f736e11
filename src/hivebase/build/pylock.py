"""What uv resolved to, read from its ``pylock.toml`` (PEP 751)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from hivebase.errors import SystemFaultError
from hivebase.layers.wheels.obtain import local_path
from hivebase.plan.wheels import LockedWheel


@dataclass(frozen=True, slots=True)
class Package:
    """One package of a resolution.

    Attributes:
        name: normalised.
        version: normalised.
        wheels: those that may fit, each with its address (a URL without credentials, or a path).
        other: what it has instead of wheels, for people: ``a source archive``, ``a repository``; or empty.
    """

    name: str
    version: str
    wheels: tuple[tuple[LockedWheel, str], ...]
    other: str = ""


def parse_pylock(text: str) -> tuple[Package, ...]:
    """Read uv's output.

    Raises:
        SystemFaultError: it is not what this version of hivebase understands.
    """
    try:
        document = tomllib.loads(text)
        return tuple(_package(entry) for entry in document.get("packages", []))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SystemFaultError(
            "uv's answer is not understood",
            why=f"{type(error).__name__}: {error}"[:200],
            hint="another version of uv is installed than hivebase asks for: reinstall hivebase",
        ) from error


def _package(entry: dict[str, Any]) -> Package:
    name, version = str(entry["name"]), str(entry.get("version", ""))
    listed = list(entry.get("wheels", []))
    other = ""
    if archive := entry.get("archive"):  # named by an address
        if _address(archive).partition("?")[0].endswith(".whl"):
            listed.append(archive)
        else:
            other = "a source archive"
    elif "vcs" in entry:
        other = "a repository"
    elif "directory" in entry:
        other = "a directory"
    elif "sdist" in entry:
        other = "a source archive"
    found = (_wheel(name, version, item) for item in listed)
    return Package(name, version, tuple(item for item in found if item is not None), other)


def _wheel(name: str, version: str, item: dict[str, Any]) -> tuple[LockedWheel, str] | None:
    address = _address(item)
    file = str(item.get("name") or unquote(urlsplit(address).path).rpartition("/")[2])
    sha256 = str(item.get("hashes", {}).get("sha256", "")).lower()
    wheel = LockedWheel(name, version, file, sha256, int(item.get("size", 0)) or _size(address))
    return (wheel, address) if wheel.well_formed else None


def _size(address: str) -> int:
    """Return the size of a file of this machine, of which no index tells one; 0 when it is not known."""
    path = local_path(address)
    try:
        return path.stat().st_size if path is not None else 0
    except OSError:
        return 0


def _address(item: dict[str, Any]) -> str:
    return str(item.get("url") or item.get("path") or "")
