"""Python distributions as their metadata describe them: METADATA, RECORD, direct_url.json (PEP 376, PEP 610)."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from hivebase.inspect.packages.licences import licence_of
from hivebase.inspect.packages.model import Licence, Model
from hivebase.inspect.packages.texts import bare_url, decoded, is_name, is_version, line, shown
from hivebase.layers.wheels.headers import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

MOST_FIELDS = 1 << 20
"""Bytes of METADATA that are read: the fields come first, and a description of any length after them."""

MOST_RECORD = 64 << 20
"""Bytes of RECORD: one of the most files possible takes half."""

MOST_JSON = 1 << 20
"""Bytes of ``direct_url.json`` and ``meta.json``."""

_DIRECTORY = re.compile(r"(?P<name>.+?)(?:-(?P<version>[^-]+))?(?:-py[0-9.]+)?\.(?:dist|egg)-info\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_MOST_NEEDS = 10_000
_MOST_PIPES = 100


@dataclass(frozen=True, slots=True)
class Found:
    """One distribution.

    Attributes:
        path: of its metadata, relative to the root.
        main: where the file is that has its fields, the same, links followed.
        requires: values of ``Requires-Dist``.
        listed: absolute paths of its files as RECORD has them, links in them not followed.
        sha256: of the archive, where direct_url.json has it; hex.
        remarks: what is wrong with it.
    """

    path: str
    main: str
    name: str
    version: str
    licence: Licence
    requires: tuple[str, ...]
    listed: tuple[str, ...]
    direct_url: str
    local: bool
    editable: bool
    sha256: str
    remarks: tuple[str, ...]

    @property
    def library(self) -> str:
        """The directory that it is in."""
        return posixpath.dirname(self.path)


def parts_of(path: str, locate: Callable[[str], str | None]) -> dict[str, str]:
    """Return where the files of a metadata directory are, by name; an egg-info that is a file is its ``PKG-INFO``.

    Args:
        path: of the directory or file.
        locate: returns where a path leads, all links followed, if that is a regular file.
    """
    own = locate(path)
    if own is not None:
        return {"PKG-INFO": own} if path.endswith(".egg-info") else {}
    names = ("METADATA" if path.endswith(".dist-info") else "PKG-INFO", "RECORD", "direct_url.json")
    return {name: real for name in names if (real := locate(f"{path}/{name}")) is not None}


def limits(parts: Mapping[str, str]) -> dict[str, int]:
    """Return how much of each of these files is read, by where it is."""
    most = {"RECORD": MOST_RECORD, "direct_url.json": MOST_JSON}
    return {real: most.get(name, MOST_FIELDS) for name, real in parts.items()}


def read(
    path: str, parts: Mapping[str, str], contents: Mapping[str, bytes], whole: AbstractSet[str]
) -> Found | None:
    """Return the distribution at ``path``; None where a directory is only called so, and has no metadata.

    Args:
        path: of the directory or file.
        parts: as :func:`parts_of` has them.
        contents: of files that were read.
        whole: which of them were read to their end.
    """
    main = parts.get("METADATA") or parts.get("PKG-INFO")
    if main is None:
        return None
    remarks: list[str] = []
    text = decoded(contents[main])
    fields = Fields(text)
    if main not in whole and not re.search(r"\r?\n\r?\n", text):
        remarks.append(f"{shown(main)} is too long: only a part of its fields was read")
    name, version = _identity(path, fields, remarks)
    record = parts.get("RECORD")
    listed: tuple[str, ...] = ()
    if record is not None and record not in whole:
        remarks.append(f"{shown(record)} is too long, and was not read")
    elif record is not None:
        try:
            listed = tuple(_rows(contents[record], posixpath.dirname(path)))
        except csv.Error as error:
            remarks.append(f"{shown(record)} cannot be read: {line(str(error))}")
    direct = _direct_url(parts.get("direct_url.json"), contents, remarks)
    return Found(
        path,
        main,
        name,
        version,
        licence_of(fields),
        fields.all("Requires-Dist")[:_MOST_NEEDS],
        listed,
        bare_url(direct.url),
        direct.dir_info is not None,
        direct.dir_info is not None and direct.dir_info.editable,
        direct.sha256,
        tuple(remarks),
    )


def model_of(data: bytes) -> Model | None:
    """Return what trained pipeline a ``meta.json`` is of; None if it is none of spaCy's."""
    try:
        document = msgspec.json.decode(data, type=_Meta)
    except (msgspec.MsgspecError, RecursionError):
        return None
    pipes = tuple(line(item, 100) for item in document.pipeline[:_MOST_PIPES])
    return Model(line(document.lang, 100), pipes)


class _Meta(msgspec.Struct, frozen=True):
    lang: str
    pipeline: list[str]
    spacy_version: str


class _DirectoryInfo(msgspec.Struct, frozen=True):
    editable: bool = False


class _ArchiveInfo(msgspec.Struct, frozen=True):
    hashes: dict[str, str] = {}


class _DirectUrl(msgspec.Struct, frozen=True):
    """The parts of PEP 610 that are used."""

    url: str = ""
    dir_info: _DirectoryInfo | None = None
    archive_info: _ArchiveInfo | None = None

    @property
    def sha256(self) -> str:
        """Of the archive, or ''."""
        said = self.archive_info.hashes.get("sha256", "") if self.archive_info is not None else ""
        return said if _SHA256.match(said) else ""


def _direct_url(name: str | None, contents: Mapping[str, bytes], remarks: list[str]) -> _DirectUrl:
    if name is None:
        return _DirectUrl()
    try:
        return msgspec.json.decode(contents[name], type=_DirectUrl)
    except (msgspec.MsgspecError, RecursionError):
        remarks.append(f"{shown(name)} is not what PEP 610 describes")
        return _DirectUrl()


def _identity(path: str, fields: Fields, remarks: list[str]) -> tuple[str, str]:
    """Return name and version: METADATA's, as Python itself has it; else those of the directory."""
    name, version = fields.one("Name") or "", fields.one("Version") or ""
    if is_name(name) and is_version(version):
        return name, version
    remarks.append(f"{shown(path)} has no proper name and version in it; those of its own name count")
    match = _DIRECTORY.match(posixpath.basename(path))
    name, version = (match["name"], match["version"] or "") if match else ("", "")
    return name if is_name(name) else "unknown", version if is_version(version) else "0"


def _rows(data: bytes, library: str) -> Iterator[str]:
    """Yield the paths of RECORD, absolute. What leads out of the root leads to it, as in the image."""
    text = data.decode("utf-8", "surrogateescape")
    for row in csv.reader(io.StringIO(text, newline="")):
        if row and row[0]:
            yield posixpath.normpath(posixpath.join("/", library, row[0])).replace("//", "/", 1)
