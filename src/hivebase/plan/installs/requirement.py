"""What one argument of an installation is: a package by name, a wheel, a directory, or what has to be run."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Literal

from hivebase.plan.config import normalise
from hivebase.plan.installs.model import RefusedError

if TYPE_CHECKING:
    from hivebase.plan.installs.words import Word

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS = rf"(?:\s*\[\s*(?:{_NAME}(?:\s*,\s*{_NAME})*)?\s*\])?"
_CLAUSE = r"(?:===|~=|==|!=|<=|>=|<|>)\s*[A-Za-z0-9_.*+!-]+"
_CLAUSES = rf"{_CLAUSE}(?:\s*,\s*{_CLAUSE})*"
_NAMED = re.compile(rf"\s*{_NAME}{_EXTRAS}\s*(?:\(\s*{_CLAUSES}\s*\)|{_CLAUSES})?\s*(?:;\s*\S.*)?", re.ASCII)
_DIRECT = re.compile(rf"\s*{_NAME}{_EXTRAS}\s*@\s*(.*)", re.ASCII | re.DOTALL)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.ASCII | re.DOTALL)
_SHA256 = re.compile(r"(?:.*&)?sha256=[0-9a-fA-F]{64}(?:&.*)?", re.ASCII)
_TAIL = re.compile(rf"(.+?)(\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\])", re.ASCII | re.DOTALL)
_REPOSITORY = re.compile(r"(?:git|hg|svn|bzr)\+|git:", re.IGNORECASE | re.ASCII)
_ARCHIVES = (
    *(".zip", ".tar", ".tgz", ".tbz", ".txz", ".tlz", ".tar.gz", ".tar.bz2", ".tar.xz"),
    *(".tar.lz", ".tar.lzma", ".tar.zst", ".tar.Z"),
)
_WILD = frozenset("*?[")
_LONGEST = 4096

Kind = Literal["requirement", "path"]


def requirement(word: Word, workdir: str) -> tuple[Kind, str]:
    """Return what an argument of ``install`` is: a requirement as written, or an absolute path.

    Raises:
        RefusedError: it has to be run.
    """
    text = word.text
    if not text or len(text) > _LONGEST:
        raise RefusedError("requirement", "one of its arguments is empty or longer than any requirement")
    if _REPOSITORY.search(text):
        raise RefusedError("vcs", "it installs from a repository of source code")
    direct = _DIRECT.fullmatch(text)
    if url := _URL.fullmatch(direct[1] if direct else text):
        _check_url(url[1].lower(), url[2])
        if word.pattern:
            raise RefusedError("shell-syntax", "a URL in it has a wildcard without quotes")
        return "requirement", text
    if direct:
        raise RefusedError("requirement", "a requirement with @ names no URL")
    # pip's own order: what looks like a path is one, and so is an archive without any slash.
    if "/" in text or text.startswith(".") or _suffix(text):
        return "path", _path(word, workdir)
    if not _NAMED.fullmatch(text):
        raise RefusedError("requirement", f"{text[:60]!r} is neither a requirement nor a path")
    return "requirement", text


def directory(word: Word, workdir: str) -> str:
    """Return the absolute path of an editable installation, its extras behind it.

    Raises:
        RefusedError: it is no directory.
    """
    if _REPOSITORY.search(word.text):
        raise RefusedError("vcs", "it installs from a repository of source code")
    if not word.text or _URL.fullmatch(word.text) or " @ " in word.text or ";" in word.text:
        raise RefusedError("requirement", "an editable installation names no directory")
    path, extras = _split(word.text)
    if not _WILD.isdisjoint(path):
        raise RefusedError("shell-syntax", "the directory of an editable installation has a wildcard")
    return absolute(path, workdir) + extras


def file(word: Word, workdir: str) -> str:
    """Return the absolute path of a file of requirements or constraints.

    Raises:
        RefusedError: it is a URL, or the standard input, or several.
    """
    if _URL.match(word.text):
        raise RefusedError("remote-file", "it reads requirements or constraints from a URL")
    if word.pattern:
        raise RefusedError("shell-syntax", "the name of a file of requirements has a wildcard")
    if word.text in {"", "-"}:
        raise RefusedError("option", "it reads requirements from no file")
    return absolute(word.text, workdir)


def location(word: Word, workdir: str) -> str:
    """Return a value of ``--find-links``: a URL as written, a directory absolute.

    Raises:
        RefusedError: the directory is somebody's home, or a pattern.
    """
    if _URL.match(word.text):
        return word.text
    if word.pattern or word.text.startswith("~") or not word.text:
        raise RefusedError("option", "the place of --find-links is not known before it runs")
    return absolute(word.text, workdir)


def absolute(path: str, workdir: str) -> str:
    """Return ``path`` seen from ``workdir``."""
    return normalise(posixpath.join(workdir, path))


def unmatched(word: Word, workdir: str) -> str:
    """Return the pattern that ``word`` is for the shell, absolute."""
    return posixpath.join(workdir, word.text)


def _suffix(path: str) -> str:
    """Return ``.whl``, the suffix of another archive, or nothing."""
    lower = _split(path)[0].lower()
    return next((suffix for suffix in (".whl", *_ARCHIVES) if lower.endswith(suffix.lower())), "")


def _split(text: str) -> tuple[str, str]:
    """Return a path and the ``[extras]`` behind it."""
    match = _TAIL.fullmatch(text)
    return (match[1], match[2]) if match else (text, "")


def _path(word: Word, workdir: str) -> str:
    path, extras = _split(word.text)
    if _suffix(path) not in {"", ".whl"}:
        raise RefusedError("sdist", "it installs an archive of source code")
    if ";" in path or path == "-":
        raise RefusedError("requirement", f"{word.text[:60]!r} is neither a requirement nor a path")
    if not _WILD.isdisjoint(path):
        if not word.pattern:
            raise RefusedError("shell-syntax", "a path in it has a wildcard in quotes")
        head, _, last = path.rpartition("/")
        if extras or not _WILD.isdisjoint(head) or not last.endswith(("*", ".whl")):
            raise RefusedError(
                "shell-syntax", "a path in it has a wildcard that may match other files than wheels"
            )
    return absolute(path, workdir) + extras


def _check_url(scheme: str, rest: str) -> None:
    if scheme not in {"http", "https"}:
        what = "file" if scheme == "file" else scheme[:20]
        raise RefusedError("url", f"it installs from a URL of the kind {what}:")
    address, _, fragment = rest.partition("#")
    if not address.partition("?")[0].lower().endswith(".whl"):
        raise RefusedError("sdist", "it installs an archive of source code from a URL")
    if not _SHA256.fullmatch(fragment):
        raise RefusedError("unpinned-url", "it installs a wheel from a URL without #sha256=")
