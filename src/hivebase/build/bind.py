"""From the mounts of a plan to mounts that a sandbox can make: finds trees, caches, secrets and agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.build.materialise import materialise
from hivebase.build.stage import Built, tree_of
from hivebase.errors import BuildError
from hivebase.layers.sandbox.mounts import (
    CACHE_MODE,
    SECRET_MODE,
    BindMount,
    BoundMount,
    CacheMount,
    SecretMount,
    SshMount,
    TmpfsMount,
    Tree,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hivebase.build.secrets import Secrets
    from hivebase.layers.snapshots import Snapshots
    from hivebase.layers.sources import Source
    from hivebase.plan.steps import ImageSource, MountSpec


class MountBinder:
    """Binds the mounts of one step.

    Args:
        snapshots: unpacks what mounts come from.
        context: opens the build context.
        sources: the stages and images that the step reads from.
        secrets: what the user gave.
        work: an absent directory, for copies of parts of the context.
        epoch: modification time of those copies.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        context: Callable[[], Source],
        sources: Mapping[ImageSource, Built],
        secrets: Secrets,
        work: Path,
        epoch: int,
    ) -> None:
        self._snapshots = snapshots
        self._context = context
        self._sources = sources
        self._secrets = secrets
        self._work = work
        self._epoch = epoch
        self._count = 0

    def bind(self, mount: MountSpec) -> BoundMount | None:
        """Return the mount to make, or None for an optional secret or agent that was not given.

        Raises:
            BuildError: a required secret or agent was not given.
            UsageError: a part of the context cannot be read.
        """
        if mount.type == "bind":
            return BindMount(mount.target, self._tree(mount), writable=not mount.read_only)
        if mount.type == "cache":
            return CacheMount(
                mount.target,
                mount.id or mount.target,
                mount.sharing,
                mount.uid,
                mount.gid,
                CACHE_MODE if mount.mode is None else mount.mode,
                self._tree(mount) if mount.source else None,
                mount.source.ref if mount.source else "",
                writable=not mount.read_only,
            )
        if mount.type == "tmpfs":
            return TmpfsMount(mount.target, mount.size)
        if mount.type == "ssh":
            socket = self._secrets.agents.get(mount.id)
            return (
                SshMount(mount.target, socket) if socket else self._absent(mount, f"--ssh {mount.id}=SOCKET")
            )
        value = self._secrets.values.get(mount.id)
        if value is None:
            return self._absent(mount, f"--secret id={mount.id},src=FILE")
        mode = SECRET_MODE if mount.mode is None else mount.mode
        return SecretMount(value, mount.target, mount.env, mount.uid, mount.gid, mode)

    def variables(self, mounts: Sequence[MountSpec]) -> list[tuple[str, str]]:
        """Return the variables that tell a step where its agent is."""
        given = [mount for mount in mounts if mount.type == "ssh" and mount.id in self._secrets.agents]
        return [("SSH_AUTH_SOCK", given[0].target)] if given else []

    def _tree(self, mount: MountSpec) -> Tree:
        source = mount.source
        if source is None or source.kind == "context":
            self._count += 1
            place = self._work / str(self._count)
            place.mkdir(mode=0o700, parents=True)
            return Tree([place], "/" + materialise(self._context(), mount.source_path, place, self._epoch))
        if source.kind == "scratch":
            return Tree([], mount.source_path)
        return Tree(tree_of(self._sources[source], self._snapshots)[1], mount.source_path)

    @staticmethod
    def _absent(mount: MountSpec, option: str) -> None:
        if mount.required:
            raise BuildError(
                f"the step requires the {mount.type} {mount.id!r}, which was not given",
                hint=f"hivebase build {option}",
            )
