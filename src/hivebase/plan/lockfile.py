"""``hivebase.lock``: the digests at which the hive's external bases are pinned. Names no host of its own.

::

    version = 1

    [[base]]
    ref = "docker.io/library/python:3.11-slim"
    platform = "linux/amd64"
    digest = "sha256:…"
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace
from typing import Any, Self

from hivebase.digest import Digest
from hivebase.errors import UsageError

FILE_NAME = "hivebase.lock"
_VERSION = 1
_HEADER = "# Written by hivebase; the digests that every build of this hive starts from. Commit this file.\n"


@dataclass(frozen=True, slots=True)
class HiveLock:
    """The lock as a value.

    Attributes:
        pins: digest by canonical reference and platform.
        others: what else the file says, kept as it stands when the file is written again.
    """

    pins: dict[tuple[str, str], Digest]
    others: str = ""

    @classmethod
    def empty(cls) -> Self:
        """Return the lock of a hive that has none yet."""
        return cls({})

    def pin(self, ref: str, platform: str) -> Digest | None:
        """Return the digest for a canonical reference."""
        return self.pins.get((ref, platform))

    def for_platform(self, platform: str) -> dict[str, Digest]:
        """Return digest by canonical reference for one platform."""
        return {ref: digest for (ref, where), digest in self.pins.items() if where == platform}

    def with_pin(self, ref: str, platform: str, digest: Digest) -> HiveLock:
        """Return a lock that has one more pin, or another digest for a known one."""
        return replace(self, pins={**self.pins, (ref, platform): digest})

    @property
    def rest(self) -> Digest:
        """Digest of all that is not a base pin."""
        return Digest.of(self.others.encode())


def parse_lock(text: str, path: str = FILE_NAME) -> HiveLock:
    """Read the text of a lock file.

    Raises:
        UsageError: not TOML, written by a newer hivebase, or an entry that lacks a part.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("not valid TOML", where=path, why=str(error)) from error
    version = document.pop("version", None)
    if version != _VERSION:
        raise UsageError(
            f"lock format {version!r} is not known here",
            where=path,
            hint=f"this hivebase knows version {_VERSION}; use a newer one, or delete the file",
        )
    entries = document.pop("base", [])
    if not isinstance(entries, list):
        raise UsageError("base must be written [[base]]", where=path)
    pins = dict(_pin(entry, path) for entry in entries)
    return HiveLock(pins, _toml_of(document))


def _pin(entry: Any, path: str) -> tuple[tuple[str, str], Digest]:
    match entry:
        case {"ref": str(ref), "platform": str(platform), "digest": str(digest)}:
            return (ref, platform), Digest.parse(digest)
    raise UsageError("a [[base]] entry needs ref, platform and digest", where=path, why=f"found {entry!r}")


def render_lock(lock: HiveLock) -> str:
    """Return the text of ``lock``: equal locks, equal text."""
    blocks = [
        f"[[base]]\nref = {_string(ref)}\nplatform = {_string(platform)}\ndigest = {_string(digest)}\n"
        for (ref, platform), digest in sorted(lock.pins.items())
    ]
    # What comes after a [[base]] would belong to it, so everything else comes before.
    head = [lock.others] if lock.others else []
    return "\n".join([f"{_HEADER}version = {_VERSION}\n", *head, *blocks])


def _string(text: str) -> str:
    """Write a TOML basic string: JSON's, but in plain Unicode, since TOML knows no surrogate pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_of(document: dict[str, Any]) -> str:
    """Write the tables that this module does not interpret, in a canonical order, as inline values."""
    return "".join(f"{_string(key)} = {_value(value)}\n" for key, value in sorted(document.items()))


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_string(k)} = {_value(v)}" for k, v in sorted(value.items())) + "}"
        case list():
            return "[" + ", ".join(_value(v) for v in value) + "]"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _string(value)
    return str(value)  # dates and times: str() is RFC 3339
