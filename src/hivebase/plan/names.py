"""What an image of a hive is called, and which image a reference means.

* ``web/Dockerfile`` (or ``Containerfile``, any case) is ``web``; at the root it takes the root's name.
* ``web/Dockerfile.dev``, ``Dockerfile-dev``, ``Dockerfile_dev``, ``Dockerfiledev`` and ``dev.Dockerfile``
  are ``web.dev`` where ``web`` has a plain Dockerfile too (a variant of it), else ``dev`` (a directory of
  images). ``ci/Dockerfile.alpine`` is ``ci.alpine``: it says what it is for, it does not replace ``alpine``.
* Where two images would share a name, each takes the shortest path suffix that tells them apart: ``a/web``,
  ``b/web``.

A reference means the image whose name ends its repository, whatever registry and namespace precede it. A last
component that several images share means the one in the nearest directory around the Dockerfile that says it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from hivebase.plan.official import OFFICIAL_IMAGES, OFFICIAL_NAMESPACES
from hivebase.reference import DEFAULT_REGISTRY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hivebase.reference import Reference

_PREFIXED = re.compile(r"(?:Dockerfile|Containerfile)(?:([._-])(.+))?\Z", re.IGNORECASE | re.DOTALL)
_JOINED = re.compile(r"(?:Dockerfile|Containerfile)([A-Za-z0-9][A-Za-z0-9._-]*)\Z")
_SUFFIXED = re.compile(r"(.+)\.(?:Dockerfile|Containerfile)\Z", re.IGNORECASE | re.DOTALL)

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_BESIDE = """
dockerignore containerignore orig bak rej swp swo md rst html sha256 asc sig log lock nanorc tmlanguage
tmpreferences
"""
_NEVER = frozenset(_BESIDE.split())
"""Extensions of what lies beside a Dockerfile and is none: ignore files, leftovers and rules of editors."""

_LANGUAGES = """
c cc cpp cs css d go h hs java js json jsx kt lua mjs php pl py pyc pyi rb rs scala sh sql swift
toml ts tsx txt vim xml yaml yml zig
"""
_SOURCE = frozenset(_LANGUAGES.split())
"""Extensions of programs and data about Dockerfiles (``dockerfile.go``, ``Dockerfile_test.go``)."""


class FileName(msgspec.Struct, frozen=True):
    """A Dockerfile's base name taken apart; ``variant`` is empty for a plain one."""

    variant: str
    container: bool = False


def classify(name: str) -> FileName | None:
    """Take the base name of a file apart, or return None when it does not name a Dockerfile.

    ``Dockerfile.go`` is an image for Go, ``dockerfile.go`` and ``Dockerfile_test.go`` are Go programs.
    """
    if name.endswith("~"):
        return None
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    container = "containerfile" in name.lower()
    if match := _PREFIXED.match(name):
        separator, variant = match.group(1), match.group(2) or ""
        if extension in _NEVER or (
            extension in _SOURCE and (separator != "." or name[0].islower() or "." in variant)
        ):
            return None
        return FileName(variant, container)
    if (match := _SUFFIXED.match(name)) and not name.startswith("."):
        return FileName(match.group(1), container)
    # Without a separator the capital letter tells that it is no accident: Dockerfile2, but not dockerfiles.
    if (match := _JOINED.match(name)) and extension not in _NEVER | _SOURCE and match.group(1) != "s":
        return FileName(match.group(1), container)
    return None


def slug(text: str) -> str:
    """Return ``text`` as a component of a repository: lower-case letters, digits and single separators.

    Accents are dropped. What else has letters that a repository cannot hold ends in a digest of them all, so
    that two directories with Chinese names stay two images.
    """
    spelled = text.replace("+", "p").replace("#", "sharp")
    plain = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    lowered = re.sub(r"[^a-z0-9._-]+", "-", plain.lower())
    joined = re.sub(r"\.[._-]+|_[.-][._-]*|__[._-]+|-+[._][._-]*", "-", lowered).strip("._-")
    if plain.isascii():
        return joined or "image"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{joined or 'image'}-{digest}"


class Named(msgspec.Struct, frozen=True):
    """A Dockerfile's name.

    Attributes:
        path: of the Dockerfile, relative to the root.
        name: as shown; ``/`` only where a shorter name would be ambiguous.
        variant: whether the name comes from the file's name and not from its directory.
        aliases: other repository names that mean this image, if nobody else has them.
    """

    path: str
    name: str
    variant: bool = False
    aliases: tuple[str, ...] = ()


