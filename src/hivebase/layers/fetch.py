"""Downloads and checkouts for ADD, kept between runs.

How planning uses this. The key of an ADD must come from content, and the content of a URL is known only by
asking. So before planning the caller makes one :class:`RemoteFiles`, and for each remote source of an ADD
takes :meth:`RemoteFiles.key`: the digest of the file, or of the commit. With ``--checksum`` that needs no
network; else a server that sends an ETag is asked once whether it still has what was fetched before (a HEAD
request), and any other is downloaded from again. The same object then serves the copy, so that what was
planned is what is copied: a URL or a branch is looked up once per object.

Times of files on servers do not reach the image: mirrors disagree on them.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import msgspec

from hivebase.digest import Digest
from hivebase.errors import PolicyError, UsageError
from hivebase.fs import atomic_write, fsync_directory, sync, system_fault
from hivebase.layers.checkout import PROTOCOLS, checkout, resolve_commit
from hivebase.layers.destination import LATEST
from hivebase.layers.remote import Download, Repository, file_name, parse_git
from hivebase.transport import HttpFetcher, Request, redact

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from hivebase.layers.sources import Source
    from hivebase.transport import Transport

MAX_DOWNLOAD = 8 << 30
"""Bytes of one file; an ADD of more is a mistake or an attack (fault D-13)."""


class _Known(msgspec.Struct):
    """What a URL held when it was last downloaded. ``etag`` is empty when the server sends none."""

    url: str
    etag: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class RemoteFiles:
    """Fetches for ADD; implements ``layers.remote.Remote``.

    Args:
        transport: speaks HTTP, and decides which redirects are followed.
        state: the store's private directory.
        require_checksum: refuse downloads and branches that are not pinned.
        protocols: that git may use.
    """

    def __init__(
        self,
        transport: Transport,
        state: Path,
        *,
        require_checksum: bool = False,
        protocols: frozenset[str] = PROTOCOLS,
    ) -> None:
        self._transport = transport
        self._files = state / "cache" / "http"
        self._work = state / "work"
        self._require_checksum = require_checksum
        self._protocols = protocols
        self._digests: dict[str, Digest] = {}
        self._commits: dict[Repository, str] = {}

    def key(self, name: str, checksum: str = "", *, keep_git_dir: bool = False) -> Digest:
        """Return what identifies the content of ``name``, a URL or a repository, for a cache key.

        Raises:
            HivebaseError: it cannot be fetched, or must not be.
        """
        repository = parse_git(name)
        if repository is None:
            return self._digest(name, checksum)
        commit = self._commit(repository, checksum)
        return Digest.of(f"git {commit} {repository.directory} {keep_git_dir}".encode())

    def download(self, url: str, checksum: str = "") -> Download:
        """Return the file at ``url``.

        Raises:
            UsageError: not a URL, or not a sha256 checksum.
            PolicyError: a checksum is required, or the file is too large.
            NotFoundError: the server has no such file.
            CorruptContentError: it has another checksum.
            SystemFaultError: it cannot be had.
        """
        digest = self._digest(url, checksum)
        path = self._have(digest) or self._fetch(url, digest)
        return Download(file_name(url), digest, path.stat().st_size, LATEST, lambda: path.open("rb"))

    def checkout(
        self, repository: Repository, *, keep_git_dir: bool = False, checksum: str = ""
    ) -> AbstractContextManager[Source]:
        """Return the files of ``repository`` at the commit that planning saw.

        Raises:
            UsageError: the protocol is not allowed, or the directory is not in the repository.
            PolicyError: a checksum is required.
            SystemFaultError: git is missing, or the repository cannot be had.
        """
        commit = self._commit(repository, checksum)
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        return checkout(repository, commit, self._work, keep_git_dir=keep_git_dir, protocols=self._protocols)

    def _commit(self, repository: Repository, checksum: str) -> str:
        if self._require_checksum and not checksum:
            raise _unpinned(redact(repository.url))
        commit = self._commits.get(repository)
        if commit is None:
            commit = self._commits[repository] = resolve_commit(repository, protocols=self._protocols)
        if checksum and (len(checksum) < 7 or not commit.startswith(checksum.lower())):
            raise UsageError(
                f"{redact(repository.url)} is at commit {commit}", why=f"--checksum says {checksum}"
            )
        return commit

    def _digest(self, url: str, checksum: str) -> Digest:
        if checksum:
            return Digest.parse(checksum)
        if self._require_checksum:
            raise _unpinned(redact(url))
        known = self._digests.get(url)
        if known is None:
            known = self._digests[url] = self._revalidate(url)
        return known

    def _revalidate(self, url: str) -> Digest:
        """Return the digest of what ``url`` holds now; download it unless the server vouches for our copy."""
        etag = self._etag(url)
        record = self._record(url)
        if etag and record is not None and record.etag == etag:
            kept = Digest.parse(f"sha256:{record.sha256}")
            if self._have(kept):
                return kept
        digest = Digest.parse("sha256:" + self._fetch(url, None).name)
        # The ETag was asked for before the download: if the file changed in between, the next run finds
        # another ETag and downloads again.
        data = msgspec.json.encode(_Known(redact(url), etag, digest.hex))
        atomic_write(self._files, _record_name(url), data)
        return digest

    def _etag(self, url: str) -> str:
        """Return the strong part of the server's ETag, or '' if it has none to give."""
        parts = urlsplit(url)
        if parts.username is not None or parts.scheme not in ("http", "https"):
            return ""
        answer = self._transport.ask(Request("HEAD", url), 0)
        return answer.headers.get("etag", "").removeprefix("W/") if answer.status == 200 else ""

    def _record(self, url: str) -> _Known | None:
        try:
            data = (self._files / _record_name(url)).read_bytes()
            return msgspec.json.decode(data, type=_Known)
        except (OSError, msgspec.MsgspecError):
            return None

    def _have(self, digest: Digest) -> Path | None:
        """Return the kept file with this digest, or None; a damaged one is removed."""
        path = self._files / digest.hex
        try:
            with path.open("rb") as stream:
                if Digest.of_stream(stream)[0] == digest:
                    return path
            path.unlink()
        except OSError:
            pass
        return None

    def _fetch(self, url: str, digest: Digest | None) -> Path:
        """Download ``url`` and keep it; return the file, named by its digest."""
        self._files.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            fd, name = tempfile.mkstemp(dir=self._files, prefix=".download-")
        except OSError as error:
            raise system_fault(error, "cannot keep a download", where=self._files) from error
        temporary = Path(name)
        size = 0

        def sink(data: bytes) -> None:
            nonlocal size
            size += len(data)
            if size > MAX_DOWNLOAD:
                raise PolicyError(
                    f"{redact(url)} has more than {MAX_DOWNLOAD} bytes", why="ADD takes no more"
                )
            stream.write(data)

        try:
            with os.fdopen(fd, "wb") as stream:
                fetched = HttpFetcher(self._transport).fetch(url, sink, digest=digest)
                stream.flush()
                sync(fd)
            path = self._files / fetched.digest.hex
            temporary.rename(path)
            fsync_directory(self._files)
        except BaseException as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            if isinstance(error, OSError):
                raise system_fault(error, "cannot keep a download", where=self._files) from error
            raise
        return path


def _record_name(url: str) -> str:
    return Digest.of(url.encode("utf-8", "surrogateescape")).hex + ".json"


def _unpinned(what: str) -> PolicyError:
    return PolicyError(
        f"{what} is added without a checksum",
        why="this hive takes only pinned content from the network",
        hint="ADD --checksum=sha256:… for a file, --checksum=COMMIT for a repository",
    )
