"""``hivebase.toml`` as values. Everything in it is optional; what it does not know it refuses by name."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec

from hivebase.errors import UsageError
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_NAME = "hivebase.toml"


class HiveTable(msgspec.Struct, frozen=True):
    """``[hive]``: ``name`` is the namespace of references, ``version`` the tag; empty when not configured."""

    name: str = ""
    version: str = ""


class Group(msgspec.Struct, frozen=True):
    """``[[group]]``: a directory of images that share a context and build args.

    Attributes:
        name: for people.
        path: directory below the hive's root that is searched for Dockerfiles.
        context: build context of all images of the group, relative to the root; None means that each image's
            context is found from what it copies.
        args: build args.
        include: patterns as in an ignore file, relative to ``path``; empty means everything.
        exclude: the same, for what to leave out.
        role: whether its images are there to be stood on, which decides their budget; an image that others stand
            on is a base in any case.
    """

    name: str = ""
    path: str = "."
    context: str | None = None
    args: dict[str, str] = {}
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    role: Literal["base", "service"] = "service"


class BaseTable(msgspec.Struct, frozen=True):
    """``[base]``: where external bases may come from."""

    mode: Literal["auto", "registry", "bootstrap"] = "auto"


class LockTable(msgspec.Struct, frozen=True):
    """``[lock]``: how versions are chosen.

    Attributes:
        exclude_newer: releases younger than that do not count (``7 days``), or all after a date; as uv takes it.
    """

    exclude_newer: str = ""


class Budget(msgspec.Struct, frozen=True):
    """``[budget]``: the most layers an image may have, those of what it stands on included."""

    base_layers: int = 40
    service_layers: int = 80


class Profile(msgspec.Struct, frozen=True):
    """``[profile.NAME]``: a place to publish to.

    Attributes:
        to: ``REGISTRY/PREFIX``.
        kind: ``ecr`` takes registry and prefix from the environment (``AWS_REGION`` and its kin), and from here what
            the environment does not say.
        region: of Amazon ECR.
        account: of Amazon ECR.
        floating: which floating tags follow each release: ``minor`` is ``X.Y``, ``major`` is ``X``.
        key: file with the private key that signs, relative to the hive's root; empty signs nothing.
    """

    to: str = ""
    kind: Literal["registry", "ecr"] = "registry"
    region: str = ""
    account: str = ""
    floating: tuple[Literal["minor", "major"], ...] = ()
    key: str = ""


CacheMode = Literal["read-write", "read"]
"""Whether results are written to the shared cache or only read from it."""


class Settings(msgspec.Struct, frozen=True):
    """The whole file. ``policy`` and ``registry`` are kept as they are for the packages that read them.

    Attributes:
        cache: ``REGISTRY/REPOSITORY`` of the shared cache; empty for none.
        cache_mode: what is done with it.
    """

    hive: HiveTable = HiveTable()
    group: tuple[Group, ...] = ()
    base: BaseTable = BaseTable()
    lock: LockTable = LockTable()
    budget: Budget = Budget()
    policy: dict[str, Any] = {}
    registry: dict[str, Any] = {}
    profile: dict[str, Profile] = {}
    cache: str = ""
    cache_mode: CacheMode = "read-write"


def parse_settings(text: str, path: str = FILE_NAME) -> Settings:
    """Read the text of a ``hivebase.toml``.

    Raises:
        UsageError: not TOML, an unknown key (with the nearest known one), or a value of the wrong kind; the
            message has the line and the key's path.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("not valid TOML", where=path, why=str(error)) from error
    _refuse_unknown(document, Settings, "", text, path)
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        why, _, at = str(error).partition(" - at `$")
        key = at.rstrip("`").lstrip(".")
        raise UsageError(
            f"bad value of {key or 'the file'}", where=f"{path}{_line(text, key)}", why=why
        ) from error
    _refuse_unfit(settings.hive, text, path)
    if settings.cache:
        parse_cache(settings.cache, f"{path}{_line(text, 'cache')}")
    for group in settings.group:
        for name, value in (("path", group.path), ("context", group.context)):
            if value is not None and (value.startswith("/") or ".." in value.split("/")):
                raise UsageError(
                    f"{name} {value!r} of group {group.name!r} leaves the hive",
                    where=f"{path}{_line(text, name)}",
                    hint="paths are relative to the directory of hivebase.toml",
                )
    return settings


def parse_cache(text: str, where: str) -> Reference:
    """Return the repository that a shared cache is kept in.

    Args:
        text: ``REGISTRY/REPOSITORY``.
        where: it was written, for messages.

    Raises:
        UsageError: it is not a repository.
    """
    try:
        found = Reference.parse(text)
    except UsageError as error:
        raise UsageError(f"not a place for a cache: {text[:300]!r}", where=where, why=error.why) from None
    if found.tag or found.digest or not found.registry:
        why = "it names no registry" if not found.registry else "the tags in it are keys"
        hint = "expected registry/repository, without a tag"
        raise UsageError(f"not a place for a cache: {text[:300]!r}", where=where, why=why, hint=hint)
    return found


def _refuse_unfit(hive: HiveTable, text: str, path: str) -> None:
    """Refuse a namespace or a version that no image reference could have."""
    for key, value, reference in (
        ("name", hive.name, f"{hive.name}/x"),
        ("version", hive.version, f"x:{hive.version}"),
    ):
        if not value:
            continue
        try:
            Reference.parse(reference)
        except UsageError as error:
            raise UsageError(
                f"bad value of hive.{key}: {value!r}", where=f"{path}{_line(text, key)}", why=error.why
            ) from None


def _refuse_unknown(
    table: dict[str, Any], struct: type[msgspec.Struct], prefix: str, text: str, path: str
) -> None:
    known = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in table.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            raise UsageError(
                f"unknown key {prefix + key!r}",
                where=f"{path}{_line(text, key)}",
                hint=f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(known))}",
            )
        for item, entry, where in _inner(known[key], value, f"{prefix}{key}"):
            _refuse_unknown(entry, item, f"{where}.", text, path)


def _inner(kind: Any, value: Any, where: str) -> Iterator[tuple[type[msgspec.Struct], dict[str, Any], str]]:
    """Yield the tables inside a value, each with what it must be and where it is."""
    entries: list[tuple[Any, Any, str]] = [(kind, value, where)]
    if get_origin(kind) is dict and isinstance(value, dict):
        entries = [(get_args(kind)[1], entry, f"{where}.{name}") for name, entry in value.items()]
    elif get_origin(kind) is tuple and isinstance(value, list):
        entries = [(get_args(kind)[0], entry, f"{where}[{at}]") for at, entry in enumerate(value)]
    for item, entry, place in entries:
        if isinstance(item, type) and issubclass(item, msgspec.Struct) and isinstance(entry, dict):
            yield item, entry, place


def _line(text: str, key: str) -> str:
    """Return ``:line`` of the first place where the last part of ``key`` is written, else nothing."""
    last = re.sub(r"\[.*?\]", "", key).rpartition(".")[2]
    pattern = re.compile(rf"""^\s*(?:\[+\s*(?:[\w.-]+\.)?)?["']?{re.escape(last)}["']?\s*[\]=.]""")
    for number, line in enumerate(text.splitlines(), 1):
        if last and pattern.match(line):
            return f":{number}"
    return ""
