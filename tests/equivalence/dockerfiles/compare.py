"""Two images side by side: the merged tree, the configuration, the history.

Written against the image specification with the standard library alone: a mistake of the code under test must not
be repeated in what judges it.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMPARED = (
    *("Env", "User", "WorkingDir", "Entrypoint", "Cmd", "Shell", "Labels", "ExposedPorts", "Volumes"),
    *("Healthcheck", "StopSignal", "OnBuild"),
)
"""Fields of the run configuration. Not among them: ``ArgsEscaped``, which means something on Windows only."""

_KINDS = {
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "fifo",
}
_XATTR = "SCHILY.xattr."
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True, eq=False)
class Inode:
    """What one or more paths name. ``content`` is that of a file, or what a link points to."""

    kind: str
    mode: int
    owner: tuple[int, int]
    content: bytes | str
    device: tuple[int, int]
    xattrs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Layer:
    """The members of one layer, in order."""

    members: tuple[tuple[tarfile.TarInfo, bytes], ...]

    @classmethod
    def of(cls, data: bytes) -> Layer:
        """Read a tar, compressed or not."""
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return cls(tuple((info, _body(archive, info)) for info in archive))


def _body(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(info) if info.isreg() else None
    return stream.read() if stream else b""


@dataclass(frozen=True)
class Image:
    """What is compared of an image."""

    config: dict[str, Any]
    history: list[tuple[str, bool]]
    tree: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, document: dict[str, Any], layers: Sequence[Layer]) -> Image:
        """Read an image: the document of its configuration and its layers, lowest first."""
        run = document.get("config") or {}
        config = {name: run[name] for name in COMPARED if run.get(name)}
        config["author"] = document.get("author") or ""
        config["platform"] = f"{document.get('os')}/{document.get('architecture')}"
        trees = [_facts(tree) for tree in stacked(layers)]
        # Docker keeps layers that change nothing but times; they count as none.
        changes = iter([before != after for before, after in zip([{}, *trees], trees, strict=False)])
        history = [
            (entry.get("created_by", ""), not entry.get("empty_layer") and next(changes, False))
            for entry in document.get("history") or ()
        ]
        return cls(config, history, trees[-1] if trees else {})


@dataclass(frozen=True)
class Difference:
    """One fact in which two images differ; ``where`` is a path of the tree, or begins with ``config`` or so."""

    where: str
    fact: str
    docker: Any
    ours: Any

    def __str__(self) -> str:
        return (
            f"{self.where}: {self.fact}\n    Docker: {_short(self.docker)}\n    ours:   {_short(self.ours)}"
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text)} characters)"


def stacked(layers: Sequence[Layer]) -> Iterator[dict[str, Inode]]:
    """Yield the tree after each layer; a path without a leading slash names what is there."""
    tree: dict[str, Inode] = {}
    for layer in layers:
        for info, _ in layer.members:
            directory, name = posixpath.split(_path(info.name))
            if name == _OPAQUE:
                _drop(tree, directory, itself=False)
            elif name.startswith(_WHITEOUT):
                _drop(tree, posixpath.join(directory, name.removeprefix(_WHITEOUT)), itself=True)
        for info, content in layer.members:
            path = _path(info.name)
            if not path or posixpath.basename(path).startswith(_WHITEOUT):
                continue
            below = tree.get(path)
            if below is not None and not (info.isdir() and below.kind == "directory"):
                _drop(tree, path, itself=True)
            tree[path] = tree[_path(info.linkname)] if info.islnk() else _inode(info, content)
        yield tree


def _path(name: str) -> str:
    clean = posixpath.normpath(name).lstrip("/")
    return "" if clean == "." else clean


def _drop(tree: dict[str, Inode], path: str, *, itself: bool) -> None:
    below = f"{path}/" if path else ""
    for name in [name for name in tree if name.startswith(below) or (itself and name == path)]:
        del tree[name]


def _inode(info: tarfile.TarInfo, content: bytes) -> Inode:
    kind = _KINDS.get(info.type, "file")
    found = ((name.removeprefix(_XATTR), value) for name, value in info.pax_headers.items() if _XATTR in name)
    return Inode(
        kind,
        # No system lets the mode of a link be changed, and tars say 0777 or what they like.
        0 if kind == "link" else info.mode & 0o7777,
        (info.uid, info.gid),
        info.linkname if kind == "link" else content,
        (info.devmajor, info.devminor) if "device" in kind else (0, 0),
        tuple(sorted(found)),
    )


def _facts(tree: dict[str, Inode]) -> dict[str, dict[str, Any]]:
    names: dict[int, list[str]] = {}
    for path, inode in sorted(tree.items()):
        names.setdefault(id(inode), []).append(f"/{path}")
    return {
        f"/{path}": {
            "kind": inode.kind,
            "mode": oct(inode.mode),
            "owner": inode.owner,
            "content": inode.content,
            "device": inode.device,
            "xattrs": inode.xattrs,
            "names": names[id(inode)],
        }
        for path, inode in tree.items()
    }


def differences(docker: Image, ours: Image) -> list[Difference]:
    """Compare all that is compared."""
    return [
        *_mapping("config", docker.config, ours.config),
        *_history([(words(text), made) for text, made in docker.history],
                  [(words(text), made) for text, made in ours.history]),
        *_trees(docker.tree, ours.tree),
    ]  # fmt: skip


def _mapping(where: str, docker: dict[str, Any], ours: dict[str, Any]) -> Iterator[Difference]:
    for name in sorted({*docker, *ours}):
        if docker.get(name) != ours.get(name):
            yield Difference(where, name, docker.get(name), ours.get(name))


def _history(docker: list[tuple[str, bool]], ours: list[tuple[str, bool]]) -> Iterator[Difference]:
    if len(docker) != len(ours):
        yield Difference("history", "length", docker, ours)
        return
    for number, (one, two) in enumerate(zip(docker, ours, strict=True)):
        if one != two:
            yield Difference("history", str(number), one, two)


def _trees(docker: dict[str, Any], ours: dict[str, Any]) -> Iterator[Difference]:
    for path in sorted({*docker, *ours}):
        if path not in docker or path not in ours:
            yield Difference(path, "there", docker.get(path, "nothing"), ours.get(path, "nothing"))
        else:
            yield from _mapping(path, docker[path], ours[path])


def words(created_by: str) -> str:
    """Return a line of history without what BuildKit has changed since.

    HEALTHCHECK and EXPOSE are printed as the structures of one version or of another; ARG with or without the values
    that came from outside; RUN with the build args of its stage, or also of the stages below; Docker 20.10 left out
    COPY's flags.
    """
    if re.match(r"HEALTHCHECK|EXPOSE", created_by):
        return created_by.split(" ", 1)[0]
    if created_by.startswith("ARG "):
        return re.sub(r"[=\s].*", "", created_by.removeprefix("ARG "), flags=re.DOTALL)
    created_by = re.sub(r"^RUN \|\d+ .*? (?=/bin/)", "RUN ", created_by, flags=re.DOTALL)
    return re.sub(r"^(COPY|ADD)( --ch\S+)*", r"\1", created_by)
