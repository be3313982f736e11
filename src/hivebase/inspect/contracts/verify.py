"""Finds the contracts of a hive's images and holds the images to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.build.containers import Containers
from hivebase.build.stage import Built
from hivebase.errors import NotFoundError, UsageError
from hivebase.inspect.contracts import schema
from hivebase.inspect.contracts.run import Completed, Suite, run_contracts
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.snapshots import Snapshots
from hivebase.oci.annotations import BASE_NAME
from hivebase.plan.graph import build_graph
from hivebase.plan.hive import default_args
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hivebase.build.workspace import Workspace
    from hivebase.inspect.contracts.checks import Result
    from hivebase.oci.store import Store
    from hivebase.plan.hive import Hive


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test: the image in whose directory its contract lies, and how it went."""

    owner: str
    result: Result


@dataclass(frozen=True, slots=True)
class Report:
    """All tests of one image."""

    ref: str
    results: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(item.result.passed for item in self.results)


def verify(
    workspace: Workspace, store: Store, images: Sequence[str], *, group: str = "", version: str = ""
) -> Iterator[Report]:
    """Hold ``images`` (all of the hive if none are named) to their contracts, parents first.

    Raises:
        UsageError: an unknown image or group, or a contract that cannot be read.
        NotFoundError: an image has not been built.
    """
    hive = workspace.hive.with_version(version) if version else workspace.hive
    known = {image.name for image in hive.images if not group or image.group == group}
    if not known:
        # Nothing tested is not the same as nothing wrong.
        raise UsageError(
            "there are no images to test", where=f"group {group!r}" if group else str(workspace.root)
        )
    workspace = replace(workspace, hive=hive)
    graph = build_graph(hive, default_args(hive, 0))
    wanted = {hive.image(name).name for name in images} or known
    with Snapshots(store) as snapshots:
        indexes = Indexes(store, snapshots)
        for node in graph.nodes:
            if node.name not in wanted:
                continue
            ref = hive.reference(node.name)
            if store.resolve(ref) is None:
                raise NotFoundError(f"{ref} has not been built", hint=f"hivebase build {node.name}")
            image = store.image(ref)
            containers = Containers(store, snapshots, image)
            suites = _suites(workspace, _lineage(store, hive, node.name))
            with indexes.tree(Built.of_image(image).layers) as tree:
                results = run_contracts(suites, image.config.config, tree, _Throwaway(containers))
            yield Report(ref, tuple(Verdict(owner, result) for owner, result in results))


def _lineage(store: Store, hive: Hive, name: str) -> list[str]:
    """Return what ``name`` stands on and itself, the oldest first.

    As the images themselves have it: in a Dockerfile of several stages, only the last one's base is an ancestor.
    """
    names = {hive.reference(image.name): image.name for image in hive.images}
    found = [name]
    ref = hive.reference(name)
    while store.resolve(ref) is not None:
        ref = store.image(ref).manifest.annotations.get(BASE_NAME, "")
        if ref not in names or names[ref] in found:
            break
        found.append(names[ref])
    return found[::-1]


def _suites(workspace: Workspace, lineage: Sequence[str]) -> list[Suite]:
    suites = []
    for name in lineage:
        path = schema.find(workspace.dockerfile(workspace.hive.image(name)).parent)
        if path is not None:
            shown = path.relative_to(workspace.root).as_posix()
            suites.append(Suite(name, schema.load(path, shown)))
    return suites


@dataclass(frozen=True, slots=True)
class _Throwaway:
    """Runs the commands of one test one after the other, each output kept apart."""

    containers: Containers

    def __call__(
        self,
        argv: Sequence[str],
        env: Sequence[tuple[str, str]],
        user: str,
        before: Sequence[Sequence[str]],
        /,
    ) -> Completed:
        # Set-up commands share the container with the test: one shell runs them all, the last with exec, so that
        # its exit code and outputs are the container's own.
        command = argv
        if before:
            script = " && ".join(
                [*(f"{_quoted(words)} >/dev/null" for words in before), f"exec {_quoted(argv)}"]
            )
            command = ("/bin/sh", "-c", script)
        out, err = bytearray(), bytearray()
        code = self.containers.run(command, env, user, out.extend, err.extend)
        return Completed(code, out.decode(errors="replace"), err.decode(errors="replace"))


def _quoted(words: Sequence[str]) -> str:
    import shlex  # noqa: PLC0415 -- only contracts with set-up commands need it

    return shlex.join(words)
