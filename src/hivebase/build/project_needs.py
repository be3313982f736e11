"""What the build of a project needs: from its ``pyproject.toml``, and in layers of the image."""

from __future__ import annotations

import posixpath
import re
import tomllib
from typing import TYPE_CHECKING

from hivebase.errors import UsageError
from hivebase.layers.tree import resolve
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.layers.wheels.replace import owned
from hivebase.plan.resolve_pins import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.layer import Layer
    from hivebase.layers.sources import Source
    from hivebase.layers.wheels.installed import Distribution
    from hivebase.layers.wheels.probe import Environment

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_MOST = 1000


def build_requires(source: Source, directory: str) -> list[str]:
    """Return what the build of the project in ``directory`` requires, as written.

    Raises:
        NotComposableError: it does not say how it is built.
        UsageError: its ``pyproject.toml`` is none.
    """
    path = posixpath.join(directory, "pyproject.toml")
    fact = source.get(path)
    if fact is None or fact.kind != "file":
        raise NotComposableError(f"/{directory} has no pyproject.toml")
    try:
        document = tomllib.loads(source.read(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError("not valid TOML", where=f"/{path}", why=str(error)) from None
    system = document.get("build-system")
    if not isinstance(system, dict) or "build-backend" not in system:
        raise NotComposableError(f"/{path} names no build backend")
    requires = system.get("requires", [])
    return [str(line) for line in requires] if isinstance(requires, list) else []


def needed_by(requires: Sequence[str], present: Mapping[str, Distribution]) -> dict[str, Distribution]:
    """Return the installed distributions that a build needs, by their normal name.

    Raises:
        NotComposableError: one is not installed.
    """
    found = {}
    for line in requires:
        match = _NAME.match(line)
        name = normalise(match[1]) if match else line
        if name not in present:
            raise NotComposableError(f"its build needs {line}, which the image does not have")
        found[name] = present[name]
    return found


def depths_of(
    tree: IndexedTree,
    layers: Sequence[Layer],
    environment: Environment,
    directory: str,
    needed: Mapping[str, Distribution],
    present: Mapping[str, Distribution],
) -> list[int]:
    """Return the layers that hold the interpreter, the sources and what the build needs: unpacking the rest is waste.

    What the needed distributions need themselves is looked for in their metadata.
    """
    binary = tree.inode(resolve(tree, environment.binary))
    depths = set(range((binary[0] if binary else len(layers) - 1) + 1))
    if (virtual := tree.inode(resolve(tree, f"{environment.prefix}/pyvenv.cfg"))) is not None:
        depths.add(virtual[0])
    pending = list(needed.values())
    seen: set[str] = set()
    while pending and len(seen) < _MOST:
        item = pending.pop()
        if item.name in seen:
            continue
        seen.add(item.name)
        depths.update(place[0] for path in owned(tree, item) if (place := tree.inode(path)) is not None)
        pending += [present[name] for name in _requirements(tree, item) if name in present]
    for path in _below(tree, directory):
        place = tree.inode(path)
        if place is not None:
            depths.add(place[0])
    # What was deleted must not come back with the layer that had it.
    return sorted(depths.union(tree.deleting()))


def _requirements(tree: IndexedTree, item: Distribution) -> list[str]:
    """Return the names in ``Requires-Dist``, whatever their conditions."""
    path = resolve(tree, f"{item.metadata}/METADATA")
    entry = tree.lstat(path)
    if entry is None or entry.kind != "file":
        return []
    with tree.open(path) as stream:
        head = stream.read().partition(b"\n\n")[0].decode("utf-8", "replace")
    lines = [
        line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("requires-dist:")
    ]
    return [normalise(match[1]) for line in lines if (match := _NAME.match(line))]


def _below(tree: IndexedTree, directory: str) -> list[str]:
    found, pending = [], [directory]
    while pending:
        here = pending.pop()
        entry = tree.lstat(here)
        if entry is not None and entry.kind == "dir":
            pending += [posixpath.join(here, name) for name in tree.listdir(here)]
        else:
            found.append(here)
    return found
