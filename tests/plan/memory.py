"""Trees and hives that exist only in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.oci.model import ImageConfig, RunConfig
from hivebase.plan.files import FileFact
from hivebase.plan.hive import FoundFile, Hive, assemble
from hivebase.plan.lockfile import HiveLock
from hivebase.plan.settings import Settings, parse_settings
from hivebase.plan.sources import BaseFact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class MemoryListing:
    """A ``FileListing`` of given files.

    A value is the content of a file, ``(content, mode)``, ``"-> target"`` for a link, or None for an empty
    directory. Parents exist by themselves, with mode 0755 unless listed.
    """

    def __init__(self, files: Mapping[str, str | bytes | tuple[str | bytes, int] | None]) -> None:
        self._facts: dict[str, FileFact] = {"": FileFact("dir", 0o755)}
        self._content: dict[str, bytes] = {}
        for path, value in files.items():
            parts = path.split("/")
            for i in range(1, len(parts)):
                self._facts.setdefault("/".join(parts[:i]), FileFact("dir", 0o755))
            self._put(path, value)

    def _put(self, path: str, value: str | bytes | tuple[str | bytes, int] | None) -> None:
        if value is None:
            self._facts[path] = FileFact("dir", 0o755)
        elif isinstance(value, str) and value.startswith("-> "):
            self._facts[path] = FileFact("symlink", 0o777, 0, value[3:])
        else:
            content, mode = value if isinstance(value, tuple) else (value, 0o644)
            data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
            self._facts[path] = FileFact("file", mode, len(data))
            self._content[path] = data

    def get(self, path: str, /) -> FileFact | None:
        return self._facts.get(path)

    def children(self, path: str, /) -> Sequence[str]:
        prefix = f"{path}/" if path else ""
        below = (name[len(prefix) :] for name in self._facts if name and name.startswith(prefix))
        return sorted(name for name in below if "/" not in name)

    def digest(self, path: str, /) -> Digest:
        return Digest.of(self._content[path])

    def read(self, path: str, /) -> bytes:
        return self._content[path]


def make_hive(
    files: Mapping[str, str], *, root: str = "tree", config: str = "", lock: HiveLock | None = None
) -> Hive:
    """Return the hive of a tree of Dockerfiles and other files, as if it had been read from disk."""
    settings = parse_settings(config) if config else Settings()
    found = [
        FoundFile(path, text)
        for path, text in files.items()
        if "dockerfile" in path.rpartition("/")[2].lower()
        or "containerfile" in path.rpartition("/")[2].lower()
    ]
    return assemble(root, settings, found, lock or HiveLock.empty(), MemoryListing(files))


def base(content: str = "base", **config: object) -> BaseFact:
    """Return a base image of the given content."""
    run = RunConfig(env=("PATH=/usr/bin:/bin",), **config)  # type: ignore[arg-type]
    return BaseFact(Digest.of(content.encode()), ImageConfig(architecture="amd64", os="linux", config=run))
