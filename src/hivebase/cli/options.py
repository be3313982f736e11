"""Options that several verbs take, from words to values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.build.secrets import Secrets

_MAX_SECRET = 500 << 10
"""Bytes; BuildKit's limit, so that what builds here builds there."""


def parse_args(pairs: Sequence[str], option: str = "--build-arg") -> dict[str, str]:
    """Return ``NAME=VALUE`` words as a mapping; ``NAME`` alone takes the environment's value, as docker does.

    Raises:
        UsageError: a word has no name.
    """
    result = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name:
            raise UsageError(f"{pair!r} has no name", hint=f"{option} NAME=VALUE")
        if equals:
            result[name] = value
        elif name in os.environ:
            result[name] = os.environ[name]
    return result


def parse_secrets(secrets: Sequence[str], agents: Sequence[str]) -> Secrets:
    """Return ``id=ID[,src=FILE|,env=NAME]`` and ``ID[=SOCKET]`` words as values.

    Raises:
        UsageError: a word is malformed, or its file or variable does not exist. Values are never in a message.
    """
    from hivebase.build.secrets import Secrets  # noqa: PLC0415 -- most commands have none

    values = {}
    for word in secrets:
        fields = dict(
            cast("tuple[str, str]", tuple(part.split("=", 1))) for part in word.split(",") if "=" in part
        )
        name = fields.get("id", "")
        unknown = set(fields) - {"id", "src", "source", "env", "type"}
        if not name or unknown:
            raise UsageError(
                f"not a secret: {word!r}", hint="--secret id=NAME[,src=FILE] or id=NAME,env=VARIABLE"
            )
        source = fields.get("src") or fields.get("source")
        values[name] = (
            _from_file(name, Path(source)) if source else _from_environment(name, fields.get("env", name))
        )
    sockets = {}
    for word in agents:
        name, _, path = word.removeprefix("id=").partition("=")
        socket = path or os.environ.get("SSH_AUTH_SOCK", "")
        if not socket or not Path(socket).exists():
            raise UsageError(
                f"no agent for --ssh {word}",
                why="SSH_AUTH_SOCK is not set" if not socket else f"{socket} does not exist",
            )
        sockets[name or "default"] = Path(socket)
    return Secrets(values, sockets)


def _from_file(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_SECRET + 1)
    except OSError as error:
        raise UsageError(
            f"the secret {name!r} cannot be read", where=str(path), why=error.strerror or ""
        ) from None
    if len(data) > _MAX_SECRET:
        raise UsageError(f"the secret {name!r} is larger than {_MAX_SECRET} bytes", where=str(path))
    return data


def _from_environment(name: str, variable: str) -> bytes:
    if variable not in os.environ:
        raise UsageError(f"the secret {name!r} has no value", why=f"the variable {variable} is not set")
    return os.environ[variable].encode()
