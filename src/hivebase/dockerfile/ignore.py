"""``.dockerignore``: which files of a build context are left out.

Rules (moby's ``ignorefile`` and ``patternmatcher``, and the walk of BuildKit's ``fsutil``): a line is a
pattern; ``#`` in the first column is a comment; patterns are trimmed, cleaned as paths and lose a leading
slash; the last pattern that matches a path or one of its directories wins; ``!`` takes back; ``*`` and ``?``
stop at slashes, ``**`` does not. A pattern that points out of the context, such as ``../x``, matches nothing.
No file is an exception: the Dockerfile and ``.dockerignore`` are left out like any other.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hivebase.dockerfile.globs import Glob, GlobError
from hivebase.dockerfile.source import SPACES, Source, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

_REMEMBERED: Final = 2**26  # bytes, about
_WILDCARDS: Final = frozenset("*?[]^\\")


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern, cleaned; ``keeps`` is true for one that was written with ``!``."""

    pattern: str
    keeps: bool
    glob: Glob = field(repr=False)


@dataclass(slots=True)
class IgnoreFile:
    """The rules of an ignore file, in order."""

    rules: tuple[Rule, ...]
    _directories: dict[str, bytes] = field(default_factory=dict, init=False, repr=False)
    _kept: tuple[str, ...] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        keeping = [rule.pattern for rule in self.rules if rule.keeps]
        plain = [pattern.removesuffix("/**").removesuffix("/*") for pattern in keeping]
        # Where a pattern after ! has wildcards in the middle, it may match below any directory.
        self._kept = None if any(_WILDCARDS.intersection(p) for p in plain) else tuple(plain)

    @classmethod
    def parse(cls, text: str, path: str = ".dockerignore") -> IgnoreFile:
        """Parse an ignore file; ``path`` is what messages call it.

        Raises:
            DockerfileError: a pattern is malformed, or the file is larger than ``MAX_CHARACTERS``.
        """
        source = Source.of(text, path)
        rules: list[Rule] = []
        seen: set[str] = set()
        for number, line in enumerate(source.lines, start=1):
            written = line.strip(SPACES)
            if line.startswith("#") or not written:
                continue
            keeps, pattern = _split(written)
            if not pattern:
                raise source.error(
                    "a ! without a pattern", number, line.index("!") + 1, hint="write !PATTERN on one line"
                )
            if rules and rules[-1].keeps != keeps:
                seen.clear()
            if pattern in seen:
                continue  # between two changes of sign the order means nothing, so repetition does not either
            seen.add(pattern)
            try:
                rules.append(Rule(pattern, keeps, Glob.parse(pattern)))
            except GlobError as error:
                raise source.error(
                    f"the pattern {quoted(written)} is malformed", number, line.index(written[0]) + 1,
                    why=str(error), hint="escape a literal [ or \\ with a backslash",
                ) from None  # fmt: skip
        return cls(tuple(rules))

    @classmethod
    def of(cls, patterns: Iterable[str]) -> IgnoreFile:
        """Build from patterns, for example those of ``COPY --exclude``.

        Raises:
            DockerfileError: a pattern is malformed.
        """
        return cls.parse("\n".join(patterns), "--exclude")

    def ignored(self, path: str, is_dir: bool = False) -> bool:  # noqa: FBT001, FBT002 -- reads as a question
        """Whether ``path`` (relative, no ``./``) is left out; a directory may still hold files that stay."""
        if not path or not self.rules:
            return False
        parent = posixpath.dirname(path)
        ignored, matches = self._match(path, self._directory(parent) if parent else None)
        if is_dir:
            self._remember(path, matches)
        return ignored

    def may_descend(self, directory: str) -> bool:
        """Whether anything below ``directory`` can be kept: false means that it need not be listed."""
        if not self.ignored(directory, is_dir=True):
            return True
        return self._kept is None or any(f"{kept}/".startswith(f"{directory}/") for kept in self._kept)

    def _directory(self, path: str) -> bytes:
        """Return which rules match ``path`` or a directory above it."""
        pending: list[str] = []
        while path and path not in self._directories:
            pending.append(path)
            path = posixpath.dirname(path)
        matches = self._directories[path] if path else None
        for directory in reversed(pending):
            matches = self._match(directory, matches)[1]
            self._remember(directory, matches)
        return matches or b""

    def _remember(self, directory: str, matches: bytes) -> None:
        if len(self._directories) * (len(matches) + 128) >= _REMEMBERED:
            self._directories.clear()  # a walk comes back to a directory soon or never
        self._directories[directory] = matches

    def _match(self, path: str, above: bytes | None) -> tuple[bool, bytes]:
        """Return whether ``path`` is ignored, and which rules match it or (from ``above``) its directory.

        A rule that could not change the answer is not tried and counts as not matching, for paths below too.
        That is BuildKit's walk to the letter, and it shows: with ``d/c``, then ``!d``, ``d/c`` stays out.
        """
        ignored = False
        matches = bytearray(above or len(self.rules))
        for number, rule in enumerate(self.rules):
            if not matches[number] and rule.keeps == ignored:
                matches[number] = rule.glob.matches(path)
            if matches[number]:
                ignored = not rule.keeps
        return ignored, bytes(matches)


def _split(written: str) -> tuple[bool, str]:
    """Return whether a line keeps what it matches, and its cleaned pattern ("" when none is left)."""
    keeps = written.startswith("!")
    pattern = _cleaned(written.removeprefix("!").strip(SPACES))
    if keeps:
        return True, "" if pattern == "/" else pattern
    # moby looks for the ! once more after cleaning, so ./!x keeps x.
    return pattern.startswith("!"), pattern.removeprefix("!")


def _cleaned(pattern: str) -> str:
    """Clean as Go's ``filepath.Clean`` does, and drop a leading slash."""
    if not pattern:
        return ""
    clean = posixpath.normpath(pattern)
    if clean.startswith("//"):
        clean = clean[1:]  # normpath keeps exactly two leading slashes, as POSIX allows
    return clean[1:] if len(clean) > 1 and clean.startswith("/") else clean
