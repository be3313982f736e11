"""A hive as a value: its settings, its lock, and its images with their parsed Dockerfiles. Pure.

``hivebase.build.workspace`` reads the files and calls :func:`assemble`.
"""

from __future__ import annotations

import difflib
import posixpath
from bisect import bisect_left
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.dockerfile.ast import Copy, Run
from hivebase.dockerfile.parser import parse
from hivebase.dockerfile.salvage import salvage
from hivebase.errors import UsageError
from hivebase.plan.files import FileFacts, clamp
from hivebase.plan.globs import has_wildcard
from hivebase.plan.names import NameIndex, name_images, slug
from hivebase.plan.select import expand_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.dockerfile.ast import Dockerfile
    from hivebase.plan.lockfile import HiveLock
    from hivebase.plan.settings import Settings
    from hivebase.reference import Reference

StandIns = Literal["auto", "never"]


class Diagnostic(msgspec.Struct, frozen=True):
    """A remark about one file that does not stop work on the others.

    Attributes:
        path: the file, relative to the hive's root.
        message: in plain words.
        line: 1-based, 0 for the whole file.
        severity: an ``error`` means that this image cannot be built.
    """

    path: str
    message: str
    line: int = 0
    severity: Literal["error", "warning"] = "warning"

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


class FoundFile(msgspec.Struct, frozen=True):
    """A Dockerfile as found on disk.

    Attributes:
        path: relative to the hive's root.
        text: its content, or None when ``problem`` says why it could not be read.
        group: index into ``Settings.group``, or None without configuration.
        problem: for people.
    """

    path: str
    text: str | None
    group: int | None = None
    problem: str = ""


class HiveImage(msgspec.Struct, frozen=True):
    """One image of a hive.

    Attributes:
        name: unique in the hive (see ``hivebase.plan.names``).
        dockerfile: path relative to the hive's root.
        context: directory of the build context relative to the hive's root, ``""`` for the root.
        group: name of its group, or empty.
        args: build args of the group.
        document: the parsed Dockerfile, or None when ``error`` says why there is none.
        error: raised by whoever needs the document.
        remains: what can be read of a wrong file, for those who only look at the graph.
    """

    name: str
    dockerfile: str
    context: str
    group: str = ""
    args: Mapping[str, str] = {}
    document: Dockerfile | None = None
    error: UsageError | None = None
    remains: Dockerfile | None = None

    def parsed(self) -> Dockerfile:
        """Return the document.

        Raises:
            UsageError: the file could not be read or parsed.
        """
        if self.document is None:
            raise self.error or UsageError("the Dockerfile could not be read", where=self.dockerfile)
        return self.document


class Hive(msgspec.Struct, frozen=True):
    """All of it.

    Attributes:
        root: the root directory's own name, without the way to it.
        settings: as configured.
        images: sorted by name.
        lock: base pins.
        index: finds the image that a reference means.
        diagnostics: files that are left out or cannot be built, and why.
    """

    root: str
    settings: Settings
    images: tuple[HiveImage, ...]
    lock: HiveLock
    index: NameIndex
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        """The namespace of references: configured, else after the root directory."""
        return self.settings.hive.name or slug(self.root)

    @property
    def version(self) -> str:
        """The tag: configured, else ``latest``."""
        return self.settings.hive.version or "latest"

    def with_version(self, version: str) -> Hive:
        """Return this hive at another version."""
        table = msgspec.structs.replace(self.settings.hive, version=version)
        return msgspec.structs.replace(self, settings=msgspec.structs.replace(self.settings, hive=table))

    def reference(self, name: str) -> str:
        """Return the familiar reference under which the image ``name`` is stored."""
        path = "/".join(slug(part) for part in name.split("/"))
        return f"{self.name}/{path}:{self.version}"

    def image(self, name: str) -> HiveImage:
        """Return the image called ``name``; its reference at this hive's version will do.

        Raises:
            UsageError: there is none; the nearest name is in the hint.
        """
        # Another version is another image: who asks for 1.0.0 must not be given 2.0.0.
        short = name.removeprefix(f"{self.name}/").removesuffix(f":{self.version}")
        for wanted in (name, short):
            # The images are sorted by name.
            place = bisect_left(self.images, wanted, key=lambda image: image.name)
            if place < len(self.images) and self.images[place].name == wanted:
                return self.images[place]
        endings = [image for image in self.images if f"/{image.name}".endswith(f"/{name}")]
        if len(endings) == 1:
            return endings[0]
        if endings:
            raise UsageError(
                f"more than one image is called {name!r}",
                hint="write " + " or ".join(repr(image.name) for image in endings),
            )
        raise _unknown(name, [image.name for image in self.images])

    def of_group(self, group: str) -> tuple[str, ...]:
        """Return the names of the images of a group.

        Raises:
            UsageError: there are none; the groups that there are, are in the hint.
        """
        names = tuple(image.name for image in self.images if image.group == group)
        if not names:
            groups = sorted({image.group for image in self.images if image.group})
            raise UsageError(
                f"no group is called {group!r}", hint=f"hivebase.toml has {', '.join(groups) or 'none'}"
            )
        return names

    def find(self, reference: Reference, child: str) -> str | None:
        """Return the image that ``reference`` in ``child`` means, or None for an external one.

        An image never stands on itself, so what ends in its own name is somebody else's image.
        """
        found = self.index.find(reference, child)
        return None if found == child else found


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        hint = f"did you mean {close[0]!r}?"
    elif known:
        shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        hint = f"the hive has {shown}"
    else:
        hint = "the hive has no images; is this the right directory?"
    return UsageError(f"no image is called {name!r}", hint=hint)


