"""What ``hivebase lock`` resolves: the ``requirements.in`` beside a Dockerfile, for the images built from there."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.build.uv_host import user_of
from hivebase.errors import SystemFaultError, UsageError
from hivebase.plan.keys import fingerprint
from hivebase.plan.lockfile import LockedInput
from hivebase.plan.requirement_files import RequirementFile, parse
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hivebase.build.workspace import Workspace
    from hivebase.plan.hive import HiveImage
    from hivebase.plan.pythons import Python
    from hivebase.plan.wheels import Request

INPUT = "requirements.in"
OUTPUT = "requirements.txt"

_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """A requirement and where it is written (``path:line``)."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where an input says that packages come from; all empty for the host's configuration.

    Attributes:
        index_url: instead of the default index.
        extra_index_urls: further ones.
        find_links: directories (absolute) and URLs.
        no_index: only ``find_links`` count.
        pre: pre-releases count.
    """

    index_url: str = field(default="", repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False


@dataclass(frozen=True, slots=True)
class ImageInput:
    """Requirements that are written in one place.

    Attributes:
        path: the place, relative to the hive's root: a file, or ``Dockerfile:line``.
        images: that install what it resolves to.
        pythons: of these images, each once.
        lines: what is asked for.
        constraints: what else is not allowed.
        sources: its own indexes.
        output: the file that gets the result, relative to the root; empty for none.
        request: of an installation in a Dockerfile, to be remembered with its answer.
    """

    path: str
    images: tuple[str, ...]
    pythons: tuple[Python, ...]
    lines: tuple[Line, ...]
    constraints: tuple[Line, ...] = ()
    sources: Sources = Sources()
    output: str = ""
    request: Request | None = None

    @property
    def locked(self) -> LockedInput:
        """What the lock remembers of it: what it says, in whatever order and layout."""
        digest = fingerprint(
            sorted({line.text for line in self.lines}),
            sorted({line.text for line in self.constraints}),
            self.sources,
        )
        return LockedInput(digest, tuple(sorted(map(python_text, self.pythons))))


def python_text(python: Python) -> str:
    """Return what of an interpreter a lock depends on: ``3.11 x86_64 glibc 2.36``.

    The patch release is not in it: a locked file serves them all, so that a new base image leaves it as it is.
    """
    return f"{python.minor} {python.machine} {python.libc} {'.'.join(map(str, python.libc_version))}"


def inputs_of(
    workspace: Workspace, python_of: Callable[[HiveImage], Python | None]
) -> tuple[ImageInput, ...]:
    """Read all inputs of a hive, sorted by path.

    Args:
        workspace: the hive.
        python_of: the interpreter in an image, or None when there is none or it is not known.

    Raises:
        UsageError: an input cannot be read, or says what cannot be locked.
        SystemFaultError: a file cannot be read.
    """
    users: dict[str, list[HiveImage]] = {}
    for image in workspace.hive.images:
        path = posixpath.join(posixpath.dirname(image.dockerfile), INPUT)
        if (workspace.root / path).is_file():
            users.setdefault(path, []).append(image)
    return tuple(_input(workspace.root, path, users[path], python_of) for path in sorted(users))


def _input(
    root: Path, path: str, images: list[HiveImage], python_of: Callable[[HiveImage], Python | None]
) -> ImageInput:
    pythons = [python for image in images if (python := python_of(image)) is not None]
    made = ImageInput(
        path,
        tuple(image.name for image in images),
        tuple(dict.fromkeys(replace(python, version=python.minor, build="") for python in pythons)),
        (),
        output=posixpath.join(posixpath.dirname(path), OUTPUT),
    )
    for file, constrains, content in _files(root, path):
        _refuse_unlockable(file, content)
        lines = tuple(
            Line(text, f"{file}:{number}")
            for text, number in zip(content.requirements, content.lines, strict=True)
        )
        if constrains:
            made = replace(made, constraints=(*made.constraints, *lines))
        else:
            sources = _with(made.sources, content, root, file)
            made = replace(made, lines=(*made.lines, *lines), sources=sources)
    return made


def _files(root: Path, start: str) -> Iterator[tuple[str, bool, RequirementFile]]:
    """Yield a file and all that it names with ``-r`` and ``-c``, each once, and whether it only constrains."""
    pending, seen = [(start, False)], set()
    while pending:
        path, constrains = pending.pop(0)
        if (path, constrains) in seen:
            continue
        seen.add((path, constrains))
        content = parse(_read(root, path))
        yield path, constrains, content
        here = posixpath.dirname(path)
        for names, only in ((content.files, constrains), (content.constraints, True)):
            pending += [(posixpath.normpath(posixpath.join(here, name)), only) for name in names]


def _read(root: Path, path: str) -> str:
    full = root / path
    if "://" in path or path.startswith(("/", "../")) or not full.resolve().is_relative_to(root.resolve()):
        raise UsageError("a requirement file outside of the hive", where=path, hint="copy it into the hive")
    try:
        with full.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise UsageError(f"larger than {_MAX_BYTES} bytes", where=path)
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError("not UTF-8 text", where=path, why=str(error)) from error
    except FileNotFoundError:
        raise UsageError("there is no such file", where=path, why="-r or -c names it") from None
    except OSError as error:
        raise SystemFaultError("cannot be read", where=path, why=error.strerror or str(error)) from error


def _refuse_unlockable(path: str, content: RequirementFile) -> None:
    why = content.impure
    if named := (*content.editables, *content.paths):
        why = f"{named[0]} is a file or a project of this machine"
    if why:
        raise UsageError(
            "cannot be locked",
            where=path,
            why=why,
            hint="name packages and versions here; what else is installed belongs into the Dockerfile",
        )


def _with(sources: Sources, content: RequirementFile, root: Path, path: str) -> Sources:
    for url in (content.index_url or "", *content.extra_index_urls):
        user_of(url)  # from now on it is masked
    here = (root / path).parent
    links = tuple(str(here / link) if "://" not in link else link for link in content.find_links)
    return Sources(
        content.index_url or sources.index_url,
        tuple(dict.fromkeys((*sources.extra_index_urls, *content.extra_index_urls))),
        tuple(dict.fromkeys((*sources.find_links, *links))),
        sources.no_index or content.no_index,
        sources.pre or content.pre,
    )