def name_images(paths: Iterable[str], root: str) -> tuple[Named, ...]:
    """Name the Dockerfiles at ``paths`` (relative, ``/``-separated) below a directory called ``root``.

    Two results share a name only when nothing in their paths tells them apart but letters that a repository
    name cannot hold (``Web`` and ``web``).
    """
    files = {path: parsed for path in paths if (parsed := classify(path.rpartition("/")[2]))}
    # Plain files choose first, so that web/api/Dockerfile is web/api and web/Dockerfile.api has to yield.
    order = sorted(files, key=lambda p: (bool(files[p].variant), files[p].container, p))
    directories = Counter(path.rpartition("/")[0] for path in files)
    plain = {path.rpartition("/")[0] for path, file in files.items() if not file.variant}
    parts: dict[str, tuple[str, ...]] = {}
    taken: set[tuple[str, ...]] = set()
    for path in order:
        directory, _, base = path.rpartition("/")
        place = tuple(directory.split("/")) if directory else ()
        here = place or (root,)
        variant = files[path].variant
        beside = (*place[:-1], f"{here[-1]}.{variant or 'containerfile'}")
        alone = (*place, variant)
        if variant:
            apart = directory in plain or slug(variant) in OFFICIAL_IMAGES
            ladder = [beside if apart else alone, beside, alone, (*place, base)]
        else:
            ladder = [here, beside] if files[path].container else [here]
        choice = next((c for c in ladder if _slugs(c) not in taken), ladder[0])
        taken.add(_slugs(choice))
        parts[path] = choice
    names = _shortest(parts)
    return tuple(
        Named(
            path,
            names[path],
            bool(files[path].variant),
            _aliases(names[path], path, root, files[path].variant, directories),
        )
        for path in sorted(files)
    )


def _aliases(name: str, path: str, root: str, variant: str, files: Mapping[str, int]) -> tuple[str, ...]:
    """Return what else people call the image, when they tag it by hand or by script."""
    place = path.rpartition("/")[0]
    directory = slug(place.rpartition("/")[2] or root)
    dashed = slug(name.rpartition("/")[2]).replace("_", "-")
    if not variant:
        # NodeBase/Dockerfile is published as node-base: repositories have no capital letters.
        return (dashed, slug(_HUMP.sub("-", place.rpartition("/")[2] or root)))
    return (dashed, slug(f"{directory}-{variant}"), *([directory] if files[place] == 1 else []))


def _slugs(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(slug(part) for part in parts)


def _shortest(parts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return for each key the shortest suffix of its parts that no other key's parts end with."""
    names: dict[str, str] = {}
    slugs = {key: _slugs(value) for key, value in parts.items()}
    length = 0
    while len(names) < len(parts):
        length += 1
        count = Counter(value[-length:] for value in slugs.values() if len(value) >= length)
        for key, value in slugs.items():
            if key not in names and (len(value) <= length or count[value[-length:]] == 1):
                names[key] = "/".join(parts[key][-length:])
    return names


class NameIndex:
    """Finds the image that a reference means."""

    def __init__(self, images: Iterable[Named]) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        self._places: dict[str, str] = {}
        self._shared: dict[tuple[str, str], str] = {}
        aliases: dict[str, list[str]] = {}
        for image in images:
            parts = _slugs(tuple(image.name.split("/")))
            self._names.setdefault(parts, image.name)
            place = image.path.rpartition("/")[0]
            self._places[image.name] = place
            if len(parts) > 1:
                scope = place if image.variant else place.rpartition("/")[0]
                self._shared.setdefault((scope, parts[-1]), image.name)
            for alias in set(image.aliases):
                aliases.setdefault(alias, []).append(image.name)
        self._aliases = {alias: names[0] for alias, names in aliases.items() if len(names) == 1}

    def find(self, reference: Reference, child: str = "") -> str | None:
        """Return the name of the image that ``reference`` in ``child`` means, or None for an external one.

        Without ``child`` a name that several images share means none of them. An official image such as
        ``alpine`` is never meant by the other names of an image, or by a shared one.
        """
        parts = tuple(reference.repository.split("/"))
        found = next((n for i in range(len(parts)) if (n := self._names.get(parts[i:]))), None)
        if found is not None or is_official(reference):
            return found
        return self._nearest(parts[-1], child) or self._aliases.get(parts[-1])

    def _nearest(self, last: str, child: str) -> str | None:
        """Return the image in the nearest directory around ``child`` whose name ends in ``last``."""
        place = self._places.get(child)
        while place is not None:
            if found := self._shared.get((place, last)):
                return found
            place = place.rpartition("/")[0] if place else None
        return None


def is_official(reference: Reference) -> bool:
    """Tell whether ``reference`` is one of Docker's official images: ``python:3.11-slim``, ``arm64v8/python``."""
    full = reference.normalised()
    namespace, _, name = full.repository.rpartition("/")
    return full.registry == DEFAULT_REGISTRY and namespace in OFFICIAL_NAMESPACES and name in OFFICIAL_IMAGES
