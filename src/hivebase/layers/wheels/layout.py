"""From a wheel to the files that an installer would write: names, modes, contents, and the lines of RECORD.

pip's rules are those of ``pip._internal.operations.install.wheel``; uv's were read off what it writes. The tests
compare both with the real programs.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.errors import CorruptContentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.layers.wheels.archive import Archive, Member
    from hivebase.layers.wheels.metadata import WheelContents
    from hivebase.layers.wheels.scheme import Scheme

Row = tuple[str, str, str]
"""A line of RECORD: path relative to site-packages, ``sha256=…`` or '', size or ''."""

_SCRIPT_SUFFIXES = (".exe", "-script.py", ".pya")
_LONGEST_SHEBANG = 127
_INSTALLER = {"pip": b"pip\n", "uv": b"uv"}


@dataclass(frozen=True, slots=True)
class File:
    """One file to be installed.

    Attributes:
        path: absolute in the image, as the interpreter says it.
        mode: permission bits.
        member: of the wheel that has the content; None for ``data``.
        data: content that is not the wheel's own.
    """

    path: str
    mode: int
    member: Member | None = None
    data: bytes = b""


@dataclass(slots=True)
class Layout:
    """What an installation of one wheel consists of, bytecode and receipt excepted.

    Attributes:
        files: in no order.
        directories: that are made even if there is nothing in them.
        rows: of RECORD, those of bytecode and receipt excepted, in no order.
        library: directory that the rows are relative to, absolute.
        dist_info: name of the metadata directory below it.
        remarks: for people.
    """

    library: str
    dist_info: str
    files: list[File] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def lay_out(archive: Archive, contents: WheelContents, scheme: Scheme, name: str) -> Layout:
    """Return what ``scheme``'s installer would write.

    Args:
        archive: the wheel.
        contents: its metadata, checked.
        scheme: where to.
        name: of the distribution, as headers' directories have it.

    Raises:
        CorruptContentError: two members would become one file.
    """
    library = scheme.purelib if contents.root_is_purelib else scheme.platlib
    layout = Layout(library, contents.dist_info)
    record = f"{contents.dist_info}/RECORD"
    installed, changed = _place(archive, contents, scheme, name, layout)
    rows = layout.rows
    for old in _rows(archive, record):
        path = installed.pop(old[0], old[0])
        rows.append(changed.get(old[0], (path, *old[1:])))
    for script, text in _entry_points(contents, scheme):
        path = f"{scheme.scripts}/{script}"
        layout.files.append(File(path, 0o755, None, text))
        rows.append(row_of(posixpath.relpath(path, library), text))
    installer = _INSTALLER[scheme.profile]
    layout.files.append(File(f"{library}/{contents.dist_info}/INSTALLER", 0o644, None, installer))
    rows.append(row_of(f"{contents.dist_info}/INSTALLER", installer))
    if scheme.profile == "pip":
        # What the wheel's RECORD does not list: its signatures.
        rows += [(path, "", "") for path in installed.values()]
    _refuse_twice(layout, archive)
    return layout


def _place(
    archive: Archive, contents: WheelContents, scheme: Scheme, name: str, layout: Layout
) -> tuple[dict[str, str], dict[str, Row]]:
    """Add the wheel's own files to ``layout``.

    Returns:
        Where each of them goes, relative to site-packages, and the new rows of those that are not left as they are.
    """
    wrapped = {script for script, _, _ in contents.scripts}
    installed: dict[str, str] = {}
    changed: dict[str, Row] = {}
    replaced = {f"{contents.dist_info}/RECORD", f"{contents.dist_info}/INSTALLER"}
    roots = {key: scheme.root(key, name) for key in ("purelib", "platlib", "scripts", "data", "headers")}
    prefix = layout.library + "/"
    for member in archive.members:
        source = member.name
        top, _, rest = source.partition("/")
        below_root = not top.endswith(".data")
        if member.is_dir:
            if below_root and scheme.profile == "uv":
                layout.directories.append(prefix + source.rstrip("/"))
            continue
        if below_root:
            installed[source] = source
            if source not in replaced:
                layout.files.append(File(prefix + source, _mode(member, scheme), member))
            continue
        part, _, below = rest.partition("/")
        if part == "scripts" and _is_wrapper(below, wrapped):
            continue
        path = f"{roots[part]}/{below}"
        installed[source] = posixpath.relpath(path, layout.library)
        file = File(path, _mode(member, scheme), member)
        if part == "scripts":
            file, row = _script(archive, member, path, scheme, installed[source])
            if row is not None:
                changed[source] = row
        layout.files.append(file)
    return installed, changed


def row_of(path: str, data: bytes) -> Row:
    """Return the line of RECORD for a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return path, f"sha256={digest}", str(len(data))


