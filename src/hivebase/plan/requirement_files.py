"""Requirement files: text → what pip would read in it. Nothing is resolved, and no other file is opened.

Lines are joined, comments cut and options read as pip does (``pip/_internal/req/req_file.py``). What is not
understood, or what would depend on the machine, is named in :attr:`RequirementFile.impure`.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_QUOTING = re.compile(r"""["'\\]""")
_ALGORITHM = re.compile(r"[a-z0-9]+:[0-9a-fA-F]+\Z")
_BARE_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://|/)")
_VERSION_CONTROL = re.compile(r"(?:git|hg|svn|bzr)\+", re.IGNORECASE)
_NAMED = re.compile(r"\s*[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?\s*(?:\[[^\]]*\])?\s*@", re.ASCII)
_ARCHIVE = (
    ".whl",
    ".zip",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz",
    ".tar.xz",
    ".txz",
    ".tar.lz",
    ".tlz",
    ".tar",
)

_VALUED = {
    "-r": "files",
    "--requirement": "files",
    "-c": "constraints",
    "--constraint": "constraints",
    "-e": "editables",
    "--editable": "editables",
    "-i": "index_url",
    "--index-url": "index_url",
    "--pypi-url": "index_url",
    "--extra-index-url": "extra_index_urls",
    "-f": "find_links",
    "--find-links": "find_links",
    "--only-binary": "only_binary",
    "--no-binary": "no_binary",
    "--trusted-host": "trusted_hosts",
}
_FLAGS = {
    "--no-index": "no_index",
    "--pre": "pre",
    "--require-hashes": "require_hashes",
    "--prefer-binary": "prefer_binary",
}


class RequirementFile(msgspec.Struct, frozen=True):
    """One file, as far as it goes by itself.

    Attributes:
        requirements: PEP 508, ``name @ URL`` included, each followed by its ``--hash=…``, single-spaced.
        lines: the number of the line on which each of ``requirements`` begins.
        paths: files and directories named without a name, and bare URLs of files, with their hashes.
        editables: of ``-e``.
        files: of ``-r``, relative to this file unless absolute or a URL.
        constraints: of ``-c``, the same.
        index_url: of the last ``--index-url``, None when there is none.
        extra_index_urls: further ones.
        find_links: directories (relative to this file where they exist there) and URLs.
        no_index: only ``find_links`` count.
        pre: pre-releases count.
        require_hashes: every requirement must have a hash.
        prefer_binary: an older wheel is better than a newer source archive.
        only_binary: names, or ``:all:``, of which source archives do not count.
        trusted_hosts: whose certificates are not checked.
        impure: why what pip makes of this file cannot be told, with the line; else empty.
    """

    requirements: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    editables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False
    require_hashes: bool = False
    prefer_binary: bool = False
    only_binary: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    impure: str = ""


