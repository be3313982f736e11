"""A wheel as a lock names it, and what a resolution is: a list of them, or why there is none."""

from __future__ import annotations

import re

import msgspec

from hivebase.digest import Digest

_SHA256 = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z", re.ASCII)
_VERSION = re.compile(r"[a-z0-9]+(?:[.!+_-][a-z0-9]+)*\Z", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._!+-]*\.whl\Z", re.ASCII)
_LONGEST_FILE = 255


class LockedWheel(msgspec.Struct, frozen=True, order=True):
    """One wheel, by everything but an address: any mirror may serve it.

    Attributes:
        name: normalised (PEP 503).
        version: normalised (PEP 440).
        file: name of the file, ending in ``.whl``.
        sha256: of the file, 64 hex digits.
        size: of the file in bytes, 0 when not known.
    """

    name: str
    version: str
    file: str
    sha256: str
    size: int = 0

    @property
    def digest(self) -> Digest:
        """The digest of the file."""
        return Digest(f"sha256:{self.sha256}")

    @property
    def well_formed(self) -> bool:
        """Whether it can be written down and used: the file's name becomes a path, and the hash another one."""
        return bool(
            _NAME.match(self.name)
            and _VERSION.match(self.version)
            and _FILE.match(self.file)
            and len(self.file) <= _LONGEST_FILE
            and _SHA256.match(self.sha256)
            and self.size >= 0
        )


class Resolution(msgspec.Struct, frozen=True):
    """What an installation installs.

    Attributes:
        wheels: all that must be there afterwards, sorted by name; what the image has already is among them.
        requested: names that were asked for themselves (pip marks these with a file ``REQUESTED``).
        impure: why it cannot be composed, for people: ``six 1.16.0 has no wheel for this image``; else empty.
    """

    wheels: tuple[LockedWheel, ...] = ()
    requested: frozenset[str] = frozenset()
    impure: str = ""


class Request(msgspec.Struct, frozen=True):
    """The question that a :class:`Resolution` answers: texts and options, no place and no time.

    Attributes:
        requirements: lines, hashes included, editable and local ones left out.
        constraints: lines.
        python: of the image.
        installed: name and version of what the image has, which is kept where it satisfies.
        deps, pre, no_index: as in :class:`hivebase.plan.installs.model.Install`.
        upgrade: names to take the newest of; ``*`` for all.
        index_url, extra_index_urls, find_links: where the command itself points to.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    python: str
    python_platform: str
    installed: tuple[tuple[str, str], ...] = ()
    deps: bool = True
    pre: bool = False
    no_index: bool = False
    upgrade: tuple[str, ...] = ()
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
