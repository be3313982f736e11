"""The embedded engine: does the steps of a plan on this machine, without a daemon."""

from __future__ import annotations

import errno
import os
import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hivebase.build.bind import MountBinder
from hivebase.build.printed import Printed
from hivebase.build.scratch import scratch
from hivebase.build.secrets import Secrets
from hivebase.build.stage import tree_of
from hivebase.errors import BuildError, PolicyError
from hivebase.fs import system_fault
from hivebase.layers.accounts import user_ids
from hivebase.layers.copy import copy_layer
from hivebase.layers.diff import layer_from_upper
from hivebase.layers.sandbox.host import HostConfiguration
from hivebase.layers.sandbox.mounts import FileMount
from hivebase.layers.sandbox.run import SandboxRequest, run
from hivebase.layers.sandbox.spec import Process
from hivebase.layers.sources import TreeSource
from hivebase.layers.workdir import workdir_layer
from hivebase.progress import Event, Listener

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hivebase.build.composer import Composer
    from hivebase.build.stage import Built, Left
    from hivebase.layers.indexed_cache import Indexes
    from hivebase.layers.layer import Layer
    from hivebase.layers.remote import Remote
    from hivebase.layers.snapshots import Snapshots
    from hivebase.layers.sources import Source
    from hivebase.oci.store import Store
    from hivebase.plan.steps import ComposeStep, CopyStep, ImageSource, RunStep, WorkdirStep

_PIPES = "/dev/pipes"

_SCARCE = 1 << 20
"""Bytes. With less than this left on the disk after a step has failed, the disk is why."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Does steps for one image; implements :class:`hivebase.build.stage.Doer`.

    Attributes:
        snapshots: unpacks what commands run on.
        indexes: shows what all other steps look at, without unpacking it.
        image: its name, the subject of events.
        context: its build context, opened when first needed.
        epoch: the instant of the build.
        host: returns what a RUN may see of the host.
        secrets: for ``RUN --mount=type=secret`` and ``ssh``.
        remote: fetches for ADD.
        allow_insecure: whether ``RUN --security=insecure`` may run.
        composer: does installations; None to run them.
    """

    store: Store
    snapshots: Snapshots
    indexes: Indexes
    image: str
    context: Callable[[], Source]
    epoch: int
    cancel: threading.Event
    host: Callable[[], HostConfiguration] = HostConfiguration
    secrets: Secrets = field(default_factory=Secrets)
    remote: Remote | None = None
    allow_insecure: bool = False
    composer: Composer | None = None

    def run(
        self, step: RunStep, on: Built, sources: Mapping[ImageSource, Built], listener: Listener
    ) -> Layer | None:
        """Run a command in a sandbox on top of ``on``; what it changed becomes a layer.

        Raises:
            BuildError: the command failed.
            PolicyError: the step wants more than this build allows.
        """
        if step.privileged and not self.allow_insecure:
            raise PolicyError(
                "RUN --security=insecure is not allowed",
                hint="build with --allow-insecure if you trust this Dockerfile",
            )
        tree, lowers = tree_of(on, self.snapshots)
        ids = user_ids(tree, step.user)
        with scratch(self.store) as work:
            binder = MountBinder(
                self.snapshots, self.context, sources, self.secrets, work / "context", self.epoch
            )
            mounts = [bound for mount in step.mounts if (bound := binder.bind(mount)) is not None]
            mounts += [FileMount(f"{_PIPES}/{file.name}", file.content, mode=0o755) for file in step.inline]
            env = [*step.env, *step.proxies, *binder.variables(step.mounts)]
            printed = Printed(lambda line: listener(Event(self.image, "log", line, step.text)))
            upper = work / "upper"
            result = run(
                SandboxRequest(
                    lowers=lowers,
                    upper=upper,
                    work=work / "sandbox",
                    process=Process(step.argv, env, step.workdir or "/", ids.uid, ids.gid, ids.groups),
                    network=step.network,
                    privileged=step.privileged,
                    mounts=mounts,
                    host=self.host(),
                    caches=self.store.state / "cache" / "mounts",
                    masked=[value.encode() for name, value in step.env if name in step.secrets],
                ),
                printed.feed,
                self.cancel,
            )
            printed.close()
            if result.exit_code != 0:
                _check_space(step, work)
                raise _failed(step, result.exit_code, out_of_memory=result.out_of_memory)
            with self.indexes.writer(self.epoch) as writer:
                layer_from_upper(upper, tree, writer)
                layer = writer.finish()
            if layer is not None:
                self.snapshots.adopt(upper, layer.diff_id)
            return layer

    def copy(
        self, step: CopyStep, on: Built, sources: Mapping[ImageSource, Built], listener: Listener
    ) -> Layer | None:
        """Copy files from the context, a stage, an image or the network.

        Raises:
            HivebaseError: a file is missing, unfit, or changed while it was read.
        """
        del listener
        with ExitStack() as stack:
            base = stack.enter_context(self.indexes.tree(on.layers))
            if step.source.kind == "context":
                source = self.context()
            else:
                tree = stack.enter_context(self.indexes.tree(sources[step.source].layers))
                source = TreeSource(tree, step.source.written, tree.inode)
            work = stack.enter_context(scratch(self.store))
            writer = stack.enter_context(self.indexes.writer(self.epoch))
            copy_layer(step, source, base, writer, remote=self.remote, work=work)
            return writer.finish()

    def compose(
        self, step: ComposeStep, on: Built, sources: Mapping[ImageSource, Built], listener: Listener
    ) -> tuple[Left, ...] | None:
        """Add the layers of an installation; None when it has to be run.

        Raises:
            HivebaseError: a wheel cannot be had or is not acceptable.
        """
        if self.composer is None:
            return None
        return self.composer.compose(self.image, step, on, sources, self.context, listener)

    def workdir(self, step: WorkdirStep, on: Built) -> Layer | None:
        """Make a working directory.

        Raises:
            BuildError: a file is in the way.
        """
        with self.indexes.tree(on.layers) as base, self.indexes.writer(self.epoch) as writer:
            workdir_layer(step, base, writer)
            return writer.finish()


def _check_space(step: RunStep, work: Path) -> None:
    """Tell a step that failed because the disk is full from one that failed by itself.

    Raises:
        SystemFaultError: what the step wrote, which is still there, fills the disk.
    """
    disk = os.statvfs(work)
    inodes = disk.f_files and disk.f_favail == 0
    if disk.f_bavail * disk.f_frsize < _SCARCE or inodes:
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise system_fault(error, f"`{_first_line(step)}` failed on a full disk", where=work.parent)


def _first_line(step: RunStep) -> str:
    return step.text.strip().splitlines()[0][:200]


def _failed(step: RunStep, code: int, *, out_of_memory: bool) -> BuildError:
    why, hint = "", "its output is above; 'hivebase run -it' opens a shell in what it stands on"
    if out_of_memory:
        why = "the kernel killed one of its processes for want of memory"
    elif code == 127 and step.argv[1:2] == ("-c",):
        why = "the shell did not find a command, in the image or on its PATH"
    elif code == 127:
        why = f"there is no such command in the image: {shlex.join(step.argv)[:200]}"
    elif code == 126:
        why = "the command cannot be executed (is it executable, and for this architecture?)"
    elif code > 128:
        why = f"it was killed by signal {code - 128}"
    return BuildError(f"`{_first_line(step)}` ended with exit code {code}", why=why, hint=hint)