def record_text(rows: Iterable[Row], scheme: Scheme) -> bytes:
    """Return RECORD with ``rows``, sorted, as the scheme's installer ends its lines."""
    text = io.StringIO()
    ending = "\r\n" if scheme.profile == "pip" else "\n"
    csv.writer(text, lineterminator=ending).writerows(sorted(rows))
    return text.getvalue().encode("utf-8", "surrogateescape")


def shebang(executable: str) -> bytes:
    """Return the first line of a generated script; a long or odd path needs the shell's help (distlib)."""
    line = executable.encode("utf-8", "surrogateescape")
    if b" " not in line and len(line) + 3 <= _LONGEST_SHEBANG:
        return b"#!" + line + b"\n"
    quoted = b'"' + line + b'"' if b" " in line else line
    return b"#!/bin/sh\n'''exec' " + quoted + b' "$0" "$@"\n' + b"' '''\n"


def _mode(member: Member, scheme: Scheme) -> int:
    """Return 0755 for what the wheel marks as an executable file, else 0644, as under umask 022."""
    mode = member.mode
    if scheme.profile == "uv":
        return 0o755 if mode & 0o111 else 0o644
    return 0o755 if stat.S_ISREG(mode) and mode & 0o111 else 0o644


def _is_wrapper(path: str, names: set[str]) -> bool:
    """Tell whether a script of the wheel is what setuptools generated for an entry point."""
    name = posixpath.basename(path)
    for suffix in _SCRIPT_SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return name in names


def _script(
    archive: Archive, member: Member, path: str, scheme: Scheme, recorded: str
) -> tuple[File, Row | None]:
    """Return a script of the wheel, its first line changed where it asks for the interpreter."""
    mode = _mode(member, scheme) if scheme.profile == "pip" else 0o755
    data = archive.read(member)
    if not data.startswith(b"#!python"):
        return File(path, mode, member), None
    _, _, rest = data.partition(b"\n")
    if scheme.profile == "pip":
        data = b"#!" + scheme.executable.encode("utf-8", "surrogateescape") + b"\n" + rest
    else:
        data = shebang(scheme.executable) + rest
    return File(path, mode, None, data), row_of(recorded, data)


def _entry_points(contents: WheelContents, scheme: Scheme) -> list[tuple[str, bytes]]:
    """Return the generated scripts with their names."""
    console = {name: (module, attr) for name, module, attr in contents.console_scripts}
    gui = {name: (module, attr) for name, module, attr in contents.gui_scripts}
    if scheme.profile == "pip":
        console = _versioned(console, scheme.python.minor)
    first = shebang(scheme.executable)
    made: dict[str, bytes] = {}
    for name, (module, attr) in [*console.items(), *gui.items()]:
        fields = {"module": module, "import_name": attr.split(".", 1)[0], "func": attr}
        made[name] = first + (scheme.template % fields).encode()
    return list(made.items())


def _versioned(console: dict[str, tuple[str, str]], minor: str) -> dict[str, tuple[str, str]]:
    """Name the scripts of pip and easy_install after the interpreter, whatever the wheel was built with."""
    made = dict(console)
    for tool, versioned, names in (
        ("pip", r"pip(\d+(\.\d+)?)?\Z", ("pip", f"pip{minor.split('.', maxsplit=1)[0]}", f"pip{minor}")),
        ("easy_install", r"easy_install(-\d+\.\d+)?\Z", ("easy_install", f"easy_install-{minor}")),
    ):
        target = made.pop(tool, None)
        if target is not None:
            made = {name: value for name, value in made.items() if not re.match(versioned, name)}
            made.update(dict.fromkeys(names, target))
    return made


def _rows(archive: Archive, record: str) -> list[Row]:
    member = archive.get(record)
    text = archive.read(member).decode("utf-8") if member else ""
    rows: list[Row] = []
    for line in csv.reader(io.StringIO(text, newline="")):
        if line:
            path, digest, size = (*line, "", "")[:3]
            rows.append((path, digest, size))
    return rows


def _refuse_twice(layout: Layout, archive: Archive) -> None:
    paths = {file.path for file in layout.files}
    if len(paths) == len(layout.files):
        return
    seen: set[str] = set()
    for file in layout.files:
        if file.path in seen:
            raise CorruptContentError(
                f"two files of the wheel would be installed as {file.path}", where=archive.where
            )
        seen.add(file.path)
