"""What an engine cannot do, as data: a plan is held against it before anything starts.

Sources: BuildKit's release notes of the Dockerfile front end, and which of its releases Docker has built in (1.4 in
Docker 23, 1.5 in 24, 1.6 in 25, 1.7 in 26, 1.14 in 28, 1.19 and newer in 29); buildah's CHANGELOG.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from hivebase.dockerfile import ast
from hivebase.dockerfile.parser import parse_trigger
from hivebase.errors import DockerfileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hivebase.dockerfile.ast import Dockerfile, Instruction

NEVER = (10**6,)
"""A version that no engine reaches."""

Version = tuple[int, ...]


class Feature(msgspec.Struct, frozen=True):
    """Something that a Dockerfile can ask for.

    Attributes:
        name: for people.
        asked: tells whether an instruction asks for it.
        since: first version of an engine that can do it; any version, where the engine is not named.
    """

    name: str
    asked: Callable[[Instruction], bool]
    since: Mapping[str, Version]


def _heredocs(item: Instruction) -> bool:
    if isinstance(item, ast.Run):
        return bool(item.command.heredocs)
    return isinstance(item, ast.Copy) and bool(item.heredocs)


def _from_git(item: Instruction) -> bool:
    pattern = r"git@|git://|ssh://|https?://[^ ]+\.git(?:#|$)"
    return isinstance(item, ast.Add) and any(re.match(pattern, source) for source in item.sources)


_PATTERN = re.compile(r"\$\{\w+(?:#|%|/)")

FEATURES = (
    Feature("heredocs", _heredocs, {"docker": (23,), "buildah": (1, 33)}),
    Feature(
        "COPY --link",
        lambda item: isinstance(item, ast.Copy) and bool(item.link),
        {"docker": (23,), "buildah": (1, 37)},
    ),
    Feature(
        "COPY --parents",
        lambda item: isinstance(item, ast.Copy) and item.parents,
        {"docker": (29,), "buildah": (1, 41)},
    ),
    Feature(
        "COPY --exclude",
        lambda item: isinstance(item, ast.Copy) and bool(item.exclude),
        {"docker": (29,), "buildah": (1, 38)},
    ),
    Feature(
        "COPY --chmod with letters",
        lambda item: isinstance(item, ast.Copy) and bool(re.search(r"[ugoarwx]", item.chmod)),
        {"docker": (28,), "buildah": NEVER},
    ),
    Feature(
        "ADD --checksum",
        lambda item: isinstance(item, ast.Add) and bool(item.checksum),
        {"docker": (25,), "buildah": (1, 31)},
    ),
    Feature(
        "ADD --unpack",
        lambda item: isinstance(item, ast.Add) and item.unpack is not None,
        {"docker": (29,), "buildah": NEVER},
    ),
    Feature(
        "ADD --keep-git-dir",
        lambda item: isinstance(item, ast.Add) and item.keep_git_dir,
        {"docker": (24,), "buildah": (1, 37)},
    ),
    Feature("ADD of a git repository", _from_git, {"docker": (24,), "buildah": (1, 29)}),
    Feature(
        "RUN --network",
        lambda item: isinstance(item, ast.Run) and item.network != "default",
        {"docker": (23,), "buildah": (1, 26)},
    ),
    Feature(
        "RUN --security",
        lambda item: isinstance(item, ast.Run) and item.security != "sandbox",
        {"docker": NEVER, "buildah": NEVER},
    ),
    Feature(
        "a variable cut or replaced (${name#…}, ${name%…}, ${name/…})",
        lambda item: not isinstance(item, ast.Run) and bool(_PATTERN.search(item.text)),
        {"docker": (26,), "buildah": NEVER},
    ),
    Feature(
        "HEALTHCHECK --start-interval",
        lambda item: isinstance(item, ast.Healthcheck) and bool(item.start_interval),
        {"docker": (25,), "buildah": NEVER},
    ),
)
"""The whole list."""


def refuse_unable(engine: str, version: str, documents: Sequence[Dockerfile]) -> None:
    """Make sure that ``engine`` knows all that the Dockerfiles ask for.

    Args:
        engine: docker or buildah.
        version: of it, as it tells it.
        documents: of the images to build.

    Raises:
        DockerfileError: it does not know something; the first place of the first file is told.
    """
    have = parse_version(version)
    for document in documents:
        if any(key == "syntax" for key, _ in document.directives) and engine == "docker":
            continue  # it fetches the front end that the file names, and that one knows what it knows
        for item in _instructions(document):
            for feature in FEATURES:
                since = feature.since.get(engine, ())
                if have < since and feature.asked(item):
                    wanted = ".".join(map(str, since))
                    lines = document.text.splitlines()
                    at = item.span.line
                    raise DockerfileError(
                        f"{engine} {version} cannot do this: {feature.name}",
                        path=document.path,
                        line=at,
                        column=item.span.column,
                        source_line=lines[at - 1] if at <= len(lines) else "",
                        why=f"it needs {engine} {wanted} or newer"
                        if since != NEVER
                        else "no version of it can",
                        hint="build with --engine embedded, which can",
                    )


def parse_version(text: str) -> Version:
    """Return the numbers that a version begins with: ``26.1.5+dfsg1`` is (26, 1, 5)."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _instructions(document: Dockerfile) -> Iterator[Instruction]:
    yield from document.meta_args
    for stage in document.stages:
        yield stage.from_
        for item in stage.instructions:
            yield item
            if isinstance(item, ast.Onbuild):
                try:
                    trigger = parse_trigger(item.trigger, "ONBUILD")
                except UsageError:
                    continue  # told where it is used
                yield msgspec.structs.replace(trigger, span=item.span)
