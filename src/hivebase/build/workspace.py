"""The I/O half of planning: reads a directory and hands a pure ``Hive`` to the planner."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import msgspec

from hivebase.dockerfile.ignore import IgnoreFile
from hivebase.errors import SystemFaultError, UsageError
from hivebase.plan import lockfile, settings
from hivebase.plan.files import FileFact
from hivebase.plan.hive import FoundFile, Hive, HiveImage, assemble
from hivebase.plan.names import classify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_DOCKERFILE = 16 << 20
"""Bytes of the longest Dockerfile that is read; BuildKit's own limit."""

MAX_CONFIG = 16 << 20
"""Bytes of the longest hivebase.toml or hivebase.lock."""

_FOREIGN = """
.git .hg .svn .bzr .jj CVS .venv .tox .nox .direnv .cache .mypy_cache .pytest_cache .ruff_cache
.hypothesis .terraform .gradle .npm .yarn .pnpm-store .bundle .cargo .eggs __pycache__ node_modules
bower_components site-packages
"""
_SKIPPED = frozenset(_FOREIGN.split())
"""Directories of other people's or of generated files; ``.devcontainer`` and ``.docker`` are people's own."""


class Workspace(msgspec.Struct, frozen=True):
    """A hive and the directory it was read from.

    Attributes:
        root: absolute.
        hive: what is in it.
        configured: whether there is a hivebase.toml.
    """

    root: Path
    hive: Hive
    configured: bool = False

    def dockerfile(self, image: HiveImage) -> Path:
        """Return where the Dockerfile of ``image`` is."""
        return self.root / os.fsdecode(os.fsencode(image.dockerfile))

    def context(self, image: HiveImage) -> Path:
        """Return the directory of the build context of ``image``."""
        return self.root / image.context

    @property
    def lock_file(self) -> Path:
        """Where ``hivebase.lock`` is or would be."""
        return self.root / lockfile.FILE_NAME


def find_root(start: Path) -> Path:
    """Return the nearest directory at or above ``start`` that has a ``hivebase.toml``, else ``start``."""
    start = start.absolute()
    for directory in (start, *start.parents):
        if (directory / settings.FILE_NAME).is_file():
            return directory
    return start


def open_workspace(root: Path) -> Workspace:
    """Read the hive in ``root``.

    Dockerfiles that cannot be read or parsed become diagnostics of the hive; only building their image fails.

    Raises:
        UsageError: ``root`` is no directory, hivebase.toml or hivebase.lock is wrong, or two images cannot be
            told apart.
        SystemFaultError: the directory cannot be read.
    """
    root = root.absolute()
    if not root.is_dir():
        raise UsageError(
            "not a directory", where=str(root), hint="give the directory that holds the Dockerfiles"
        )
    config = _read_config(root / settings.FILE_NAME)
    configured = _settings(config)
    lock = read_lock(root)
    found: list[FoundFile] = []
    for index, group in enumerate(configured.group):
        start = root / group.path
        if not start.is_dir():
            raise UsageError(
                f"the directory {group.path!r} of group {group.name!r} does not exist", where=str(root)
            )
        found += _find(root, start, index, group.include, group.exclude)
    if not configured.group:
        found += _find(root, root, None, (), ())
    hive = assemble(root.name or "root", configured, found, lock, DiskFacts(root))
    return Workspace(root, hive, config is not None)


def read_settings(root: Path) -> settings.Settings:
    """Read ``hivebase.toml`` in ``root``; an absent one says nothing.

    Raises:
        UsageError: it is wrong.
        SystemFaultError: it cannot be read.
    """
    return _settings(_read_config(root / settings.FILE_NAME))


def _settings(text: str | None) -> settings.Settings:
    return settings.parse_settings(text) if text is not None else settings.Settings()


def read_lock(root: Path) -> lockfile.HiveLock:
    """Read ``hivebase.lock`` in ``root``; an absent one pins nothing.

    Raises:
        UsageError: it is wrong.
        SystemFaultError: it cannot be read.
    """
    text = _read_config(root / lockfile.FILE_NAME)
    return lockfile.parse_lock(text) if text is not None else lockfile.HiveLock.empty()


