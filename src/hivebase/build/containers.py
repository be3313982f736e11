"""Throw-away containers of finished images: for contract tests and ``hivebase run``."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Literal

from hivebase.build.scratch import scratch
from hivebase.build.stage import Built, tree_of
from hivebase.layers.accounts import user_ids
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.sandbox.host import HostConfiguration
from hivebase.layers.sandbox.run import SandboxRequest, run
from hivebase.layers.sandbox.spec import Process
from hivebase.layers.tree import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hivebase.layers.snapshots import Snapshots
    from hivebase.oci.store import Image, Store


@dataclass(frozen=True, slots=True)
class Containers:
    """Starts containers of one image. What they write is thrown away.

    Attributes:
        network: ``none`` is the default: a contract must hold without one.
        host: what the container may see of the host; nothing by default.
    """

    store: Store
    snapshots: Snapshots
    image: Image
    network: Literal["default", "none", "host"] = "none"
    host: HostConfiguration = field(default_factory=HostConfiguration)

    def run(
        self,
        argv: Sequence[str],
        env: Sequence[tuple[str, str]],
        user: str,
        on_output: Callable[[bytes], object],
        on_error: Callable[[bytes], object],
        *,
        stdin: BinaryIO | None = None,
    ) -> int:
        """Run ``argv`` in a new container; return its exit code.

        Args:
            argv: complete; the image's entry point is not used.
            env: the whole environment.
            user: ``user[:group]``, empty for root.
            on_output: takes what it writes to stdout.
            on_error: takes what it writes to stderr.
            stdin: what it reads, nothing by default.

        Raises:
            HivebaseError: the container could not be run.
        """
        with self._request(argv, env, user) as request:
            return run(request, on_output, threading.Event(), on_error=on_error, stdin=stdin).exit_code

    def shell(self) -> str:
        """Return the shell for a person: bash where the image has it."""
        with Indexes(self.store).tree(Built.of_image(self.image).layers) as tree:
            return "/bin/bash" if tree.lstat(resolve(tree, "bin/bash")) else "/bin/sh"

    def attach(self, argv: Sequence[str], env: Sequence[tuple[str, str]], user: str) -> int:
        """Run ``argv`` on this process' own terminal; return its exit code.

        Raises:
            HivebaseError: the container could not be run.
        """
        with self._request(argv, env, user, terminal=True) as request:
            return run(request, lambda _chunk: None, threading.Event()).exit_code

    @contextlib.contextmanager
    def _request(
        self, argv: Sequence[str], env: Sequence[tuple[str, str]], user: str, *, terminal: bool = False
    ) -> Iterator[SandboxRequest]:
        tree, lowers = tree_of(Built.of_image(self.image), self.snapshots)
        ids = user_ids(tree, user)
        workdir = self.image.config.config.working_dir or "/"
        with scratch(self.store) as work:
            yield SandboxRequest(
                lowers=lowers,
                upper=work / "upper",
                work=work / "sandbox",
                process=Process(argv, env, workdir, ids.uid, ids.gid, ids.groups, terminal=terminal),
                hostname="hivebase",
                network=self.network,
                host=self.host,
            )


def command_of(image: Image, words: Sequence[str]) -> tuple[str, ...]:
    """Return what a runtime would start: the entry point followed by ``words``, or by the image's command."""
    config = image.config.config
    return (*(config.entrypoint or ()), *(words or config.cmd or ()))
