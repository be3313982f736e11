"""Wheels of projects in an image: built once in a sandbox for each source tree, composed from then on."""

from __future__ import annotations

import posixpath
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from hivebase.build.scratch import scratch
from hivebase.errors import BuildError, UsageError
from hivebase.layers.sandbox.mounts import FileMount
from hivebase.layers.sandbox.run import SandboxRequest, run
from hivebase.layers.sandbox.spec import Process
from hivebase.layers.tree import resolve
from hivebase.layers.wheels.keep import keep
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.layers.wheels.replace import owned
from hivebase.plan.keys import fingerprint, tree_content
from hivebase.plan.resolve_pins import normalise
from hivebase.plan.wheels import LockedWheel
from hivebase.progress import Event

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from hivebase.digest import Digest
    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.layer import Layer
    from hivebase.layers.sandbox.host import HostConfiguration
    from hivebase.layers.snapshots import Snapshots
    from hivebase.layers.sources import Source
    from hivebase.layers.wheels.files import WheelFiles
    from hivebase.layers.wheels.installed import Distribution
    from hivebase.layers.wheels.probe import Environment
    from hivebase.oci.store import Store
    from hivebase.progress import Listener

PROJECTS = "project"
"""Namespace of the records: one per source tree, interpreter and way of building."""

_SCRIPT, _OUT = "/run/hivebase/build_project.py", "/hivebase-wheel"
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_MOST = 1000


class Projects:
    """Builds the projects that one step installs.

    Args:
        store: remembers.
        snapshots: unpacks what the sandbox needs.
        files: keeps the wheels.
        host: what a build may see of the host, for isolated builds.
        cancel: stops a build.
        epoch: the time that wheels get.
    """

    def __init__(
        self,
        store: Store,
        snapshots: Snapshots,
        files: WheelFiles,
        host: HostConfiguration,
        cancel: threading.Event,
        epoch: int,
    ) -> None:
        self._store = store
        self._snapshots = snapshots
        self._files = files
        self._host = host
        self._cancel = cancel
        self._epoch = epoch

    def wheel(  # noqa: PLR0913 -- everything that a build depends on
        self,
        source: Source,
        directory: str,
        tree: IndexedTree,
        layers: Sequence[Layer],
        environment: Environment,
        present: Mapping[str, Distribution],
        env: Sequence[tuple[str, str]],
        *,
        editable: bool,
        isolated: bool,
        listener: Listener,
    ) -> LockedWheel:
        """Return the wheel of the project in ``directory`` of ``tree``, built if its sources are new.

        Raises:
            NotComposableError: it is not built to a wheel, or its build writes into its own source tree.
            HivebaseError: the build fails.
        """
        requires = _build_requires(source, directory)
        needed = {} if isolated else _needed(requires, present)
        content = tree_content(source, directory)
        built_with = {name: item.version for name, item in sorted(needed.items())}
        python = environment.scheme.python
        how = [editable, isolated, directory, built_with, python.version, python.build, self._epoch]
        key = fingerprint(PROJECTS, 1, content, how)
        known = self._known(key)
        if known is not None:
            return known
        listener(Event("", "log", f"building the wheel of /{directory}"))
        tools = {**needed, **({"pip": present["pip"]} if isolated and "pip" in present else {})}
        depths = _depths(tree, layers, environment, directory, tools, present)
        wheel = self._build(
            [layers[depth] for depth in depths],
            environment,
            f"/{directory}",
            env,
            editable=editable,
            isolated=isolated,
        )
        self._store.put_record(PROJECTS, key, msgspec.to_builtins(wheel))
        return wheel

    def _known(self, key: Digest) -> LockedWheel | None:
        try:
            wheel = msgspec.convert(self._store.record(PROJECTS, key), LockedWheel)
        except msgspec.ValidationError:
            return None
        return wheel if self._files.held(wheel) is not None else None

    def _build(
        self,
        layers: Sequence[Layer],
        environment: Environment,
        directory: str,
        env: Sequence[tuple[str, str]],
        *,
        editable: bool,
        isolated: bool,
    ) -> LockedWheel:
        script = resources.files("hivebase.layers.wheels.inside").joinpath("build_project.py").read_bytes()
        told: list[bytes] = []
        kind, sharing = "editable" if editable else "wheel", "isolated" if isolated else "shared"
        lowers = [
            path
            for layer in layers
            for path in self._snapshots.directories([layer.descriptor], [str(layer.diff_id)])
        ]
        with scratch(self._store) as work:
            upper = work / "upper"
            result = run(
                SandboxRequest(
                    lowers=lowers,
                    upper=upper,
                    work=work / "sandbox",
                    process=Process(
                        [environment.binary, "-B", _SCRIPT, directory, _OUT, kind, sharing],
                        [*env, ("SOURCE_DATE_EPOCH", str(self._epoch)), ("PYTHONDONTWRITEBYTECODE", "1")],
                    ),
                    network="default" if isolated else "none",
                    mounts=[FileMount(_SCRIPT, script)],
                    host=self._host,
                ),
                told.append,
                self._cancel,
            )
            if result.exit_code != 0:
                lines = b"".join(told).decode("utf-8", "replace").strip().splitlines()
                raise BuildError(
                    f"the project in {directory} cannot be built",
                    why="; ".join(lines[-3:])[:500],
                    hint="--no-compose runs the installation instead, and shows its whole output",
                )
            if (upper / directory.lstrip("/")).exists():
                raise NotComposableError(f"the build of {directory} writes into the project itself")
            made = sorted((upper / _OUT.lstrip("/")).glob("*.whl"))
            if len(made) != 1:
                raise BuildError(f"the build of {directory} left {len(made)} wheels")
            with made[0].open("rb") as stream:
                return keep(self._files.directory, stream, made[0].name)


def _build_requires(source: Source, directory: str) -> list[str]:
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


def _needed(requires: Sequence[str], present: Mapping[str, Distribution]) -> dict[str, Distribution]:
    """Return the installed distributions that a build needs, by what they are called in ``requires``."""
    found = {}
    for line in requires:
        match = _NAME.match(line)
        name = normalise(match[1]) if match else line
        if name not in present:
            raise NotComposableError(f"its build needs {line}, which the image does not have")
        found[name] = present[name]
    return found


def _depths(
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
    return sorted(depths)


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
