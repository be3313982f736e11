"""COPY, ADD and WORKDIR lines done one after the other on a tree in memory: what tests of copying share.

::

    context = make(tmp_path, {"a": "A", "dir/c": "C", "link": Link("a"), "empty": None})
    image = do(context, "COPY dir /x", "COPY --chown=7 a /x/")
    assert ["d 0755 0:0 x", "f 0644 7:7 x/a [A]"] == image.rows()
"""

from __future__ import annotations

import gzip
import io
import os
import posixpath
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.layers.context import Context
from hivebase.layers.copy import copy_layer
from hivebase.layers.layer import LayerWriter
from hivebase.layers.sources import TreeSource
from hivebase.layers.workdir import workdir_layer
from hivebase.plan.steps import CONTEXT, CopyStep, InlineFile, WorkdirStep
from hivebase.tar import Entry, Reader, clean
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from hivebase.layers.layer import Layer
    from hivebase.layers.remote import Remote
    from hivebase.layers.sources import Source

EPOCH = 1_700_000_000
KEY = Digest.of(b"key")
LETTERS = {"file": "f", "dir": "d", "symlink": "l", "hardlink": "h"}


@dataclass(frozen=True)
class Link:
    """A symbolic link in a table of files."""

    target: str


Content = str | bytes | Link | None


def make(root: Path, files: Mapping[str, Content]) -> Path:
    """Make ``files`` (None is a directory) in the directory ``root/context``, with the modes of umask 022."""
    context = root / "context"
    context.mkdir(exist_ok=True)
    for name, content in files.items():
        path = context / name
        for parent in reversed(path.relative_to(root).parents[:-1]):
            (root / parent).mkdir(exist_ok=True)
            (root / parent).chmod(0o755)
        if content is None:
            path.mkdir()
        elif isinstance(content, Link):
            path.symlink_to(content.target)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod(0o644)
    return context


class Blobs:
    """A store of blobs in memory."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}

    @contextmanager
    def ingest(self) -> Iterator[_Blob]:
        """Start a blob."""
        yield _Blob(self.blobs)


class _Blob:
    def __init__(self, blobs: dict[Digest, bytes]) -> None:
        self._blobs = blobs
        self._data = io.BytesIO()

    def write(self, data: bytes | memoryview) -> None:
        self._data.write(data)

    def commit(self) -> tuple[Digest, int]:
        data = self._data.getvalue()
        digest = Digest.of(data)
        self._blobs[digest] = data
        return digest, len(data)


def entries_of(blob: bytes) -> list[tuple[Entry, bytes]]:
    """Return the entries of a compressed layer with their content."""
    return [(entry, body.read()) for entry, body in Reader(io.BytesIO(gzip.decompress(blob)))]


class MemoryTree:
    """A tree in memory; implements ``layers.tree.Tree``."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[Entry, bytes]] = {"": (Entry("", "dir", 0o755), b"")}

    def apply(self, entries: list[tuple[Entry, bytes]]) -> None:
        """Lay ``entries`` over the tree as an unpacker does."""
        for entry, content in entries:
            if posixpath.basename(entry.name) == ".wh..wh..opq":
                self._drop(posixpath.dirname(entry.name), keep=True)
                continue
            there = self.files.get(entry.name)
            if there and (there[0].kind != "dir" or entry.kind != "dir"):
                self._drop(entry.name)
            if entry.kind == "hardlink":
                origin = self.files[entry.link]
                self.files[entry.name] = (replace(origin[0], name=entry.name), origin[1])
            else:
                self.files[entry.name] = (entry, content)

    def lstat(self, path: str) -> Entry | None:
        """Describe ``path``; like the real one, it may not lead through a link."""
        assert path == clean(path)
        for above in _above(path):
            assert self.files.get(above, (Entry("", "dir", 0),))[0].kind != "symlink"
        return self.files[path][0] if path in self.files else None

    def listdir(self, path: str) -> list[str]:
        """Return the names in ``path``."""
        return sorted(posixpath.basename(p) for p in self.files if p and posixpath.dirname(p) == path)

    def readlink(self, path: str) -> str:
        """Return the target of a link."""
        return self.files[path][0].link

    def open(self, path: str) -> io.BytesIO:
        """Open a file."""
        if self.files.get(path, (Entry("", "dir", 0),))[0].kind != "file":
            raise OSError(22, "not a regular file", path)
        return io.BytesIO(self.files[path][1])

    def _drop(self, path: str, *, keep: bool = False) -> None:
        for name in [
            name for name in self.files if name.startswith(f"{path}/") or (name == path and not keep)
        ]:
            del self.files[name]


