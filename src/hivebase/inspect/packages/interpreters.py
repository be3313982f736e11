"""Interpreters that were not installed by dpkg: the official Python images compile CPython themselves."""

from __future__ import annotations

import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from hivebase.layers.wheels import elf

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from hivebase.inspect.packages.scan import Scan
    from hivebase.layers.wheels.facts import FileFacts

_LIBRARY = re.compile(r"(?:(?P<prefix>.*)/)?lib/python(?P<minor>3\.[0-9]+)/os\.py\Z", re.DOTALL)
_MOST = 20
_NOT_ITS_OWN = re.compile(r"lib/python3\.[0-9]+/(?:site|dist)-packages/")


def interpreters(scan: Scan, owned: Container[str], facts: FileFacts) -> Iterator[tuple[str, str, str]]:
    """Yield prefix, full version, and path of the file that tells it, of each interpreter that nobody owns.

    Raises:
        HivebaseError: a layer cannot be read.
    """
    candidates = (path for path in scan.files if path.endswith("/os.py") and path not in owned)
    for match in islice(filter(None, map(_LIBRARY.match, candidates)), _MOST):
        prefix, minor = match["prefix"] or "", match["minor"]
        for name in (f"lib/libpython{minor}.so.1.0", f"bin/python{minor}"):
            file = f"{prefix}/{name}".lstrip("/")
            version = facts.ask(file, f"python {minor}", partial(elf.python_version, minor=minor))
            if version:
                yield prefix, version, file
                break


def files_of(prefix: str, version: str, files: Iterable[str]) -> Iterator[str]:
    """Yield the absolute paths of what an installation of CPython brings, installed distributions excepted."""
    minor = re.escape(version.rpartition(".")[0])
    own = re.compile(
        rf"(?:lib/python{minor}/|include/python{minor}/|lib/pkgconfig/python-{minor}[.-]"
        rf"|lib/libpython(?:{minor}|3)\.|bin/(?:python|pydoc|idle|2to3-?){minor}|share/man/man1/python)"
    )
    start = f"{prefix}/" if prefix else ""
    for path in files:
        below = path.removeprefix(start)
        if path.startswith(start) and own.match(below) and not _NOT_ITS_OWN.match(below):
            yield f"/{path}"
