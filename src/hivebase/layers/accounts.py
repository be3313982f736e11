"""Users and groups of an image, read from its own ``/etc/passwd`` and ``/etc/group``.

The rules are Docker's (``moby/sys/user``, ``GetExecUser``) with its surprises taken out: a word of digits is
always a number and always range-checked, and a line that does not parse is nobody, never user 0. The files
come from the image and are trusted in nothing: found inside the image only, regular, and small (fault D-10).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hivebase.errors import BuildError
from hivebase.layers.tree import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.layers.tree import Tree

MAX_FILE = 1 << 20
"""Bytes of an account file; real ones hold a few thousand."""

MAX_ID = (1 << 31) - 1
"""Largest user or group number that Docker accepts: beyond it, some kernel interface wraps to root."""

_NUMBER = re.compile(r"[0-9]+\Z", re.ASCII)


class UserIds(NamedTuple):
    """Who a process runs as; ``groups`` are the supplementary ones, the primary first (CVE-2022-2990)."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def user_ids(tree: Tree, user: str) -> UserIds:
    """Return who ``USER user`` means in the image: ``name``, ``uid``, ``user:group``; empty is root.

    Raises:
        BuildError: no such user or group, a number out of range, or account files that cannot be read.
    """
    name, _, group = user.partition(":")
    uid, gid, known_as = 0, 0, ""
    number = _number(name, user)
    account = next(_accounts(tree, "etc/passwd", name=name, number=0 if not name else number), None)
    if account is not None:
        known_as, uid, gid = account[0], int(account[2]), int(account[3])
    elif number is not None:
        uid = number
    elif name:
        raise _unknown("user", name, "etc/passwd")
    if group:
        gid = _group(tree, group, user)
        return UserIds(uid, gid, (gid,))
    extra = [
        int(line[2])
        for line in _lines(tree, "etc/group", numbers=(2,))
        if known_as and len(line) > 3 and known_as in line[3].split(",")
    ]
    return UserIds(uid, gid, tuple(dict.fromkeys([gid, *extra])))


def owner_ids(tree: Tree, owner: str) -> tuple[int, int]:
    """Return what ``--chown=owner`` means: ``user[:group]``; without a group, a number is also the group's.

    Raises:
        BuildError: as :func:`user_ids`.
    """
    name, _, group = owner.partition(":")
    uid, gid = 0, 0
    number = _number(name, owner)
    if number is not None:
        uid = gid = number
    elif name:
        account = next(_accounts(tree, "etc/passwd", name=name, number=None), None)
        if account is None:
            raise _unknown("user", name, "etc/passwd")
        uid, gid = int(account[2]), int(account[3])
    return uid, _group(tree, group, owner) if group else gid


def _group(tree: Tree, group: str, written: str) -> int:
    number = _number(group, written)
    if number is not None:
        return number
    for line in _lines(tree, "etc/group", numbers=(2,)):
        if line[0] == group:
            return int(line[2])
    raise _unknown("group", group, "etc/group")


def _accounts(tree: Tree, path: str, *, name: str, number: int | None) -> Iterator[list[str]]:
    for line in _lines(tree, path, numbers=(2, 3)):
        if int(line[2]) == number if number is not None else line[0] == name:
            yield line


def _number(word: str, written: str) -> int | None:
    """Return ``word`` as a number, or None if it is a name."""
    if not _NUMBER.match(word):
        return None
    # Converting a long word costs quadratic time, and eleven digits are out of range already.
    if len(word.lstrip("0")) > 10 or int(word) > MAX_ID:
        raise BuildError(f"{written[:100]!r} is not a user of any image", why=f"numbers end at {MAX_ID}")
    return int(word)


def _unknown(kind: str, name: str, path: str) -> BuildError:
    return BuildError(
        f"the image has no {kind} {name[:100]!r}",
        why=f"/{path} does not list it",
        hint=f"create it in an earlier step, or use its number: a number needs no entry in /{path}",
    )


def _lines(tree: Tree, path: str, *, numbers: tuple[int, ...]) -> Iterator[list[str]]:
    """Yield the lines of an account file as fields, those without proper ``numbers`` left out."""
    for line in _read(tree, path).decode("utf-8", "surrogateescape").split("\n"):
        fields = line.strip().split(":")
        if len(fields) > max(numbers) and all(_in_range(fields[at]) for at in numbers):
            yield fields


def _in_range(field: str) -> bool:
    return bool(_NUMBER.match(field)) and len(field) <= 10 and int(field) <= MAX_ID


def _read(tree: Tree, path: str) -> bytes:
    """Return the content of an account file; none is an empty one."""
    found = resolve(tree, path)
    entry = tree.lstat(found)
    if entry is None:
        return b""
    if entry.kind != "file":
        raise BuildError(f"/{path} of the image is a {entry.kind}, not a regular file")
    if entry.size > MAX_FILE:
        raise BuildError(f"/{path} of the image has {entry.size} bytes", why=f"the limit is {MAX_FILE}")
    with tree.open(found) as file:
        return file.read(MAX_FILE)
