"""Debian packages as dpkg's own files have them: ``status``, ``status.d``, ``info/*.list``, ``diversions``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.inspect.packages.texts import LONGEST, decoded, line
from hivebase.layers.wheels.headers import Fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DIRECTORY = "var/lib/dpkg"

MOST_STATUS = 64 << 20
"""Bytes of ``status``: Debian's whole archive would take about so many."""

MOST_LIST = 16 << 20
"""Bytes of one ``.list``, ``.md5sums`` or ``diversions``."""

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*\Z", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~-]*\Z", re.ASCII)
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]*\Z", re.ASCII)
_SOURCE = re.compile(r"(?P<name>\S+)(?:\s+\((?P<version>[^)]+)\))?\Z")
_ABSENT = frozenset({"not-installed", "config-files"})

Key = tuple[str, str]
"""Name and architecture: what may be installed once."""


@dataclass(frozen=True, slots=True)
class Stanza:
    """One installed package.

    Attributes:
        depends: ``Pre-Depends`` and ``Depends``, one clause each: names that would do, best first.
        provides: virtual packages that it is.
    """

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    depends: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]

    @property
    def key(self) -> Key:
        """What may be installed once."""
        return self.name, self.architecture


def stanzas(data: bytes, where: str, remarks: list[str]) -> Iterator[Stanza]:
    """Yield the installed packages of a list of packages; what is wrong with it is added to ``remarks``."""
    seen: dict[Key, str] = {}
    for text in re.split(r"\n(?:[ \t\r]*\n)+", decoded(data)):
        fields = Fields(text.strip("\r\n"))
        status = fields.all("Status")
        if status and status[0].split()[-1:] and status[0].split()[-1] in _ABSENT:
            continue
        found = _stanza(fields)
        if found is None:
            if text.strip():
                remarks.append(f"{where} has a package without a proper name, version and architecture")
        elif found.key not in seen:
            seen[found.key] = found.version
            yield found
        elif seen[found.key] != found.version:
            remarks.append(f"{where} has {found.name} twice, as {seen[found.key]} and as {found.version}")
            yield found


def _stanza(fields: Fields) -> Stanza | None:
    def value(name: str) -> str:
        return next(iter(fields.all(name)), "")

    name, version, architecture = value("Package"), value("Version"), value("Architecture")
    if not (_is(_NAME, name) and _is(_VERSION, version) and _is(_ARCHITECTURE, architecture)):
        return None
    match = _SOURCE.match(value("Source"))
    source, source_version = (match["name"], match["version"] or version) if match else (name, version)
    if not (_is(_NAME, source) and _is(_VERSION, source_version)):
        source, source_version = name, version
    clauses = [*_clauses(value("Pre-Depends")), *_clauses(value("Depends"))]
    provides = tuple(first for clause in _clauses(value("Provides")) for first in clause)
    return Stanza(name, version, architecture, source, source_version, tuple(clauses), provides)


def _is(pattern: re.Pattern[str], text: str) -> bool:
    return len(text) <= LONGEST and bool(pattern.match(text))


def _clauses(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the alternatives of each clause of a relationship field, without versions and qualifiers."""
    for clause in text.split(","):
        names = (re.split(r"[\s(\[<:]", item.strip(), maxsplit=1)[0] for item in clause.split("|"))
        kept = tuple(name for name in names if _is(_NAME, name))
        if kept:
            yield kept


def needs(packages: Iterable[tuple[str, Stanza]]) -> dict[str, tuple[str, ...]]:
    """Return the ids of what each package depends on and the image has, by id.

    Args:
        packages: with their ids.
    """
    packages = list(packages)
    there: dict[tuple[str, str], str] = {}
    for id_, stanza in packages:
        # A name of its own before one that is provided, and the same architecture before another.
        for architecture in (stanza.architecture, ""):
            there.setdefault((stanza.name, architecture), id_)
    for id_, stanza in packages:
        for name in stanza.provides:
            there.setdefault((name, ""), id_)

    def met(names: tuple[str, ...], architecture: str) -> str:
        found = (there.get((name, architecture)) or there.get((name, "")) for name in names)
        return next(filter(None, found), "")

    return {
        id_: tuple(sorted({met(clause, stanza.architecture) for clause in stanza.depends} - {"", id_}))
        for id_, stanza in packages
    }


def diversions(data: bytes) -> dict[str, tuple[str, str]]:
    """Return where files are instead, and the package that may have the name itself, by absolute path."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return {lines[at]: (lines[at + 1], lines[at + 2]) for at in range(0, len(lines) - 2, 3)}


def listed(data: bytes, name: str, diverted: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """Yield the absolute paths in a ``.list``: where the files of package ``name`` really are."""
    for path in data.decode("utf-8", "surrogateescape").split("\n"):
        if path.startswith("/"):
            instead, owner = diverted.get(path, ("", name))
            yield path if owner == name else instead


def summed(data: bytes) -> Iterator[str]:
    """Yield the absolute paths in a ``.md5sums``, which is all that images without dpkg have."""
    for row in data.decode("utf-8", "surrogateescape").split("\n"):
        _, space, path = row.partition("  ")
        if space and path:
            yield "/" + path.lstrip("/")


def package_of(file: str) -> Key:
    """Return whose list a file ``name.list`` or ``name:architecture.list`` is; without the latter, ''."""
    name, _, architecture = file.removesuffix(".list").partition(":")
    return line(name), line(architecture)
