"""Any BuildKit that buildx reaches, through one ``docker buildx bake`` for all images of a build.

Parents are linked by targets and stay where they are built; what comes back are the finished images.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec

from hivebase.build.bake.bases import layout_context
from hivebase.build.bake.document import bake_document
from hivebase.build.bake.names import target_names
from hivebase.build.engines.adopt import adopt
from hivebase.build.engines.docker import find_client, server_version
from hivebase.build.engines.features import parse_version
from hivebase.build.engines.shown_secrets import shown
from hivebase.build.scratch import scratch
from hivebase.errors import BuildError, SystemFaultError
from hivebase.progress import Event
from hivebase.reference import Reference

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hivebase.build.engines.order import Order
    from hivebase.build.engines.settings import HostSettings
    from hivebase.build.workspace import Workspace
    from hivebase.oci.store import Image, Store
    from hivebase.plan.planner import PlanInputs
    from hivebase.progress import Listener

_RELEASES = (
    ((0, 24), "29"),
    ((0, 20), "28"),
    ((0, 13), "26"),
    ((0, 12), "25"),
    ((0, 11), "24"),
    ((0, 10), "23"),
)
"""First version of BuildKit, and the release of Docker that knows as much of Dockerfiles."""


def docker_that_knows_as_much(buildkit: str) -> str:
    """Return the release of Docker that has the front end of a version of BuildKit; the newest for an unknown one."""
    have = parse_version(buildkit)
    if not any(have):
        return "9999"
    return next((docker for first, docker in _RELEASES if have >= first), "0")


class Buildx:
    """A foreign engine (:class:`~hivebase.build.engines.order.Builder`) that builds all it is ordered at once.

    Args:
        store: where images come from and go to.
        settings: lent to what is handed over.
        environ: of the user: where the client and its builders are.
        cancel: ends what is running.
        workspace: the hive.
        inputs: of the plan.
        builder: name of a buildx builder; empty for the one in use.

    Raises:
        SystemFaultError: there is no client with buildx, or no such builder.
    """

    name = "docker"  # whose Dockerfiles it reads

    def __init__(  # noqa: PLR0913, PLR0917 -- what reaches outside is passed in
        self,
        store: Store,
        settings: HostSettings,
        environ: Mapping[str, str],
        cancel: threading.Event,
        workspace: Workspace,
        inputs: PlanInputs,
        builder: str,
    ) -> None:
        self._store = store
        self._settings = settings
        self._workspace = workspace
        self._inputs = inputs
        self._builder = ["--builder", builder] if builder else []
        self._command = find_client({**environ, "BUILDKIT_PROGRESS": "plain", "LC_ALL": "C.UTF-8"}, cancel)
        told = self._command.attempt("buildx", "inspect", "--bootstrap", *([builder] if builder else []))
        text = told.stdout.decode("utf-8", "replace")
        if told.returncode != 0:
            why = told.stderr.decode("utf-8", "replace").strip()[-300:]
            raise SystemFaultError(
                f"the buildx builder {builder or 'in use'} does not answer", why=why, hint="docker buildx ls"
            )
        driver = re.search(r"(?m)^Driver:\s*(\S+)", text)
        buildkit = re.search(r"(?im)^Buildkit(?: version)?:\s*v?(\S+)", text)
        self._driver = driver[1] if driver else ""
        self._buildkit = buildkit[1] if buildkit else ""
        # Docker's own BuildKit knows its version only where it was not built by a distribution.
        docker = server_version(self._command) if self._driver == "docker" else ""
        self.version = docker or docker_that_knows_as_much(self._buildkit)
        self._stack = ExitStack()
        self._saved: dict[str, Path] = {}

    @property
    def title(self) -> str:
        """What builds, and where."""
        if self._driver == "docker":
            return f"Docker {self.version} through buildx"
        return f"BuildKit {self._buildkit or 'of unknown version'} ({self._driver})"

    def begin(self, orders: Sequence[Order], listener: Listener) -> None:
        """Build everything that will be asked for.

        Raises:
            BuildError: an image could not be built.
            InterruptedByUserError: the build was stopped.
        """
        if not orders:
            return
        work = self._stack.enter_context(scratch(self._store))
        names = [order.name for order in orders]
        given = orders[0].secrets  # of the build, and so the same for all
        files = self._stack.enter_context(shown(given))
        mounts = {
            "secret": [f"id={name},src={file}" for name, file in files.items()],
            "ssh": [f"{name}={socket}" for name, socket in given.agents.items()],
        }
        contexts: dict[str, str] = {}
        extra: dict[str, dict[str, Any]] = {}
        for number, order in enumerate(orders):
            for read in order.reads:
                image = self._settings.put_on(read.image) if read.base else read.image
                reference = Reference.parse(read.written)
                contexts[read.written] = layout_context(self._store, reference, image.descriptor.digest)
            self._saved[order.name] = work / f"{number}.tar"
            extra[order.name] = {"output": [f"type=docker,dest={self._saved[order.name]}"]}
            if not order.use_cache:
                extra[order.name]["no-cache"] = True
            extra[order.name] |= {key: value for key, value in mounts.items() if value}
        inputs = msgspec.structs.replace(self._inputs, names=names)
        document = bake_document(self._workspace.hive, inputs, contexts, extra)
        file = work / "docker-bake.json"
        file.write_text(json.dumps(document))
        targets = target_names(names)
        words: list[str | Path] = ["buildx", "bake", *self._builder, *self._network(document, work)]
        words += ["--file", file, *targets.values()]
        self._command.run(
            *words,
            told=lambda line: listener(Event("bake", "log", line)),
            secrets=given.values.values(),
            cwd=self._workspace.root,
        )

    def build(self, order: Order, listener: Listener, /) -> Image:
        """See :class:`~hivebase.build.engines.order.Builder`; the image was built by :meth:`begin`."""
        del listener
        saved = self._saved.get(order.name)
        if saved is None or not saved.exists():
            raise BuildError(f"bake left no image of {order.name}", where=order.name)
        return adopt(self._store, saved, order, self._settings)

    def close(self) -> None:
        """Remove what was fetched."""
        self._stack.close()

    def _network(self, document: Mapping[str, Any], work: Path) -> list[str | Path]:
        """Return what gives steps the host's network, as the other engines do, where the builder is on this host.

        Buildx 0.13 reads it from a compose file only.
        """
        if self._driver != "docker":
            return []
        services = {
            name: {
                "build": {
                    "context": target["context"],
                    "dockerfile": target["dockerfile"],
                    "network": "host",
                }
            }
            for name, target in document["target"].items()
        }
        file = work / "network.yaml"
        file.write_text(json.dumps({"services": services}))
        return ["--file", file]
