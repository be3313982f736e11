"""What ADD may name besides files: URLs and git repositories, and who answers for them.

The forms are BuildKit's: ``https://host/file`` is a download; ``https://host/repository.git``,
``git@host:path.git`` and ``ssh://…`` are repositories, optionally with ``#ref:directory``.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from hivebase.digest import Digest
    from hivebase.layers.sources import Source

_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@+-]*\Z", re.ASCII)

UNNAMED = "__unnamed__"
"""Name of a download whose URL has none; BuildKit's."""


class Repository(msgspec.Struct, frozen=True):
    """A git repository to add.

    Attributes:
        url: without fragment.
        protocol: ``https``, ``http``, ``ssh``, ``git`` or ``file``.
        ref: branch, tag or commit, or empty for the default branch.
        directory: the part to add, relative, or empty for all.
    """

    url: str
    protocol: str
    ref: str = ""
    directory: str = ""


class Download(msgspec.Struct, frozen=True):
    """A downloaded file.

    Attributes:
        name: its name when the destination is a directory.
        open: opens its bytes, which are checked against ``digest`` at their end.
        mtime: seconds since 1970.
    """

    name: str
    digest: Digest
    size: int
    mtime: int
    open: Callable[[], BinaryIO]


class Remote(Protocol):
    """Who fetches for ADD: :class:`hivebase.layers.fetch.RemoteFiles`."""

    def download(self, url: str, checksum: str = "") -> Download:
        """Return the file at ``url``; ``checksum`` is its digest, or empty for any."""

    def checkout(
        self, repository: Repository, *, keep_git_dir: bool = False, checksum: str = ""
    ) -> AbstractContextManager[Source]:
        """Return the files of ``repository``, there as long as the context is entered."""


def parse_git(name: str) -> Repository | None:
    """Return the repository that ``name``, a remote source of an ADD, means; None if it is a plain download.

    Raises:
        UsageError: it means a repository and is malformed.
    """
    url, _, fragment = name.partition("#")
    protocol, separator, _ = url.partition("://")
    if not separator or not protocol.isalpha():
        protocol = "ssh"  # git@host:path
    elif protocol in ("http", "https") and not urlsplit(url).path.endswith(".git"):
        return None
    elif (urlsplit(url).hostname or "").startswith("-"):
        raise UsageError(f"not a repository: {url[:200]!r}", why="no host's name starts with '-'")
    if any(ord(character) <= 0x20 or ord(character) == 0x7F for character in url):
        raise UsageError(f"not a repository: {url[:200]!r}", why="it holds spaces or control characters")
    if "?" in url:
        raise UsageError("a git repository in ADD takes no query", hint="write #ref:directory after the URL")
    ref, _, directory = fragment.partition(":")
    if ref and (not _REF.match(ref) or ".." in ref):
        raise UsageError(f"not a branch, tag or commit: {ref[:100]!r}")
    return Repository(url, protocol, ref, posixpath.normpath("/" + directory).strip("/"))


def file_name(url: str) -> str:
    """Return the name that the file at ``url`` gets in a directory."""
    name = posixpath.basename(unquote(urlsplit(url).path))
    return UNNAMED if name in ("", ".", "..") or "/" in name or "\0" in name else name
