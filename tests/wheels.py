"""Wheels, good ones in one line and bad ones byte by byte.

Nothing here uses the code under test. For tests that need a wheel::

    path = make_wheel(tmp_path, "pkg", "1.2", {"pkg/__init__.py": b"x = 1\\n"}, scripts={"cmd": "pkg:main"})

and for those that need a wrong one, members are listed and anything about them may be given raw::

    raw = archive(member("a", b"1", central={"crc": 5}), member("b", method=0), comment=b"more")
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

STORED, DEFLATED = 0, 8
DESCRIPTOR, UTF8 = 0x08, 0x800
WIDE = 0xFFFFFFFF
_DESCRIPTORS = {12: "<III", 16: "<4sIII", 20: "<IQQ", 24: "<4sIQQ"}


@dataclass(frozen=True)
class Member:
    """One member: ``local`` and ``central`` replace single fields of the one or the other header."""

    name: bytes
    data: bytes = b""
    method: int = DEFLATED
    flags: int = 0
    mode: int = 0o100644
    system: int = 3
    stream: bytes | None = None  # the stored bytes, if not those of ``data``
    descriptor: int = 0  # its length: 12, 16, 20 or 24
    local: Mapping[str, Any] = field(default_factory=dict)
    central: Mapping[str, Any] = field(default_factory=dict)
    after: bytes = b""

    def stored(self) -> bytes:
        if self.stream is not None:
            return self.stream
        return deflate(self.data) if self.method == DEFLATED else self.data

    def fields(self) -> dict[str, Any]:
        return {
            "version": 20,
            "flags": self.flags | (DESCRIPTOR if self.descriptor else 0),
            "method": self.method,
            "time": 0,
            "date": 0x5421,
            "crc": zlib.crc32(self.data),
            "compressed": len(self.stored()),
            "size": len(self.data),
            "name": self.name,
            "extra": b"",
        }

    def local_bytes(self) -> bytes:
        """Return everything but the entry in the central directory."""
        known = self.fields()
        said = known | ({"crc": 0, "compressed": 0, "size": 0} if self.descriptor else {}) | dict(self.local)
        head = struct.pack(
            "<4sHHHHHIIIHH",
            said.get("signature", b"PK\3\4"),
            *(
                said[key]
                for key in ("version", "flags", "method", "time", "date", "crc", "compressed", "size")
            ),
            len(said["name"]),
            len(said["extra"]),
        )
        tail = b""
        if self.descriptor:
            numbers = (known["crc"], known["compressed"], known["size"])
            signature = (b"PK\7\10",) if self.descriptor in (16, 24) else ()
            tail = struct.pack(_DESCRIPTORS[self.descriptor], *signature, *numbers)
        return b"".join((head, said["name"], said["extra"], self.stored(), tail, self.after))

    def central_bytes(self, offset: int) -> bytes:
        said = self.fields() | {"disk": 0, "comment": b"", "offset": offset} | dict(self.central)
        head = struct.pack(
            "<4sBBHHHHHIIIHHHHHII",
            said.get("signature", b"PK\1\2"),
            20,
            self.system,
            *(
                said[key]
                for key in ("version", "flags", "method", "time", "date", "crc", "compressed", "size")
            ),
            len(said["name"]),
            len(said["extra"]),
            len(said["comment"]),
            said["disk"],
            0,
            said.get("attributes", self.mode << 16),
            said["offset"],
        )
        return b"".join((head, said["name"], said["extra"], said["comment"]))


def deflate(data: bytes, level: int = 6) -> bytes:
    """Return ``data`` as a raw deflate stream."""
    return zlib.compress(data, level, wbits=-15)


def member(name: str | bytes, data: bytes | str = b"", **fields: Any) -> Member:
    """Return a member; a name with a slash at its end is a directory."""
    data = data.encode() if isinstance(data, str) else data
    if isinstance(name, str):
        if not name.isascii():
            fields.setdefault("flags", UTF8)
        name = name.encode()
    if name.endswith(b"/"):
        fields = {"method": STORED, "mode": 0o040755} | fields
    return Member(name, data, **fields)


def extra(kind: int, content: bytes) -> bytes:
    """Return one extra field."""
    return struct.pack("<HH", kind, len(content)) + content


def archive(
    *members: Member,
    before: bytes = b"",
    between: bytes = b"",
    after_directory: bytes = b"",
    comment: bytes = b"",
    after: bytes = b"",
    zip64: bool = False,
    end: Mapping[str, int] | None = None,
    end64: Mapping[str, int] | None = None,
) -> bytes:
    """Return a zip file.

    Args:
        members: in the order of both headers.
        before: bytes before the first member (offsets count them).
        between: bytes before the central directory.
        after_directory: bytes after it, counted as part of it.
        comment: of the archive.
        after: bytes after the very end.
        zip64: add a zip64 end record and its locator.
        end: fields of the end record that differ: ``disk start here count size offset``.
        end64: fields of the zip64 records: the same, and ``at``, ``disks``, ``length``.
    """
    body, directory = bytearray(before), bytearray()
    for one in members:
        directory += one.central_bytes(len(body))
        body += one.local_bytes()
    body += between
    directory += after_directory
    count = len(members)
    said = {
        "disk": 0,
        "start": 0,
        "here": count,
        "count": count,
        "size": len(directory),
        "offset": len(body),
    }
    keys = tuple(said)
    wide = b""
    if zip64:
        more = said | {"at": len(body) + len(directory), "disks": 1, "length": 44} | dict(end64 or {})
        wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", more["length"], 45, 45, *(more[key] for key in keys))
        wide += struct.pack("<4sIQI", b"PK\6\7", 0, more["at"], more["disks"])
    said |= dict(end or {})
    last = struct.pack("<4sHHHHIIH", b"PK\5\6", *(said[key] for key in keys), len(comment))
    return b"".join((body, directory, wide, last, comment, after))


def row(path: str, data: bytes, algorithm: str = "sha256") -> tuple[str, str, str]:
    """Return the row of RECORD for a file."""
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
    return path, f"{algorithm}={digest}", str(len(data))


def record(rows: Iterable[Sequence[str]], ending: str = "\n") -> bytes:
    """Return the text of RECORD."""
    text = io.StringIO()
    csv.writer(text, lineterminator=ending).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Wheel:
    """A good wheel as members, to be spoilt: RECORD comes last and is made of the others unless given."""

    name: str
    version: str
    tag: str
    members: tuple[Member, ...]
    rows: tuple[tuple[str, str, str], ...]

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.tag}.whl"

    @property
    def dist_info(self) -> str:
        return f"{self.name}-{self.version}.dist-info"

    def all(self) -> tuple[Member, ...]:
        """Return the members with RECORD."""
        return (*self.members, member(f"{self.dist_info}/RECORD", record(self.rows)))

    def bytes(self, **fields: Any) -> bytes:
        """Return the file; ``fields`` are those of :func:`archive`."""
        return archive(*self.all(), **fields)

    def replacing(self, name: str, **fields: Any) -> Wheel:
        """Return a wheel in which one member has other fields, and RECORD does not know."""
        assert any(one.name == name.encode() for one in self.members)
        made = (replace(one, **fields) if one.name == name.encode() else one for one in self.members)
        return replace(self, members=tuple(made))

    def adding(self, *members: Member, listed: bool = True) -> Wheel:
        """Return a wheel with more members, in RECORD too unless not ``listed``."""
        files = (one for one in members if not one.name.endswith(b"/"))
        rows = [row(one.name.decode("utf-8", "surrogateescape"), one.data) for one in files] if listed else []
        return replace(self, members=(*self.members, *members), rows=(*rows, *self.rows))


def wheel(
    name: str = "x",
    version: str = "1",
    files: Mapping[str, bytes | str] | None = None,
    *,
    tag: str = "py3-none-any",
    pure: bool = True,
    scripts: Mapping[str, str] | None = None,
    gui_scripts: Mapping[str, str] | None = None,
    entry_points: str = "",
    data: Mapping[str, bytes | str] | None = None,
    requires: Iterable[str] = (),
    requires_python: str = "",
    modes: Mapping[str, int] | None = None,
    stored: Iterable[str] = (),
    dist_info: Mapping[str, bytes | str | None] | None = None,
) -> Wheel:
    """Return a good wheel.

    Args:
        name: as in file names; METADATA has it too.
        version: the same.
        files: by name; by default a package with one module.
        tag: of the file name and of WHEEL.
        pure: what WHEEL says of the root.
        scripts: console scripts: ``{"cmd": "x.cli:main"}``.
        gui_scripts: the same.
        entry_points: more text of entry_points.txt.
        data: files below ``*.data``: ``{"scripts/run": "#!python\\n"}``.
        requires: values of Requires-Dist.
        requires_python: value of Requires-Python.
        modes: permission bits of files that are not 0644, by name.
        stored: names of files that are not compressed.
        dist_info: other content for files of the metadata directory; None leaves one out.
    """
    info = f"{name}-{version}.dist-info"
    files = {f"{name}/__init__.py": b"answer = 42\n"} if files is None else files
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    metadata += [f"Requires-Python: {requires_python}"] if requires_python else []
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    tags = [f"Tag: {p}-{a}-{m}" for p in pythons for a in abis for m in platforms]
    kind = ["Wheel-Version: 1.0", "Generator: tests", f"Root-Is-Purelib: {str(pure).lower()}", *tags]
    about: dict[str, bytes | str | None] = {
        "METADATA": "\n".join(metadata) + "\n",
        "WHEEL": "\n".join(kind) + "\n",
    }
    groups = {"console_scripts": scripts, "gui_scripts": gui_scripts}
    texts = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())
        for group, given in groups.items()
        if given
    ]
    if texts or entry_points:
        about["entry_points.txt"] = "\n".join(texts) + entry_points
    about |= dict(dist_info or {})
    content: dict[str, bytes | str] = dict(files)
    content |= {f"{name}-{version}.data/{path}": given for path, given in (data or {}).items()}
    content |= {f"{info}/{path}": given for path, given in about.items() if given is not None}
    modes, stored = modes or {}, set(stored)
    members = tuple(
        member(
            path,
            given,
            mode=0o100000 | modes.get(path, 0o644),
            method=STORED if path in stored else DEFLATED,
        )
        for path, given in content.items()
    )
    rows = [row(one.name.decode(), one.data) for one in members]
    return Wheel(name, version, tag, members, (*rows, (f"{info}/RECORD", "", "")))


def make_wheel(
    path: Path,
    name: str = "x",
    version: str = "1",
    files: Mapping[str, bytes | str] | None = None,
    **fields: Any,
) -> Path:
    """Write a good wheel and return where: at ``path`` if that ends in ``.whl``, else in that directory.

    The other arguments are those of :func:`wheel`.
    """
    made = wheel(name, version, files, **fields)
    target = path if path.suffix == ".whl" else path / made.file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(made.bytes())
    return target
