"""Cache keys: digests over content, never over times or places.

A stage has two chains of keys. The *tree key* covers what decides the file tree: the base's tree, and for
every step that touches files all its fields and the content it reads. A label or a new ``CMD`` leaves it
alone, so a new version number in a parent repeats no installation in its children. The *image key* covers
everything, the history and the configuration included.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.digest import Digest
from hivebase.plan.files import FileFact, FileListing, clamp, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hivebase.oci.model import ImageConfig
    from hivebase.plan.select import Selected
    from hivebase.plan.steps import CopyStep, RunStep, WorkdirStep

FORMAT = 3
"""Raise it whenever the same plan would give other layers; every key changes with it."""

_UNKEYED = frozenset({"key", "created_by", "text", "line", "proxies", "why"})
"""Fields of a step that its layer does not depend on."""


def fingerprint(*parts: object) -> Digest:
    """Return a digest of plain values; different values give different bytes to hash.

    Takes None, bool, int, str, bytes, and tuples, lists, mappings, sets, dataclasses and structs of them.
    """
    chunks: list[bytes] = []
    _encode(parts, chunks.append)
    return Digest.of(b"".join(chunks))


def _encode(value: object, put: Callable[[bytes], object]) -> None:
    """Hand out a self-delimiting encoding: a type letter, a length, the content."""
    kind = type(value)
    if kind is str or isinstance(value, str):
        # Names of files may hold lone surrogates; both kinds of them must survive.
        data = value.encode("utf-8", "surrogatepass")  # type: ignore[attr-defined]
        put(b"s%d:%b" % (len(data), data))
    elif kind is tuple or kind is list or isinstance(value, tuple | list):
        put(b"l%d:" % len(value))  # type: ignore[arg-type]
        for item in value:  # type: ignore[attr-defined]
            _encode(item, put)
    elif value is None:
        put(b"n")
    elif kind is bool:
        put(b"T" if value else b"F")
    elif isinstance(value, int):
        put(b"i%d;" % value)
    elif isinstance(value, bytes):
        put(b"b%d:%b" % (len(value), value))
    else:
        _encode_structure(value, put)


def _encode_structure(value: object, put: Callable[[bytes], object]) -> None:
    if isinstance(value, dict):
        put(b"d%d:" % len(value))
        for key in sorted(value):
            _encode(key, put)
            _encode(value[key], put)
    elif isinstance(value, frozenset | set):
        _encode(sorted(value), put)
    elif isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
        _encode([type(value).__name__, _fields(value, frozenset())], put)
    else:
        raise TypeError(f"cannot be part of a key: {type(value).__name__}")


def _fields(value: Any, without: frozenset[str]) -> dict[str, object]:
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
    else:
        names = tuple(field.name for field in dataclasses.fields(value))
    return {name: getattr(value, name) for name in names if name not in without}


def start_key(kind: str, content: str, platform: str, layer_time: int) -> Digest:
    """Return the tree key of a stage before its first step.

    Args:
        kind: of its base (``scratch``, ``external``, ``image``, ``stage``).
        content: digest or key of the base, empty for scratch.
        platform: of the stage.
        layer_time: seconds since 1970 that times inside layers are set to.
    """
    return fingerprint(FORMAT, "start", kind, content, platform, layer_time)


def step_key(previous: Digest, step: RunStep | CopyStep | WorkdirStep, content: object) -> Digest:
    """Return the tree key after ``step``; every field of it counts unless it is listed as not mattering.

    Args:
        previous: the tree key before it.
        step: its ``key`` is not looked at.
        content: what it reads from elsewhere, as digests (``selection``, ``tree_content``, keys of stages).
    """
    return fingerprint(FORMAT, type(step).__name__, previous, _fields(step, _UNKEYED), content)


def image_key(tree: Digest, config: ImageConfig, history: Iterable[str], epoch: int) -> Digest:
    """Return the key of a finished stage.

    Args:
        tree: its tree key.
        config: its configuration.
        history: ``created_by`` of all its own steps.
        epoch: the instant that the image says it was created at.
    """
    return fingerprint(FORMAT, "image", tree, config, list(history), epoch)


def fact_text(listing: FileListing, path: str, fact: FileFact) -> str:
    """Return what decides the copy of one file, as one word: kind, mode, content or link."""
    if fact.kind == "file":
        return f"f{fact.mode:o}:{listing.digest(path)}"
    return f"l:{fact.link}" if fact.kind == "symlink" else f"d{fact.mode:o}"


def selection(listing: FileListing, items: Iterable[Selected]) -> list[list[object]]:
    """Return what a COPY takes, in its order: destination, fact, and whether a file was named itself."""
    return [[item.destination, fact_text(listing, item.source, item.fact), item.top] for item in items]


def tree_content(listing: FileListing, path: str) -> dict[str, str] | None:
    """Return the facts of everything at and below ``path``, links followed only to get there.

    None when nothing is there.
    """
    real = follow(listing, clamp(path))
    fact = listing.get(real)
    if fact is None:
        return None
    found: dict[str, str] = {}
    pending = [real]
    while pending:
        here = pending.pop()
        fact = listing.get(here)
        if fact is None:
            continue
        found[here] = fact_text(listing, here, fact)
        if fact.kind == "dir":
            pending.extend(f"{here}/{name}" if here else name for name in listing.children(here))
    return found
