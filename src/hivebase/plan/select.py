"""Which files a COPY or ADD takes from its source tree, and what they are called at the destination. Pure.

The rules are BuildKit's: wildcards per path component, ``..`` stops at the root of the source, a named link
is followed inside the source while a link found in a directory is copied as a link, a directory gives its
contents. ``--parents`` keeps the path of a file below the pivot ``/./``; ``--exclude`` takes the patterns of
an ignore file.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import msgspec

from hivebase.dockerfile.ignore import IgnoreFile
from hivebase.errors import UsageError
from hivebase.plan.files import FileFact, FileFacts, clamp, follow
from hivebase.plan.globs import component_matcher, has_wildcard, unescape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Selected(msgspec.Struct, frozen=True):
    """One file to copy.

    Attributes:
        source: path in the source tree, links in its parents resolved.
        destination: path relative to the destination; ``""`` is the destination itself (a copied directory).
        fact: of the source.
        top: whether the file itself was asked for, and not its directory: when it is the only one and the
            destination does not end in ``/``, the destination is its new name.
    """

    source: str
    destination: str
    fact: FileFact
    top: bool = False


def select(
    listing: FileFacts,
    patterns: Sequence[str],
    *,
    parents: bool = False,
    exclude: Sequence[str] = (),
) -> tuple[Selected, ...]:
    """Match ``patterns`` in ``listing``.

    Returns:
        The files in the order in which they are to be copied: pattern by pattern, directories before their
        contents, names sorted. Several patterns may give the same destination; the last one wins. A pattern
        with a wildcard may match nothing: ``COPY settings.jso[n] ./`` is how a file is made optional.

    Raises:
        UsageError: a pattern without wildcard names nothing, or is malformed, or links form a loop.
    """
    ignored = IgnoreFile.parse("\n".join(f"./{p}" if p.startswith("#") else p for p in exclude))
    found: list[Selected] = []
    for pattern in patterns:
        chosen = list(_with_parents(listing, pattern) if parents else _plain(listing, pattern))
        if not chosen and not has_wildcard(pattern):
            raise _missing(pattern)
        found.extend(chosen)
    if not exclude:
        return tuple(found)
    return tuple(
        item
        for item in found
        if not item.destination or not ignored.ignored(item.destination, item.fact.kind == "dir")
    )


def unmatched(listing: FileFacts, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns with wildcards that match nothing: legal, and often a slip."""
    return tuple(p for p in patterns if has_wildcard(p) and next(expand_pattern(listing, p), None) is None)


def expand_pattern(listing: FileFacts, pattern: str) -> Iterator[str]:
    """Yield the existing paths that ``pattern`` matches, in sorted order.

    Links are followed in what precedes the first wildcard, and nowhere behind it: BuildKit walks the tree from there.

    Raises:
        UsageError: what precedes the first wildcard does not exist.
    """
    parts = [part for part in clamp(pattern).split("/") if part]
    first = next((place for place, part in enumerate(parts) if has_wildcard(part)), len(parts))
    base = "/".join(map(unescape, parts[:first]))
    if first == len(parts):
        # The last part is what was asked for: a link is not followed here.
        parent, _, name = base.rpartition("/")
        path = posixpath.join(follow(listing, parent), name)
        if listing.get(path) is not None:
            yield path
        return
    directory = follow(listing, base)
    fact = listing.get(directory)
    if fact is None:
        raise _missing(pattern)
    if fact.kind == "dir":
        yield from _walk(listing, directory, parts[first:])


def _walk(listing: FileFacts, directory: str, parts: Sequence[str]) -> Iterator[str]:
    head, *rest = parts
    if has_wildcard(head):
        match = component_matcher(head)
        names = [name for name in listing.children(directory) if match(name)]
    else:
        names = [unescape(head)]
    for name in names:
        path = posixpath.join(directory, name)
        fact = listing.get(path)
        if fact is not None and not rest:
            yield path
        elif fact is not None and fact.kind == "dir":
            yield from _walk(listing, path, rest)


def _plain(listing: FileFacts, pattern: str) -> Iterator[Selected]:
    for path in expand_pattern(listing, pattern):
        real = follow(listing, path)
        fact = listing.get(real)
        if fact is None:
            raise UsageError(
                f"{path!r} is a symbolic link to nothing inside the source",
                why="a link that is named in COPY is followed, and never out of the source",
            )
        if fact.kind == "dir":
            yield Selected(real, "", fact)
            yield from _contents(listing, real, "")
        else:
            yield Selected(real, posixpath.basename(path), fact, top=True)


def _contents(listing: FileFacts, directory: str, prefix: str) -> Iterator[Selected]:
    pending = [(directory, prefix)]
    while pending:
        source_dir, target_dir = pending.pop()
        below: list[tuple[str, str]] = []
        for name in listing.children(source_dir):
            source, target = posixpath.join(source_dir, name), posixpath.join(target_dir, name)
            fact = listing.get(source)
            if fact is None:
                continue
            yield Selected(source, target, fact)
            if fact.kind == "dir":
                below.append((source, target))
        pending.extend(reversed(below))


def _with_parents(listing: FileFacts, pattern: str) -> Iterator[Selected]:
    pivot, separator, rest = pattern.partition("/./")
    if not separator:
        pivot, rest = "", pattern
    rest = clamp(rest)
    matcher = IgnoreFile.parse(rest or "**")
    for start in expand_pattern(listing, pivot):
        root = follow(listing, start)
        fact = listing.get(root)
        if fact is not None and fact.kind == "dir":
            yield from _matching_below(listing, root, matcher)


def _matching_below(listing: FileFacts, root: str, matcher: IgnoreFile) -> Iterator[Selected]:
    """Yield what matches below ``root`` with its parent directories, each once, parents first."""
    given: set[str] = set()
    for item in _contents(listing, root, ""):
        if item.destination in given or not matcher.ignored(item.destination, item.fact.kind == "dir"):
            continue
        for parent in _parents_of(item.destination):
            if parent not in given:
                given.add(parent)
                source = posixpath.join(root, parent)
                fact = listing.get(source)
                if fact is not None:
                    yield Selected(source, parent, fact)
        given.add(item.destination)
        yield item


def _parents_of(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


def _missing(pattern: str) -> UsageError:
    return UsageError(
        f"nothing in the source matches {pattern!r}",
        why="sources are looked up below the build context (or the stage of --from), and '..' stops there"
        if ".." in pattern.split("/")
        else "",
        hint="check the spelling, the context directory and .dockerignore",
    )