def _read_config(path: Path) -> str | None:
    try:
        if path.stat().st_size > MAX_CONFIG:
            raise UsageError(f"larger than {MAX_CONFIG} bytes", where=path.name)
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise UsageError("not UTF-8 text", where=path.name, why=str(error)) from error
    except OSError as error:
        raise SystemFaultError("cannot be read", where=str(path), why=error.strerror or str(error)) from error


def _find(
    root: Path, start: Path, group: int | None, include: Sequence[str], exclude: Sequence[str]
) -> Iterator[FoundFile]:
    included = IgnoreFile.parse("\n".join(include)) if include else None
    excluded = IgnoreFile.parse("\n".join(exclude))
    for directory, name in _walk(start):
        below = (directory / name).relative_to(start).as_posix()
        if (included is None or included.ignored(below, False)) and not excluded.ignored(below, False):
            yield _load(root, (directory / name).relative_to(root).as_posix(), group)


def _walk(start: Path) -> Iterator[tuple[Path, str]]:
    """Yield directory and name of all files named like Dockerfiles, links to directories not followed."""
    pending = [start]
    while pending:
        directory = pending.pop()
        try:
            with os.scandir(directory) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if directory == start:
                raise SystemFaultError(
                    "cannot be read", where=str(directory), why=error.strerror or str(error)
                ) from error
            continue
        below: list[Path] = []
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                if not _is_skipped(directory, entry.name):
                    below.append(directory / entry.name)
            elif classify(entry.name) is not None:
                yield directory, entry.name
        pending.extend(reversed(below))


def _is_skipped(directory: Path, name: str) -> bool:
    # A virtual environment may have any name, and tells itself by this file.
    return name in _SKIPPED or (directory / name / "pyvenv.cfg").exists()


def _load(root: Path, path: str, group: int | None) -> FoundFile:
    full = root / path
    try:
        # A link is fine as long as it stays in the tree: what it shows of the host is nobody's Dockerfile.
        if full.is_symlink() and not full.resolve(strict=True).is_relative_to(root.resolve()):
            return FoundFile(path, None, group, "a symbolic link that leaves the hive")
        handle = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as stream:  # noqa: PTH123 -- the descriptor is what was checked
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return FoundFile(path, None, group, "not a regular file")
            data = stream.read(MAX_DOCKERFILE + 1)
    except (OSError, RuntimeError) as error:
        return FoundFile(path, None, group, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(data) > MAX_DOCKERFILE:
        return FoundFile(path, None, group, f"larger than {MAX_DOCKERFILE} bytes")
    if b"\0" in data:
        return FoundFile(path, None, group, "a binary file")
    return FoundFile(path, data.decode("utf-8", "surrogateescape"), group)


class DiskFacts:
    """``FileFacts`` of a directory on disk: enough to see what exists, nothing is opened."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[str, tuple[str, ...]] = {}

    def get(self, path: str, /) -> FileFact | None:
        """Return the fact of ``path``, or None when there is no file, directory or link."""
        full = self._root / path if path else self._root
        try:
            status = full.lstat()
            if stat.S_ISLNK(status.st_mode):
                return FileFact("symlink", stat.S_IMODE(status.st_mode), 0, str(full.readlink()))
        except (OSError, ValueError):
            return None
        if stat.S_ISDIR(status.st_mode):
            return FileFact("dir", stat.S_IMODE(status.st_mode))
        if stat.S_ISREG(status.st_mode):
            return FileFact("file", stat.S_IMODE(status.st_mode), status.st_size)
        return None

    def children(self, path: str, /) -> Sequence[str]:
        """Return the sorted names in ``path``, none when it cannot be read."""
        if path not in self._names:
            try:
                self._names[path] = tuple(sorted(entry.name for entry in (self._root / path).iterdir()))
            except OSError:
                self._names[path] = ()
        return self._names[path]
