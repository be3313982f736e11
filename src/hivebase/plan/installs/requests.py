"""From an installation to the question of what it installs: its requirement files read, its options joined."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import msgspec

from hivebase.plan.requirement_files import parse
from hivebase.plan.resolve_pins import parse_pin
from hivebase.plan.wheels import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.plan.installs.model import Install
    from hivebase.plan.pythons import Python
    from hivebase.plan.requirement_files import RequirementFile
    from hivebase.plan.steps import ReadFile

_MAX_FILES = 200


class ImpureError(Exception):
    """What is installed cannot be told from here; the text says why, for people."""


class _Reader(msgspec.Struct):
    """Collects requirements from files that name files."""

    read: Callable[[str], tuple[str, ReadFile] | None]
    install: Install
    files: dict[str, ReadFile] = {}
    requirements: list[str] = []
    constraints: list[str] = []

    def file(self, path: str, *, constraint: bool = False) -> None:
        if "://" in path:
            raise ImpureError(f"{path.rsplit('@', maxsplit=1)[-1]} is a requirement file on a network")
        if len(self.files) > _MAX_FILES:
            raise ImpureError("requirement files name each other without end")
        found = self.read(path)
        if found is None:
            raise ImpureError(f"{path} does not come from the build context by a COPY or a mount")
        text, self.files[f"{path}{'#c' if constraint else ''}"] = found
        parsed = _understood(text, posixpath.basename(path))
        (self.constraints if constraint else self.requirements).extend(parsed.requirements)
        install = self.install
        self.install = msgspec.structs.replace(
            install,
            index_url=parsed.index_url if parsed.index_url is not None else install.index_url,
            extra_index_urls=(*install.extra_index_urls, *parsed.extra_index_urls),
            no_index=install.no_index or parsed.no_index,
            pre=install.pre or parsed.pre,
            require_hashes=install.require_hashes or parsed.require_hashes,
        )
        here = posixpath.dirname(path)
        for other in parsed.files:
            if posixpath.join(here, other) not in self.files:
                self.file(posixpath.join(here, other), constraint=constraint)
        for other in parsed.constraints:
            if f"{posixpath.join(here, other)}#c" not in self.files:
                self.file(posixpath.join(here, other), constraint=True)


def _understood(text: str, name: str) -> RequirementFile:
    parsed = parse(text)
    if parsed.impure:
        raise ImpureError(f"{name}: {parsed.impure}")
    if named := (*parsed.paths, *parsed.editables):
        raise ImpureError(f"{name} names {named[0]}")
    if parsed.find_links:
        raise ImpureError(f"{name} has --find-links")
    return parsed


def request_of(
    install: Install,
    python: Python,
    installed: tuple[tuple[str, str], ...],
    read: Callable[[str], tuple[str, ReadFile] | None],
) -> tuple[Request | None, tuple[ReadFile, ...]]:
    """Return what ``install`` asks of an index, and the files that say so.

    None when it names none: only paths. A request with ``no_index`` is answered by directories of the image.

    Args:
        install: recognised.
        python: of the image.
        installed: name and version of what the image has.
        read: returns the text of a file of the image.

    Raises:
        ImpureError: it cannot be told.
    """
    reader = _Reader(read, install, requirements=list(install.requirements))
    for path in install.files:
        reader.file(path)
    for path in install.constraints:
        reader.file(path, constraint=True)
    files, asked = tuple(dict.fromkeys(reader.files.values())), reader.install
    if not reader.requirements:
        if not (install.paths or install.editables):
            raise ImpureError("there is nothing to install")
        return None, files
    if install.paths or install.editables:
        raise ImpureError("packages of an index and local ones are installed together")
    if install.sync or asked.no_index:
        installed = ()
    pins = [parse_pin(line) for line in reader.requirements]
    hashed = all(pin is not None and pin.hashes for pin in pins)
    if asked.require_hashes and not hashed:
        raise ImpureError("--require-hashes, and not every requirement has a version and a hash")
    upgrade = install.upgrade_packages
    if install.upgrade == "all":
        if not install.eager and not hashed and install.tool == "pip":
            raise ImpureError("--upgrade without pinned requirements depends on what is installed")
        upgrade = ("*",)
    return (
        Request(
            requirements=tuple(reader.requirements),
            constraints=tuple(reader.constraints),
            python=python.version,
            python_platform=python.platform,
            # Where everything is pinned to versions and hashes, what is there already has no say.
            installed=() if hashed else installed,
            deps=install.deps,
            pre=asked.pre,
            no_index=asked.no_index,
            upgrade=() if hashed else upgrade,
            index_url=asked.index_url,
            extra_index_urls=asked.extra_index_urls,
            find_links=install.find_links,
        ),
        files,
    )