def default_args(hive: Hive, epoch: int, stand_ins: StandIns = "auto") -> dict[str, str]:
    """Return the build args that hivebase gives by itself wherever a Dockerfile declares them.

    ``VERSION`` and ``BASE_IMAGE_VERSION`` are given only when the hive has a configured version: a tree of
    other people's Dockerfiles means something else by ``ARG VERSION=3.2``.

    Args:
        hive: gives the version.
        epoch: seconds since 1970, the one instant of the build.
        stand_ins: whether a step may fall back on a stand-in for content that cannot be fetched.
    """
    date = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    args = {"BUILD_DATE": date, "HIVEBASE_STAND_INS": stand_ins}
    if version := hive.settings.hive.version:
        args |= {"VERSION": version, "BASE_IMAGE_VERSION": version}
    return args


def assemble(
    root: str,
    settings: Settings,
    found: Sequence[FoundFile],
    lock: HiveLock,
    tree: FileFacts,
) -> Hive:
    """Make a hive of what was found.

    Args:
        root: name of the root directory.
        settings: configuration, defaults for none.
        found: the Dockerfiles; at most once each.
        lock: base pins.
        tree: the hive's directory, asked only for the existence of what Dockerfiles copy.

    Raises:
        UsageError: two groups claim one Dockerfile, or two images cannot be told apart.
    """
    by_path: dict[str, FoundFile] = {}
    for file in found:
        if file.path in by_path:
            raise UsageError("belongs to two groups", where=file.path, hint="narrow path, include or exclude")
        by_path[file.path] = file
    named = name_images(by_path, root)
    _refuse_duplicates([(item.name, item.path) for item in named])
    images = [_image(item.name, by_path[item.path], settings, tree) for item in named]
    problems = tuple(
        Diagnostic(image.dockerfile, image.error.what, getattr(image.error, "line", 0), "error")
        for image in images
        if image.error is not None
    )
    return Hive(root, settings, tuple(sorted(images, key=lambda i: i.name)), lock, NameIndex(named), problems)


def _refuse_duplicates(named: Sequence[tuple[str, str]]) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for name, path in named:
        key = tuple(slug(part) for part in name.split("/"))
        if key in seen:
            raise UsageError(
                f"two images are called {'/'.join(key)!r}: {seen[key]} and {path}",
                why="a repository name is lower-case and has no other signs than . _ -",
                hint="rename a directory, or leave one out with exclude in hivebase.toml",
            )
        seen[key] = path


def _image(name: str, file: FoundFile, settings: Settings, tree: FileFacts) -> HiveImage:
    group = settings.group[file.group] if file.group is not None else None
    document: Dockerfile | None = None
    remains: Dockerfile | None = None
    error: UsageError | None = None
    if file.text is None:
        error = UsageError(file.problem, where=file.path)
    else:
        try:
            document = parse(file.text, file.path)
        except UsageError as problem:
            error = problem
            remains = salvage(file.text, file.path)
    if group is not None and group.context is not None:
        context = clamp(group.context)
    else:
        context = _context(document, posixpath.dirname(file.path), tree)
    return HiveImage(
        name,
        file.path,
        context,
        group.name if group else "",
        group.args if group else {},
        document,
        error,
        remains,
    )


def _context(document: Dockerfile | None, directory: str, tree: FileFacts) -> str:
    """Return the nearest directory at or above ``directory`` that has all that ``document`` copies."""
    sources = _context_sources(document) if document else []
    candidates = [directory]
    while candidates[-1]:
        candidates.append(posixpath.dirname(candidates[-1]))
    # A wildcard that matches nothing is legal, so it decides only as long as some directory pleases it.
    for wanted in (sources, [source for source in sources if not has_wildcard(source)]):
        for candidate in candidates if wanted else ():
            if all(_exists(tree, candidate, source) for source in wanted):
                return candidate
    return directory


def _exists(tree: FileFacts, directory: str, source: str) -> bool:
    try:
        return next(expand_pattern(tree, posixpath.join(directory, clamp(source))), None) is not None
    except UsageError:
        return False


def _context_sources(document: Dockerfile) -> list[str]:
    sources: list[str] = []
    for stage in document.stages:
        for instruction in stage.instructions:
            if isinstance(instruction, Copy) and not instruction.from_:
                sources += instruction.sources
            elif isinstance(instruction, Run):
                sources += [
                    mount.get("source", "src") or "."
                    for mount in instruction.mounts
                    if mount.type == "bind" and mount.get("from") is None
                ]
    # What needs variables or comes from elsewhere says nothing about the directory.
    return [s for s in sources if "$" not in s and "://" not in s and not s.startswith(("<<", "git@"))]
