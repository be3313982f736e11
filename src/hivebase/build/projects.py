"""Wheels of projects in an image: built once in a sandbox for each source tree, composed from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hivebase.build.project_needs import build_requires, depths_of, needed_by
from hivebase.build.scratch import scratch
from hivebase.digest import Digest
from hivebase.errors import BuildError, CorruptContentError, NotFoundError
from hivebase.fs import remove_tree
from hivebase.layers.diff import layer_from_upper
from hivebase.layers.layer import Layer
from hivebase.layers.sandbox.mounts import FileMount
from hivebase.layers.sandbox.run import SandboxRequest, run
from hivebase.layers.sandbox.spec import Process
from hivebase.layers.wheels import inside
from hivebase.layers.wheels.keep import keep
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.oci.model import Descriptor  # noqa: TC001 -- msgspec reads it at run time
from hivebase.plan.keys import fingerprint, tree_content
from hivebase.plan.wheels import LockedWheel  # noqa: TC001 -- the same
from hivebase.progress import Event

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hivebase.layers.indexed import IndexedTree
    from hivebase.layers.indexed_cache import Indexes
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


class BuiltProject(msgspec.Struct, frozen=True):
    """What a build left.

    Attributes:
        wheel: the wheel.
        descriptor: of the layer with what the build wrote into the project itself; None if that is nothing.
        diff_id: of that layer.
    """

    wheel: LockedWheel
    descriptor: Descriptor | None = None
    diff_id: str = ""

    @property
    def layer(self) -> Layer | None:
        """The layer with what the build wrote into the project itself."""
        return Layer(self.descriptor, Digest.parse(self.diff_id)) if self.descriptor is not None else None


class Projects:
    """Builds the projects that one step installs.

    Args:
        store: remembers.
        indexes: of the store.
        snapshots: unpacks what the sandbox needs.
        files: keeps the wheels.
        host: returns what a build may see of the host, for isolated builds.
        cancel: stops a build.
        epoch: the time that wheels get.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- a sandbox and a cache need that much
        self,
        store: Store,
        indexes: Indexes,
        snapshots: Snapshots,
        files: WheelFiles,
        host: Callable[[], HostConfiguration],
        cancel: threading.Event,
        epoch: int,
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._snapshots = snapshots
        self._files = files
        self._host = host
        self._cancel = cancel
        self._epoch = epoch

    def wheel(  # noqa: PLR0913, PLR0917 -- everything that a build depends on
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
    ) -> BuiltProject:
        """Build the project in ``directory`` of ``tree``, if its sources are new.

        Raises:
            NotComposableError: it is not built to a wheel, or not apart from its image.
            HivebaseError: the sandbox fails.
        """
        requires = build_requires(source, directory)
        needed = {} if isolated else needed_by(requires, present)
        content = tree_content(source, directory)
        built_with = {name: item.version for name, item in sorted(needed.items())}
        python = environment.scheme.python
        above = [_metadata(tree, path) for path in _parents(directory)]
        how = [editable, isolated, directory, above, built_with, python.version, python.build, self._epoch]
        key = fingerprint(PROJECTS, 2, content, how)
        known = self._known(key)
        if known is not None:
            return known
        listener(Event("", "log", f"building the wheel of /{directory}"))
        tools = {**needed, **({"pip": present["pip"]} if isolated and "pip" in present else {})}
        depths = depths_of(tree, layers, environment, directory, tools, present)
        built = self._build(
            tree,
            [layers[depth] for depth in depths],
            environment,
            directory,
            env,
            editable=editable,
            isolated=isolated,
        )
        self._store.put_record(PROJECTS, key, msgspec.to_builtins(built))
        return built

    def _known(self, key: Digest) -> BuiltProject | None:
        try:
            built = msgspec.convert(self._store.record(PROJECTS, key), BuiltProject)
            if built.descriptor is not None:
                self._store.verify(built.descriptor.digest)
        except (msgspec.ValidationError, NotFoundError, CorruptContentError):
            return None
        return built if self._files.held(built.wheel) is not None else None

    def _build(  # noqa: PLR0913 -- the same
        self,
        tree: IndexedTree,
        layers: Sequence[Layer],
        environment: Environment,
        directory: str,
        env: Sequence[tuple[str, str]],
        *,
        editable: bool,
        isolated: bool,
    ) -> BuiltProject:
        script = inside.program("build_project.py")
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
                        [environment.scheme.executable, "-B", _SCRIPT, f"/{directory}", _OUT, kind, sharing],
                        [*env, ("SOURCE_DATE_EPOCH", str(self._epoch)), ("PYTHONDONTWRITEBYTECODE", "1")],
                    ),
                    network="default" if isolated else "none",
                    mounts=[FileMount(_SCRIPT, script)],
                    host=self._host(),
                ),
                told.append,
                self._cancel,
            )
            if result.exit_code != 0:
                lines = b"".join(told).decode("utf-8", "replace").strip().splitlines()
                # It may need what only the whole image has, a compiler say.
                why = lines[-1][:200] if lines else f"exit code {result.exit_code}"
                raise NotComposableError(f"the project in /{directory} cannot be built apart from it: {why}")
            made = sorted((upper / _OUT.lstrip("/")).glob("*.whl"))
            if len(made) != 1:
                raise BuildError(f"the build of /{directory} left {len(made)} wheels")
            with made[0].open("rb") as stream:
                wheel = keep(self._files.directory, stream, made[0].name)
            if not (upper / directory).exists():
                return BuiltProject(wheel)
            _forget_others(upper, directory)
            with self._indexes.writer(self._epoch) as writer:
                layer_from_upper(upper, tree, writer)
                layer = writer.finish()
            if layer is None:
                return BuiltProject(wheel)
            return BuiltProject(wheel, layer.descriptor, str(layer.diff_id))


def _forget_others(upper: Path, directory: str) -> None:
    """Remove from ``upper`` what is neither above nor below ``directory``."""
    here = upper
    for part in directory.split("/"):
        for other in here.iterdir():
            if other.name != part:
                remove_tree(other)
        here /= part


def _parents(directory: str) -> list[str]:
    parts = directory.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _metadata(tree: IndexedTree, path: str) -> list[int]:
    entry = tree.lstat(path)
    return [entry.mode, entry.uid, entry.gid] if entry is not None else []