def _above(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


@dataclass
class Image:
    """What some lines made."""

    tree: MemoryTree = field(default_factory=MemoryTree)
    layers: list[Layer | None] = field(default_factory=list)
    entries: list[list[tuple[Entry, bytes]]] = field(default_factory=list)

    def rows(self, layer: int = -1) -> list[str]:
        """Return a layer's entries as ``kind mode uid:gid name``, then a link's target or the content."""
        return [row(entry, content) for entry, content in self.entries[layer]]


def row(entry: Entry, content: bytes) -> str:
    """Return an entry as one line of text."""
    kind = LETTERS.get(entry.kind, entry.kind)
    text = f"{kind} {entry.mode:04o} {entry.uid}:{entry.gid} {entry.name}"
    if entry.link:
        text += f" -> {entry.link}"
    return text + (f" [{content[:12].decode('latin-1')}]" if entry.kind == "file" else "")


def step_of(line: str, **fields: object) -> CopyStep:
    """Return the step of a COPY or ADD line whose words need no quotes; ``fields`` add what has no flag."""
    keyword, *words = line.split()
    sources = [word for word in words if not word.startswith("--")]
    destination = sources.pop()
    for word in words:
        name, _, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            continue
        if name == "exclude":
            fields["exclude"] = (*fields.get("exclude", ()), value)  # type: ignore[misc]
        else:
            fields[name] = value != "false" if name in ("link", "parents", "unpack") else value
    fields["add"] = keyword == "ADD"
    step = CopyStep(KEY, line, line, 1, CONTEXT, tuple(sources), destination)
    return replace(step, **fields)


def do(
    context: Path | Source,
    *lines: str | CopyStep,
    remote: Remote | None = None,
    on: Image | None = None,
    epoch: int = EPOCH,
) -> Image:
    """Do ``lines`` on the image ``on``, from a directory or another source; USER and WORKDIR count too."""
    image, user, store = on or Image(), "", Blobs()
    if isinstance(context, os.PathLike):
        with Context.at(context) as source:
            return do(source, *lines, remote=remote, on=on, epoch=epoch)
    for line in lines:
        if isinstance(line, str) and line.startswith("USER "):
            user = line.split()[1]
            continue
        with LayerWriter(store, epoch) as writer:
            if isinstance(line, str) and line.startswith("WORKDIR "):
                step = WorkdirStep(KEY, line, line, 1, line.split()[1], user)
                workdir_layer(step, image.tree, writer)
            else:
                copy = step_of(line) if isinstance(line, str) else line
                copy_layer(copy, context, image.tree, writer, remote=remote)
            layer = writer.finish()
        entries = entries_of(store.blobs[Digest.parse(layer.descriptor.digest)]) if layer else []
        image.layers.append(layer)
        image.entries.append(entries)
        image.tree.apply(entries)
    return image


def stage(image: Image) -> TreeSource:
    """Return ``image`` as the source of ``COPY --from``."""
    return TreeSource(image.tree, "stage")


def inline(name: str, content: str) -> InlineFile:
    """Return a here-document."""
    return InlineFile(name, content.encode())


def is_private(path: Path) -> bool:
    """Tell whether nobody but the owner may use ``path``."""
    return not stat.S_IMODE(path.stat().st_mode) & 0o077
