"""``RUN --mount``: options expanded, defaults filled in, places checked (BuildKit's ``parseMount``)."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Literal

from hivebase.dockerfile.ast import Mount
from hivebase.dockerfile.mounts import MountError, check
from hivebase.errors import UsageError
from hivebase.plan.config import normalise
from hivebase.plan.steps import CONTEXT, ImageSource, MountSpec

if TYPE_CHECKING:
    from collections.abc import Callable

_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s?([kmgtp]?)i?b?", re.IGNORECASE)
_SHARING: dict[str, Literal["shared", "private", "locked"]] = {"private": "private", "locked": "locked"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def expand_mount(mount: Mount, expand: Callable[[str], str]) -> Mount:
    """Return ``mount`` with its values expanded and checked again; ``from`` never has variables.

    Raises:
        UsageError: a value came out wrong.
    """
    options = tuple((name, value if name == "from" else expand(value)) for name, value in mount.options)
    expanded = Mount(mount.type, options)
    try:
        check(expanded)
    except MountError as error:
        raise UsageError(str(error), hint=error.hint) from error
    return expanded


def mount_spec(mount: Mount, source: ImageSource | None, workdir: str, position: int) -> MountSpec:
    """Return what ``mount`` means.

    Args:
        mount: with expanded options.
        source: what its ``from`` names, or None without one.
        workdir: absolute; a relative target continues it.
        position: of this mount among the ssh mounts of its RUN.

    Raises:
        UsageError: a target or id is missing, or a value is out of its range.
    """
    options = dict(mount.options)
    written = mount.get("target", "dst", "destination") or ""
    if _CONTROL.search("".join(options.values())):
        raise UsageError(f"a mount of type {mount.type} has a control character in an option")
    read_only = mount.type not in {"cache", "tmpfs"}
    for name, value in mount.options:
        if name in {"readonly", "ro"}:
            read_only = value not in _FALSE
        elif name in {"readwrite", "rw"}:
            read_only = value in _FALSE
    env = options.get("env", "")
    target, identity = _place(mount, written, env, position)
    path = _target(target, workdir, mount.type) if target else ""
    if mount.type == "bind":
        source = source or CONTEXT
    elif mount.type != "cache":
        source = None
    return MountSpec(
        type=mount.type,
        target=path,
        source=source,
        source_path=normalise(mount.get("source", "src") or "/") if source else "/",
        id=identity or (path if mount.type == "cache" else ""),
        read_only=read_only,
        required="required" in options and options["required"] not in _FALSE,
        sharing=_SHARING.get(options.get("sharing", "").lower(), "shared"),
        uid=_number(options.get("uid", "0"), 10),
        gid=_number(options.get("gid", "0"), 10),
        mode=_number(options["mode"], 8) if options.get("mode") else None,
        env=env,
        size=_bytes(options.get("size", "0")),
    )


def _place(mount: Mount, target: str, env: str, position: int) -> tuple[str, str]:
    """Return target and id with the defaults of the mount's type."""
    identity = mount.get("id") or ""
    if mount.type == "secret":
        identity = identity or mount.get("source", "src") or posixpath.basename(target)
        if not identity:
            raise UsageError("a secret mount needs an id", hint="write --mount=type=secret,id=NAME")
        if not target and not env:
            target = f"/run/secrets/{posixpath.basename(identity)}"
    elif mount.type == "ssh":
        identity = identity or mount.get("source", "src") or "default"
        target = target or f"/run/buildkit/ssh_agent.{position}"
    elif not target:
        raise UsageError(f"a {mount.type} mount needs a target", hint="write target=/path")
    if "id" in dict(mount.options) and not identity:
        raise UsageError(f"the id of a {mount.type} mount is empty", hint="leave it out, or give it a name")
    return target, identity


def _target(text: str, workdir: str, kind: str) -> str:
    path = normalise(posixpath.join(workdir, text))
    if path == "/" or path in {"/proc", "/sys", "/dev"} or path.startswith(("/proc/", "/sys/")):
        raise UsageError(
            f"a {kind} mount cannot have the target {text!r}",
            why="it would cover what the container itself needs",
            hint="use a directory of its own",
        )
    return path


def _number(text: str, base: int) -> int:
    return int(text, base) if text else 0


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text[:40]!r} is not a size", hint="write 64m or 1g")
    size = int(float(match.group(1)) * 1024 ** _UNITS[match.group(2).lower()])
    if size >= 1 << 63:
        raise UsageError(f"{text[:40]!r} is larger than any memory")
    return size
