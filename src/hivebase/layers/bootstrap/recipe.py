"""Which official images can be stood in for, and with which Debian packages.

Only images whose content Debian itself can supply are here: ``python:3.11`` and its slim forms (Debian 12
ships Python 3.11) and ``debian:12`` itself. Anything else has no stand-in and must come from a registry or
from ``hivebase import``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hivebase.reference import Reference

FORMAT = 2
"""Raised whenever the same Debian packages would give another tree."""

MARKERS = "usr/share/hivebase/stand-ins.d"
"""Directory inside an image where each stand-in leaves a file: its name, with one line that explains it."""

_SUITE = "bookworm"
_PYTHON = re.compile(r"3\.11(\.\d+)?(-slim)?(-bookworm)?\Z")
_DEBIAN = re.compile(r"(12(\.\d+)?|bookworm)(-slim)?\Z")

# What the official images hold beyond Debian's essential set. curl, gcc and friends are the business of the
# Dockerfiles, so that a stand-in never hides a missing line in one of them.
_COMMON = ("ca-certificates", "netbase", "tzdata")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make one stand-in.

    Attributes:
        name: what it stands in for, as it appears in labels (``python:3.11-slim``).
        suite: Debian release name.
        packages: installed beside Debian's essential packages and apt.
        python: ``major.minor`` when the image is a Python image, else empty.
        env: the image's environment, ``NAME=value``.
        cmd: the image's default command.
    """

    name: str
    suite: str
    packages: tuple[str, ...]
    python: str
    env: tuple[str, ...]
    cmd: tuple[str, ...]


def recipe_for(reference: Reference) -> Recipe | None:
    """Return how to stand in for ``reference``, or None when nothing honest is possible."""
    target = reference.normalised()
    if target.registry != "docker.io" or target.digest:
        return None
    tag = target.tag or "latest"
    name = f"{target.repository.removeprefix('library/')}:{tag}"
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    if target.repository == "library/python" and _PYTHON.match(tag):
        packages = (*_COMMON, "python3", "python3-distutils", "python3-pip", "python3-venv")
        # PYTHONPATH and friends stay unset, as in the official image.
        return Recipe(name, _SUITE, packages, "3.11", (path, "LANG=C.UTF-8"), ("python3",))
    if target.repository == "library/debian" and _DEBIAN.match(tag):
        return Recipe(name, _SUITE, _COMMON, "", (path,), ("bash",))
    return None
