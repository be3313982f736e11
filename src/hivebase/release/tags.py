"""Which tags an image may be published under. Pure.

``X.Y.Z`` never moves. ``X.Y`` and ``X`` move on request, forward only, and not to a pre-release. ``latest`` stays on
this machine: what runs in production must have a name that says what it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from hivebase.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Floating = Literal["minor", "major"]

_NUMBER = r"(?:0|[1-9][0-9]{0,9})"
# SemVer 2.0.0 without build metadata: a tag has no "+".
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?\Z", re.ASCII
)


def release_tag(version: str) -> str:
    """Return the immutable tag of ``version``.

    Raises:
        PolicyError: it is ``latest``, or not ``X.Y.Z``.
    """
    if version == "latest":
        raise PolicyError(
            "'latest' is not published",
            why="it says nothing of what an image is, and would change under everybody who uses it",
            hint="set version in hivebase.toml, or --version X.Y.Z; 'hivebase load --latest' names it on this machine",
        )
    if not _VERSION.match(version):
        raise PolicyError(
            f"{version!r} is not published",
            why="a released version is X.Y.Z, perhaps with a pre-release: 1.2.0 or 1.2.0-rc.1 (SemVer 2.0.0)",
            hint="set version in hivebase.toml, or --version X.Y.Z",
        )
    return version


def floating_tags(version: str, wanted: Collection[Floating], published: Iterable[str]) -> dict[str, str]:
    """Return the floating tags that move to ``version``, each with why it stays where it is, or empty.

    Args:
        version: which is published.
        wanted: which were asked for: ``minor`` is ``X.Y``, ``major`` is ``X``.
        published: tags that the repository has.
    """
    parsed = _VERSION.match(version)
    if parsed is None:
        return {}
    line = [parsed[1], parsed[2]]
    names = {"minor": f"{line[0]}.{line[1]}", "major": line[0]}
    others = [found for tag in published if (found := _VERSION.match(tag)) and not found[4]]
    result = {}
    for kind in ("minor", "major"):
        if kind not in wanted:
            continue
        name = names[kind]
        if parsed[4]:
            result[name] = f"{version} is a pre-release"
            continue
        newer = [
            found for found in others if f"{found[0]}.".startswith(f"{name}.") and _key(found) > _key(parsed)
        ]
        result[name] = f"{max(newer, key=_key)[0]} is newer" if newer else ""
    return result


def newest(published: Iterable[str]) -> str:
    """Return the newest release among tags, or an empty string if there is none."""
    found = [match for tag in published if (match := _VERSION.match(tag)) and not match[4]]
    return max(found, key=_key)[0] if found else ""


def _key(found: re.Match[str]) -> tuple[int, int, int]:
    return int(found[1]), int(found[2]), int(found[3])
