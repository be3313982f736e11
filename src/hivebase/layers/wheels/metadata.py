"""What a wheel says about itself, checked against its file name and its members (faults A-13, A-14, A-16)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.layers.wheels import record as records
from hivebase.layers.wheels import scripts
from hivebase.layers.wheels.headers import Fields
from hivebase.layers.wheels.names import WheelName, normal_name, parse, same_version
from hivebase.layers.wheels.refuse import refused, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.layers.wheels.archive import Archive, Member

SCHEMES = ("purelib", "platlib", "scripts", "data", "headers")
"""Directories below ``*.data`` that installers know."""

MAX_METADATA = 64 << 20
"""Bytes of METADATA, WHEEL, RECORD or entry_points.txt: a RECORD of the most members possible takes half."""

_DIST_INFO, _DATA = ".dist-info", ".data"
_WHEEL_VERSION = re.compile(r"1\.[0-9]+\Z")
_STARTUP = frozenset({"sitecustomize.py", "usercustomize.py"})


@dataclass(frozen=True, slots=True)
class WheelContents:
    """The checked metadata of a wheel.

    Attributes:
        file: what the file name says; name and version in normal form are there.
        name: as METADATA has it.
        version: the same.
        dist_info: name of the metadata directory, with ``.dist-info``.
        root_is_purelib: whether the root goes to purelib or to platlib.
        wheel_version: of the format, ``1.0``.
        record: what RECORD says, by path; RECORD itself is not in it, and its signatures only if hashed.
        console_scripts: to be generated; where a name is in both groups, installers write the GUI one last.
        gui_scripts: the same.
        metadata: the whole text of METADATA.
        requires_dist: its values.
        requires_python: its value, or ''.
        noted: what :meth:`remarks` returns.
    """

    file: WheelName
    name: str
    version: str
    dist_info: str
    root_is_purelib: bool
    wheel_version: str
    record: dict[str, records.Recorded]
    console_scripts: tuple[scripts.Script, ...]
    gui_scripts: tuple[scripts.Script, ...]
    metadata: str
    requires_dist: tuple[str, ...]
    requires_python: str
    noted: tuple[str, ...]

    @property
    def scripts(self) -> tuple[scripts.Script, ...]:
        """All commands to be generated, in the order in which installers write them."""
        return self.console_scripts + self.gui_scripts

    def remarks(self) -> list[str]:
        """Return what is allowed and still worth knowing, one sentence each (fault A-14).

        That is code which runs by itself when Python starts, and files for the prefix outside of ``share``.
        """
        return list(self.noted)


def read_contents(archive: Archive, file: str) -> WheelContents:
    """Read and check the metadata of a wheel. The contents of other files are not read.

    Whether the ``Tag`` lines of WHEEL repeat the file name is not asked: pip and uv go by the name alone, and
    retagged wheels are common.

    Args:
        archive: of the wheel.
        file: the name under which it was published.

    Raises:
        CorruptContentError: the file name is none, the metadata is missing, malformed or of a newer format, it
            belongs to another distribution, or RECORD does not list exactly the files there are.
    """
    where = archive.where
    name = parse(file)
    tops = {member.name.partition("/")[0] for member in archive.members}
    dist_info = _dist_info(tops, name, where)
    for top in sorted(tops):
        # pip installs from every directory called so, uv only from its own.
        if top.endswith(_DATA) and top != dist_info.removesuffix(_DIST_INFO) + _DATA:
            raise refused(where, f"{shown(top)} is not the data directory of {shown(dist_info)}")
    _check_schemes(archive.members, where)

    wheel = Fields(_text(archive, f"{dist_info}/WHEEL"))
    wheel_version = wheel.one("Wheel-Version") or ""
    if not _WHEEL_VERSION.match(wheel_version):
        raise refused(where, f"its Wheel-Version is {shown(wheel_version)}, not 1.x")
    if len(wheel.all("Root-Is-Purelib")) > 1:
        raise refused(where, "its WHEEL says twice whether it is pure")
    text = _text(archive, f"{dist_info}/METADATA")
    fields = Fields(text)
    own_name, own_version = fields.one("Name"), fields.one("Version")
    if own_name is None or own_version is None:
        raise refused(where, "its METADATA does not have exactly one Name and one Version")
    if normal_name(own_name) != name.name or not same_version(own_version, name.version):
        raise refused(where, f"its METADATA is of {shown(f'{own_name} {own_version}')}")
    points = f"{dist_info}/entry_points.txt"
    commands = scripts.read(_text(archive, points) if archive.get(points) else "", where)
    return WheelContents(
        file=name,
        name=own_name,
        version=own_version,
        dist_info=dist_info,
        root_is_purelib=(wheel.one("Root-Is-Purelib") or "").lower() == "true",
        wheel_version=wheel_version,
        record=records.read(_text(archive, f"{dist_info}/RECORD"), dist_info, archive.members, where),
        console_scripts=commands[scripts.CONSOLE],
        gui_scripts=commands[scripts.GUI],
        metadata=text,
        requires_dist=fields.all("Requires-Dist"),
        requires_python=fields.one("Requires-Python") or "",
        noted=tuple(_remarks(archive.members)),
    )


def _dist_info(tops: Iterable[str], name: WheelName, where: str) -> str:
    """Return the one metadata directory, which must be that of the distribution in the file name."""
    # Python finds installed distributions without regard to case.
    found = sorted(top for top in tops if top.lower().endswith(_DIST_INFO))
    if len(found) != 1:
        what = f"several metadata directories: {', '.join(map(shown, found))}" if found else "no metadata"
        raise refused(where, f"it has {what}")
    its_name, _, its_version = found[0][: -len(_DIST_INFO)].rpartition("-")
    if (
        not found[0].endswith(_DIST_INFO)
        or normal_name(its_name) != name.name
        or not same_version(its_version, name.version)
    ):
        raise refused(where, f"{shown(found[0])} is not the metadata directory that its file name asks for")
    return found[0]


def _check_schemes(members: Iterable[Member], where: str) -> None:
    for member in members:
        top, _, rest = member.name.partition("/")
        if not top.endswith(_DATA) or (member.is_dir and not rest):
            continue
        scheme, _, below = rest.partition("/")
        if scheme not in SCHEMES or not (below or member.is_dir):
            raise refused(where, f"{shown(member.name)} is for no place that installers know")
        if scheme in SCHEMES[:2] and below.partition("/")[0].lower().endswith(_DIST_INFO):
            raise refused(where, f"{shown(member.name)} would become metadata of another distribution")


def _remarks(members: Iterable[Member]) -> Iterable[str]:
    for member in members:
        top, _, rest = member.name.partition("/")
        if top.endswith(_DATA):
            scheme, _, rest = rest.partition("/")
            if member.is_dir:
                continue
            if scheme == "data" and not rest.startswith("share/"):
                yield f"puts {shown(rest)} into the prefix"
            if scheme not in SCHEMES[:2]:
                continue
            top, _, rest = rest.partition("/")
        if not rest and not member.is_dir and (top.endswith(".pth") or top in _STARTUP):
            yield f"runs code whenever Python starts: {shown(top)}"


def _text(archive: Archive, name: str) -> str:
    """Return the text of a metadata file. What is not UTF-8 can only be description, and is replaced."""
    member = archive.get(name)
    if member is None or member.is_dir:
        raise refused(archive.where, f"{shown(name)} is missing")
    if member.size > MAX_METADATA:
        raise refused(archive.where, f"{shown(name)} is larger than {MAX_METADATA} bytes")
    return archive.read(member).decode("utf-8", "replace")