def parse(text: str) -> RequirementFile:
    """Read the text of a requirement file or a constraint file; a wrong line makes it ``impure``."""
    reader = _Reader()
    for number, line in logical_lines(text):
        try:
            reader.read(number, line)
        except _NotUnderstoodError as problem:
            reader.impure = reader.impure or f"line {number}: {problem}"
    return msgspec.structs.replace(reader.file(), impure=reader.impure)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines that say something, joined where they end in a backslash."""
    start, joined = 0, ""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        start = start or number
        comment = "#" in line and _COMMENT.match(line) is not None
        if line.endswith("\\") and not comment:
            joined += line.strip("\\")
            continue
        # The space makes a comment inside a continuation end it, as in pip.
        joined += f" {line}" if comment else line
        if said := _uncommented(joined):
            yield start, said
        start, joined = 0, ""
    if said := _uncommented(joined):
        yield start, said


def _uncommented(line: str) -> str:
    return (_COMMENT.sub("", line) if "#" in line else line).strip()


def split_hashes(requirement: str) -> tuple[str, tuple[str, ...]]:
    """Split one of :attr:`RequirementFile.requirements` into PEP 508 and the values of its ``--hash``."""
    what, *hashes = requirement.split(" --hash=")
    return what, tuple(hashes)


class _NotUnderstoodError(Exception):
    """A line whose meaning is not known here; says why."""


class _Reader(msgspec.Struct):
    """Collects what the lines say."""

    requirements: list[tuple[int, str]] = []
    paths: list[str] = []
    lists: dict[str, list[str]] = {}
    flags: set[str] = set()
    index_url: str | None = None
    impure: str = ""

    def read(self, number: int, line: str) -> None:
        """Take one logical line."""
        if "${" in line and _VARIABLE.search(line):
            raise _NotUnderstoodError("the value of an environment variable is not known here")
        what, options = _split_options(line)
        words = _words(options)
        if not what:
            self._options(words)
            return
        entry = " ".join([" ".join(what.split()), *(f"--hash={value}" for value in _hashes(words))])
        if _VERSION_CONTROL.match(what) or _VERSION_CONTROL.match(what.partition("@")[2].strip()):
            raise _NotUnderstoodError("a repository is checked out and built")
        if _NAMED.match(what) or not _is_place(what):
            self.requirements.append((number, entry))
        else:
            self.paths.append(entry)

    def _options(self, words: list[str]) -> None:
        for name, value in _pairs(words):
            if name in _FLAGS:
                self.flags.add(_FLAGS[name])
            elif (kind := _VALUED[name]) == "index_url":
                self.index_url = value
            elif kind in {"only_binary", "no_binary"}:
                self._binary(kind, value)
            elif kind == "editables" and _VERSION_CONTROL.match(value):
                raise _NotUnderstoodError("a repository is checked out and built")
            else:
                self.lists.setdefault(kind, []).append(value)

    def _binary(self, kind: str, value: str) -> None:
        names = [name.strip() for name in value.split(",")]
        if ":none:" in names:
            names = names[len(names) - names[::-1].index(":none:") :]
            self.lists.pop(kind, None)
        if kind == "no_binary" and names:
            raise _NotUnderstoodError("--no-binary asks for source archives")
        self.lists.setdefault(kind, []).extend(names)

    def file(self) -> RequirementFile:
        """Return what was collected."""

        def of(kind: str) -> tuple[str, ...]:
            return tuple(self.lists.get(kind, ()))

        return RequirementFile(
            requirements=tuple(text for _, text in self.requirements),
            lines=tuple(number for number, _ in self.requirements),
            paths=tuple(self.paths),
            editables=of("editables"),
            files=of("files"),
            constraints=of("constraints"),
            index_url=self.index_url,
            extra_index_urls=of("extra_index_urls"),
            find_links=of("find_links"),
            no_index="no_index" in self.flags,
            pre="pre" in self.flags,
            require_hashes="require_hashes" in self.flags,
            prefer_binary="prefer_binary" in self.flags,
            only_binary=of("only_binary"),
            trusted_hosts=of("trusted_hosts"),
        )


def _split_options(line: str) -> tuple[str, str]:
    """Split at the first word that begins with a dash."""
    words = line.split(" ")
    first = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join(words[:first]).strip(), " ".join(words[first:])


def _words(options: str) -> list[str]:
    if not _QUOTING.search(options):
        return options.split()  # a locked file has thousands of hashes, and shlex is slow
    try:
        return shlex.split(options)
    except ValueError as error:
        raise _NotUnderstoodError(f"cannot be split into words: {error}") from None


def _pairs(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of options in all spellings: ``-rfile``, ``-r file``, ``--requirement=file``."""
    pending = iter(words)
    for word in pending:
        name, equals, value = word.partition("=")
        if name in _FLAGS and not equals:
            yield name, ""
            continue
        if not word.startswith("--") and len(word) > 2:
            name, equals, value = word[:2], "=", word[2:]
        if name not in _VALUED:
            raise _NotUnderstoodError(f"the option {name} is not known here")
        if not equals:
            value = next(pending, "")
        if not value:
            raise _NotUnderstoodError(f"the option {name} lacks its value")
        yield name, value


def _hashes(words: Iterable[str]) -> Iterator[str]:
    """Yield the values of ``--hash``, and refuse everything else that can be said of one requirement."""
    pending = iter(words)
    seen: list[str] = []
    for word in pending:
        name, equals, value = word.partition("=")
        if name != "--hash":
            raise _NotUnderstoodError(f"the option {name} of a requirement is not known here")
        value = value if equals else next(pending, "")
        if not _ALGORITHM.match(value):
            raise _NotUnderstoodError("not a hash: --hash=sha256:… is expected")
        seen.append(value.lower())
    kept = [value for value in seen if value.startswith("sha256:")]
    if seen and not kept:
        raise _NotUnderstoodError("only hashes of the kind sha256 are compared here")
    yield from kept


def _is_place(what: str) -> bool:
    """Tell a path or a URL from a requirement with a name."""
    place = what.partition(";")[0].strip()
    bare = re.sub(r"\[[^\]]*\]\Z", "", place)
    return bool(
        _BARE_URL.match(place) or "/" in place or place.startswith(".") or bare.lower().endswith(_ARCHIVE)
    )
