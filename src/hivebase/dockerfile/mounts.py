"""``RUN --mount=``: comma-separated pairs, checked against a list of what each type of mount may have.

Values with a ``$`` are left alone: whoever expands them calls ``check`` again. Source: BuildKit's Dockerfile
reference, "RUN --mount"; its ``parseMount`` for the order-independent rules.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from hivebase.dockerfile.ast import Mount
from hivebase.dockerfile.source import did_you_mean, quoted

if TYPE_CHECKING:
    from typing import Literal

    MountType = Literal["bind", "cache", "tmpfs", "secret", "ssh"]

_COMMON: Final = ("target", "dst", "destination", "readonly", "ro", "readwrite", "rw")
_FILE: Final = ("id", "mode", "uid", "gid")
OPTIONS: Final = {
    "bind": (*_COMMON, "from", "source", "src", "id"),
    "cache": (*_COMMON, *_FILE, "from", "source", "src", "sharing"),
    "tmpfs": (*_COMMON, "size", "id", "source", "src", "from"),
    "secret": (*_COMMON, *_FILE, "source", "src", "required", "env"),
    "ssh": (*_COMMON, *_FILE, "source", "src", "required", "from"),
}
"""Every option that may be given, by type. ``bind-propagation`` and the like are not in any list."""

_FLAGS: Final = frozenset({"readonly", "ro", "readwrite", "rw", "required"})
_TRUTH: Final = frozenset({"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})
_SIZE = re.compile(r"[0-9]+(\.[0-9]+)?\s?([kmgtp]i?)?b?", re.IGNORECASE)
_FIELD = re.compile(r'"((?:[^"]++|"")*+)"(?=,|\Z)|([^",]*+)(?=,|\Z)')


class MountError(ValueError):
    """A mount is malformed.

    Attributes:
        hint: what to do about it.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def parse_mount(value: str) -> Mount:
    """Parse the value of one ``--mount`` flag.

    Raises:
        MountError: it is malformed, or has an option that its type does not know.
    """
    pairs: list[tuple[str, str]] = []
    kind = "bind"
    for text in _fields(value):
        name, equals, option = text.partition("=")
        name = name.lower()
        if not equals and name not in _FLAGS:
            message = f"a mount option is a name=value pair, not {quoted(text)}"
            raise MountError(message, did_you_mean(name, _FLAGS, otherwise="write for example target=/path"))
        if name == "type":
            kind = _type(option)
        else:
            pairs.append((name, option))
    mount = Mount(cast("MountType", kind), tuple(pairs))
    check(mount)
    return mount


def _type(value: str) -> str:
    if value.lower() not in OPTIONS:
        message = f"there is no mount type {quoted(value)}"
        raise MountError(
            message, did_you_mean(value.lower(), OPTIONS, otherwise=f"it is one of {', '.join(OPTIONS)}")
        )
    return value.lower()


def _fields(value: str) -> list[str]:
    """Split a CSV record (RFC 4180, as Go's encoding/csv reads it)."""
    fields: list[str] = []
    position = 0
    while True:
        field = _FIELD.match(value, position)
        if not field:
            message = f"misplaced double quote in {quoted(value)}"
            raise MountError(message, 'quote a whole option: "source=a,b"')
        fields.append(field[2] if field[1] is None else field[1].replace('""', '"'))
        position = field.end() + 1
        if position > len(value):
            break
    if fields == [""]:
        message = "the mount is empty"
        raise MountError(message, "write for example --mount=type=cache,target=/path")
    return fields


def check(mount: Mount) -> None:
    """Check the options of ``mount``; values that still contain a ``$`` pass.

    Raises:
        MountError: an option that the type does not know, or a bad value.
    """
    for name, value in mount.options:
        if name not in OPTIONS[mount.type]:
            message = f"a mount of type {mount.type} has no option {quoted(name)}"
            known = OPTIONS[mount.type]
            # An option of another type is no slip of the pen.
            similar = () if any(name in options for options in OPTIONS.values()) else known
            raise MountError(message, did_you_mean(name, similar, otherwise=f"it knows {', '.join(known)}"))
        if name == "from" and re.search(r"\$.", value):
            message = "from= of a mount cannot contain a variable"
            raise MountError(message, "name a stage: FROM $IMAGE AS tools, then from=tools")
        if "$" not in value and not _is_valid(name, value):
            message = f"{quoted(value)} is not a value for {name}= of a mount"
            raise MountError(message, _EXPECTED[name])
    if mount.type == "secret":
        _check_secret(mount)


_EXPECTED: Final = {
    **dict.fromkeys(_FLAGS, "expected true or false"),
    "sharing": "expected shared, private or locked",
    "mode": "expected an octal number such as 0400",
    "uid": "expected a number below 4294967296",
    "gid": "expected a number below 4294967296",
    "size": "expected a size such as 64m or 1g",
}


def _is_valid(name: str, value: str) -> bool:
    match name:
        case "readonly" | "ro" | "readwrite" | "rw" | "required":
            return not value or value in _TRUTH
        case "sharing":
            return value.lower() in {"shared", "private", "locked"}
        case "mode":
            return bool(re.fullmatch("0*[0-7]{1,11}", value)) and int(value, 8) < 2**32
        case "uid" | "gid":
            return bool(re.fullmatch("0*[0-9]{1,10}", value)) and int(value) < 2**32
        case "size":
            return bool(_SIZE.fullmatch(value))
        case _:
            return True


def _check_secret(mount: Mount) -> None:
    if mount.get("source", "src") and mount.get("id"):
        message = "a secret has either id= or source=, not both"
        raise MountError(message, "keep id=")
    if not any(mount.get(name) for name in ("id", "source", "src", "target", "dst", "destination")):
        message = "a secret mount needs id="
        raise MountError(message, "write --mount=type=secret,id=NAME")
