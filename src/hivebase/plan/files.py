"""What planning knows about files: a small protocol, so that a context, an image's tree or a test can answer.

Paths are relative to the listing's root, ``/``-separated, without a leading ``/`` or ``./``; ``""`` is the
root itself. Names that are not UTF-8 carry surrogates, as ``os.fsdecode`` makes them.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.digest import Digest

MAX_LINKS = 40
"""Symbolic links followed for one path before it is called a loop; the kernel's own limit."""


class FileFact(msgspec.Struct, frozen=True):
    """What decides how a file is copied.

    Attributes:
        kind: regular file, directory or symbolic link.
        mode: permission bits, setuid, setgid and sticky included.
        size: bytes of a regular file, else 0.
        link: target of a symbolic link, else empty.
    """

    kind: Literal["file", "dir", "symlink"]
    mode: int
    size: int = 0
    link: str = ""


class FileFacts(Protocol):
    """A read-only tree of files without their content."""

    def get(self, path: str, /) -> FileFact | None:
        """Return the fact of ``path`` itself (links are not followed), or None when it does not exist."""

    def children(self, path: str, /) -> Sequence[str]:
        """Return the sorted names in the directory ``path``."""


class FileListing(FileFacts, Protocol):
    """A read-only tree of files: facts, content digests, and the content of the few that say what to install."""

    def digest(self, path: str, /) -> Digest:
        """Return the digest of the content of the regular file ``path``."""

    def read(self, path: str, /) -> bytes:
        """Return the content of the regular file ``path``."""


class EmptyListing:
    """A listing without any file: the context of a Dockerfile that copies nothing from it."""

    def get(self, path: str, /) -> FileFact | None:
        """Only the root exists."""
        return FileFact("dir", 0o755) if not path else None

    def children(self, _path: str, /) -> Sequence[str]:
        """Return nothing."""
        return ()

    def digest(self, path: str, /) -> Digest:
        """Raise: no file can be asked for that ``get`` did not report."""
        raise UsageError(f"{path} is not in the context")

    def read(self, path: str, /) -> bytes:
        """Raise, as :meth:`digest`."""
        raise UsageError(f"{path} is not in the context")


def clamp(path: str) -> str:
    """Normalise ``path`` as if ``/`` were the listing's root: ``..`` never leads out of it."""
    # POSIX keeps two leading slashes apart from one, and so does normpath; here they mean the same.
    return posixpath.normpath("/" + path.lstrip("/")).lstrip("/")


def follow(listing: FileFacts, path: str) -> str:
    """Return the real path behind ``path``, every link resolved inside the listing.

    A component that does not exist ends the resolution: the rest is appended as it stands, and ``get`` of the
    result tells that there is nothing.

    Raises:
        UsageError: more than ``MAX_LINKS`` links, thus a loop.
    """
    todo = [part for part in clamp(path).split("/") if part]
    done: list[str] = []
    links = 0
    todo.reverse()
    while todo:
        part = todo.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            # Textual, after links were resolved, and the root is its own parent: the meaning in a chroot.
            del done[-1:]
            continue
        here = "/".join([*done, part])
        fact = listing.get(here)
        if fact is None or fact.kind != "symlink":
            done.append(part)
            continue
        links += 1
        if links > MAX_LINKS:
            raise UsageError(
                f"too many symbolic links in {path!r}", why="they form a loop or a very long chain"
            )
        if fact.link.startswith("/"):
            done.clear()
        todo.extend(reversed(fact.link.split("/")))
    return "/".join(done)
