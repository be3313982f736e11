"""Git repositories for ADD, by way of the ``git`` program with the user's keys and proxies and nothing else.

The program gets a scrubbed environment, no configuration, no hooks, no credential helper, and an allow-list
of protocols that also binds submodules; it never gets a word that could be an option (CVE-2017-1000117,
CVE-2022-39253). The directory inside a repository is opened without following links (CVE-2026-33748).
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.errors import SystemFaultError, UsageError
from hivebase.fs import Directory, remove_tree
from hivebase.layers.context import Context
from hivebase.transport import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.layers.remote import Repository

PROTOCOLS = frozenset({"https", "ssh"})
"""What git may speak: both prove who answers."""

TIMEOUT = 1800.0
"""Seconds for one git command."""

_COMMIT = re.compile(r"[0-9a-f]{40}\Z", re.ASCII)
_KEPT = (
    "PATH", "HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "TMPDIR",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
)  # fmt: skip
_SETTINGS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LC_ALL": "C",
}
_OPTIONS = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.symlinks=true",
    "-c", "core.autocrlf=false",
    "-c", "core.fsmonitor=false",
    "-c", "gc.auto=0",
    "-c", "advice.detachedHead=false",
    "-c", "init.defaultBranch=main",
)  # fmt: skip


def resolve_commit(repository: Repository, *, protocols: frozenset[str] = PROTOCOLS) -> str:
    """Return the full commit that ``repository.ref`` stands for now.

    Raises:
        UsageError: the protocol is not allowed.
        SystemFaultError: git is missing, the repository cannot be reached, or has no such ref.
    """
    _check(repository, protocols)
    if _COMMIT.match(repository.ref):
        return repository.ref
    ref = repository.ref or "HEAD"
    found: dict[str, str] = {}
    for line in _git(protocols, "ls-remote", "--", repository.url).splitlines():
        commit, _, name = line.partition("\t")
        found[name] = commit
    # Git's own order of preference (gitrevisions(7)); ^{} is the commit behind an annotated tag.
    for name in (ref, f"refs/{ref}", f"refs/tags/{ref}", f"refs/heads/{ref}"):
        commit = found.get(f"{name}^{{}}") or found.get(name, "")
        if _COMMIT.match(commit):
            return commit
    raise SystemFaultError(f"{redact(repository.url)} has no branch or tag {ref!r}")


@contextlib.contextmanager
def checkout(
    repository: Repository,
    commit: str,
    work: Path,
    *,
    keep_git_dir: bool = False,
    protocols: frozenset[str] = PROTOCOLS,
) -> Iterator[Context]:
    """Give the files of ``repository`` at ``commit``, submodules included, until the context is left.

    Args:
        repository: what to add.
        commit: full, as of :func:`resolve_commit`.
        work: a private directory for the checkout.
        keep_git_dir: whether ``.git`` is added too (then the layer is not reproducible: it holds times).
        protocols: that git may use, also for submodules.

    Raises:
        UsageError: the protocol is not allowed, or the repository has no such directory.
        SystemFaultError: git is missing, or the commit cannot be had.
    """
    _check(repository, protocols)
    place = Path(tempfile.mkdtemp(dir=work, prefix="git-"))
    try:
        _fetch(repository, commit, place, protocols)
        if not keep_git_dir:
            _remove_git_directories(place)
        with _subdirectory(place, repository) as context:
            yield context
    finally:
        remove_tree(place)


def _fetch(repository: Repository, commit: str, place: Path, protocols: frozenset[str]) -> None:
    here = ("-C", str(place))
    _git(protocols, "init", "--quiet", "--template=", "--", str(place))
    _git(protocols, *here, "remote", "add", "origin", repository.url)
    fetch = (*here, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules")
    try:
        _git(protocols, *fetch, "--depth=1", "--", "origin", commit)
    except SystemFaultError:
        # Some servers give out only what a ref points to; then everything is needed.
        everything = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        _git(protocols, *fetch, "--", "origin", *everything)
    _git(protocols, *here, "checkout", "--quiet", "--force", "--detach", commit)
    if (place / ".gitmodules").exists():
        _git(protocols, *here, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")


def _subdirectory(place: Path, repository: Repository) -> Context:
    with Directory.open(place) as root:
        try:
            fd = root.open_beneath(repository.directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise UsageError(
                f"{redact(repository.url)} has no directory {repository.directory!r}",
                why=f"{error.strerror or error} (symbolic links are not followed here)",
            ) from error
    return Context(Directory(fd, place))


def _remove_git_directories(place: Path) -> None:
    """Remove ``.git`` of the repository, and those that submodules leave."""
    remove_tree(place / ".git")
    for directory, names, files in os.walk(place):
        if ".git" in names or ".git" in files:
            remove_tree(Path(directory) / ".git")
            names[:] = [name for name in names if name != ".git"]


def _check(repository: Repository, protocols: frozenset[str]) -> None:
    if repository.protocol not in protocols:
        raise UsageError(
            f"git may not use {repository.protocol!r} for {redact(repository.url)}",
            why=f"only {', '.join(sorted(protocols))} tell who answers",
        )


def _git(protocols: frozenset[str], *arguments: str) -> str:
    """Run git and return its output."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= _SETTINGS
    environment["GIT_ALLOW_PROTOCOL"] = ":".join(sorted(protocols))
    try:
        done = subprocess.run(
            ["git", *_OPTIONS, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        raise SystemFaultError(
            "adding a git repository needs the program git", hint="apt-get install git"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SystemFaultError(f"git did not finish within {TIMEOUT:.0f} s") from error
    if done.returncode:
        message = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise SystemFaultError("git failed", why=redact(message[-1][:500]))
    return done.stdout.decode("utf-8", "replace")
