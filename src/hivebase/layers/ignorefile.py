"""Finding the ignore file of a build: beside the Dockerfile under its name, else at the root of the context.

The file is read confined (fault D-2): a link in the context is followed inside the context only, because the
patterns of a file elsewhere on the machine would show in messages and decide what is sent.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from hivebase.dockerfile.ignore import IgnoreFile
from hivebase.errors import UsageError
from hivebase.fs import Directory, is_machine_fault, system_fault

if TYPE_CHECKING:
    from pathlib import Path

NAME = ".dockerignore"

MAX_IGNORE_FILE = 4 << 20
"""Bytes of an ignore file; a real one has a few hundred."""


def read_ignore_file(context: Directory, root: Path, dockerfile: Path | None) -> IgnoreFile | None:
    """Return the rules that hold for building ``dockerfile`` in ``context`` (opened at ``root``), or None.

    Raises:
        UsageError: the ignore file is a link out of the context, no regular file, too large or unreadable.
        SystemFaultError: the machine cannot read it now.
        DockerfileError: it is malformed.
    """
    if dockerfile is not None:
        name = dockerfile.name + NAME
        place, top = dockerfile.parent.resolve(), root.resolve()
        if place.is_relative_to(top):
            text = _read(context, (place.relative_to(top) / name).as_posix())
        else:
            with Directory.open(place) as beside:
                text = _read(beside, name)
        if text is not None:
            return IgnoreFile.parse(text)
    text = _read(context, NAME)
    return None if text is None else IgnoreFile.parse(text)


def _read(directory: Directory, name: str) -> str | None:
    """Return the text of ``name``, or None if there is no such file."""
    try:
        fd = directory.open_in_root(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        if not _is_link(directory, name):
            return None
        raise _unfit(name, "it is a symbolic link to nothing inside the build context") from None
    except OSError as error:
        if is_machine_fault(error):
            raise system_fault(error, "cannot read the ignore file", where=name) from error
        raise _unfit(name, error.strerror or str(error)) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _unfit(name, "it is not a regular file")
    with os.fdopen(fd, "rb") as stream:
        data = stream.read(MAX_IGNORE_FILE + 1)
    if len(data) > MAX_IGNORE_FILE:
        raise _unfit(name, f"it is larger than {MAX_IGNORE_FILE} bytes")
    return data.decode("utf-8-sig", "surrogateescape")


def _is_link(directory: Directory, name: str) -> bool:
    """Tell whether something is at ``name`` after all: a link that leads nowhere."""
    try:
        os.close(directory.open_in_root(name, os.O_PATH | os.O_NOFOLLOW))
    except OSError:
        return False
    return True


def _unfit(name: str, why: str) -> UsageError:
    return UsageError("cannot use the ignore file", where=name, why=why, hint="make it a plain text file")
