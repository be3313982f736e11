"""What one comparison with Docker is made of: a Dockerfile, perhaps a context of its own, and what is expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

START = "team/start:1"
"""The image that every case may stand on: busybox, three accounts, and the places that Docker mounts over."""

BUILD_ARGS = {"GIVEN": "given", "OVER": "from outside", "EMPTY": ""}
"""Both sides get these with every case; an ARG of one of these names sees them."""

SECRETS = {"token": "s3cr3t", "other": "line one\nline two\n"}
"""Both sides get these with every case."""


@dataclass(frozen=True)
class Link:
    """A symbolic link of a context."""

    target: str


@dataclass(frozen=True)
class File:
    """A file of a context that is more than its text."""

    content: str | bytes = ""
    mode: int = 0o644
    same_as: str = ""
    """Name of the file that this one is a hard link to."""


@dataclass(frozen=True)
class Case:
    """One Dockerfile.

    Attributes:
        text: of the Dockerfile; the indentation that all lines share does not count.
        files: the context by path, a name with a slash at its end being a directory; None means the shared one.
        ignore: text of ``.dockerignore`` in a context of its own.
        ignore_beside: text of ``Dockerfile.dockerignore``.
        needs: the first Docker that knows this syntax, or gives it today's meaning.
        fails: both sides refuse it.
    """

    text: str
    files: Mapping[str, str | bytes | Link | File] | None = None
    ignore: str = ""
    ignore_beside: str = ""
    needs: str = "20.10"
    fails: bool = False

    @property
    def dockerfile(self) -> str:
        """The text as it is written to the file."""
        lines = self.text.strip("\n").split("\n")
        indent = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
        return "\n".join(line[indent:] for line in lines).rstrip(" \n") + "\n"


def current(text: str) -> Case:
    """Return a case that only a current Docker can build."""
    return Case(text, needs="26.1")


def refused(text: str, needs: str = "20.10") -> Case:
    """Return a case that neither side builds."""
    return Case(text, needs=needs, fails=True)


def write_files(root: Path, files: Mapping[str, str | bytes | Link | File]) -> None:
    """Write a context; directories are 0755 whatever the umask is."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.target)
            continue
        file = content if isinstance(content, File) else File(content)
        if file.same_as:
            path.hardlink_to(root / file.same_as)
            continue
        path.write_bytes(file.content.encode() if isinstance(file.content, str) else file.content)
        path.chmod(file.mode)
    for path in (root, *root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
