"""Installations that need no index: wheels and projects that are in the image or in a mount."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.build.local_wheels import LocalWheels
from hivebase.build.stage import Left
from hivebase.layers.wheels.keep import keep
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.plan.resolve_pins import environment, normalise
from hivebase.plan.wheels import LockedWheel, Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hivebase.build.projects import Projects
    from hivebase.build.visible import Visible
    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.layer import Layer
    from hivebase.layers.wheels.files import WheelFiles
    from hivebase.layers.wheels.installed import Distribution
    from hivebase.layers.wheels.probe import Environment
    from hivebase.plan.steps import ComposeStep
    from hivebase.progress import Listener

_HASHES = (23, 1)
"""pip from which the hash of a local archive is kept."""

_EXTRAS = re.compile(r"\[[^\]]*\]\Z")


@dataclass(slots=True)
class Resolved:
    """What an installation consists of.

    Attributes:
        resolution: the wheels.
        direct: ``direct_url.json`` by name, for what comes from a path.
        left: what builds of projects wrote into the projects.
    """

    resolution: Resolution
    direct: dict[str, bytes] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LocalInstall:
    """Resolves one installation.

    Attributes:
        files: keeps wheels.
        projects: builds them.
        visible: what the step sees.
        listener: told of builds.
    """

    files: WheelFiles
    projects: Projects
    visible: Visible
    listener: Listener

    def resolve(
        self,
        step: ComposeStep,
        layers: Sequence[Layer],
        tree: IndexedTree,
        where: Environment,
        present: Mapping[str, Distribution],
    ) -> Resolved:
        """Return what is installed.

        Raises:
            NotComposableError: it cannot be told, or something it needs is not there.
            HivebaseError: a project cannot be built.
        """
        install, request = step.install, step.request
        wheels = LocalWheels(self.visible, self._keep, self._path_of, where.scheme.python)
        versions = {item.name: item.version for item in present.values()}
        if request is not None:
            found = wheels.named(request.requirements, request.find_links, versions, deps=request.deps)
            names = frozenset(
                normalise(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in request.requirements
            )
            return Resolved(Resolution(tuple(item.wheel for item in found), names))
        taken: dict[str, LockedWheel] = {}
        made = Resolved(Resolution())
        for path in install.paths:
            if path.endswith(".whl"):
                for item in wheels.at(path):
                    taken[item.wheel.name] = item.wheel
                    made.direct[item.wheel.name] = _archive_url(item.url, item.wheel, step, present)
            else:
                self._project(path, step, layers, tree, where, present, taken, made, editable=False)
        for path in install.editables:
            self._project(path, step, layers, tree, where, present, taken, made, editable=True)
        if install.deps:
            self._check_needs(wheels, taken, versions, where)
        made.resolution = Resolution(tuple(taken[name] for name in sorted(taken)), frozenset(taken))
        return made

    def _project(  # noqa: PLR0913, PLR0917 -- what the two kinds of projects share
        self,
        path: str,
        step: ComposeStep,
        layers: Sequence[Layer],
        tree: IndexedTree,
        where: Environment,
        present: Mapping[str, Distribution],
        taken: dict[str, LockedWheel],
        made: Resolved,
        *,
        editable: bool,
    ) -> None:
        if _EXTRAS.search(path):
            raise NotComposableError(f"{path} is installed with extras")
        source, real, mounted = self.visible.find(path)
        fact = source.get(real)
        if fact is None or fact.kind != "dir":
            raise NotComposableError(f"{path} is not a directory of the image")
        if mounted:
            raise NotComposableError(f"the project {path} is in a mount")
        built = self.projects.wheel(
            source,
            real,
            tree,
            layers,
            where,
            present,
            step.run.env,
            editable=editable,
            isolated=step.install.isolated_build,
            listener=self.listener,
        )
        wheel = taken[built.wheel.name] = built.wheel
        if built.layer is not None:
            made.left.append(Left(built.layer, f"hivebase: what the build of {path} left in it"))
        info = {"editable": True} if editable else {}
        made.direct[wheel.name] = _json({"url": f"file://{path}", "dir_info": info}, step)

    def _check_needs(
        self,
        wheels: LocalWheels,
        taken: Mapping[str, LockedWheel],
        versions: Mapping[str, str],
        where: Environment,
    ) -> None:
        from packaging.requirements import Requirement  # noqa: PLC0415 -- seldom needed

        there = {**versions, **{wheel.name: wheel.version for wheel in taken.values()}}
        markers = {**environment(where.scheme.python), "extra": ""}
        for wheel in taken.values():
            for line in wheels.requires(wheel):
                wanted = Requirement(line)
                if wanted.marker is not None and not wanted.marker.evaluate(markers):
                    continue
                version = there.get(normalise(wanted.name))
                if version is None or not wanted.specifier.contains(version, prereleases=True):
                    raise NotComposableError(f"{wheel.name} needs {line}, which the image does not have")

    def _keep(self, stream: object, file: str) -> LockedWheel:
        return keep(self.files.directory, stream, file)  # type: ignore[arg-type]

    def _path_of(self, wheel: LockedWheel) -> Path:
        return self.files.get(wheel)


def _archive_url(
    url: str, wheel: LockedWheel, step: ComposeStep, present: Mapping[str, Distribution]
) -> bytes:
    if step.install.tool == "uv":
        return _json({"url": url, "archive_info": {}}, step)
    pip = present.get("pip")
    info: dict[str, object] = {}
    if pip is None or _version(pip.version) >= _HASHES:
        info = {"hash": f"sha256={wheel.sha256}", "hashes": {"sha256": wheel.sha256}}
    return _json({"archive_info": info, "url": url}, step)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _json(document: dict[str, object], step: ComposeStep) -> bytes:
    if step.install.tool == "uv":
        return json.dumps(document, separators=(",", ":")).encode()
    return json.dumps(document, sort_keys=True).encode()
