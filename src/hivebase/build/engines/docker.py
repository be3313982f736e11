"""Docker with BuildKit, through its command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.build.engines.adopt import adopt
from hivebase.build.engines.commands import Command
from hivebase.build.engines.parents import Parents
from hivebase.build.engines.shown_secrets import shown
from hivebase.build.load.docker import DockerTarget
from hivebase.build.load.transfer import transfer
from hivebase.build.scratch import scratch
from hivebase.errors import SystemFaultError
from hivebase.progress import Event, silent

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping

    from hivebase.build.engines.order import Order
    from hivebase.build.engines.settings import HostSettings
    from hivebase.oci.store import Image, Store
    from hivebase.progress import Listener

_PLUGIN = 23
"""Major version of the client from which BuildKit needs the buildx plugin."""


class Docker:
    """A foreign engine (:class:`~hivebase.build.engines.order.Builder`).

    Args:
        store: where images come from and go to.
        settings: lent to what is handed over.
        environ: of the user: where the client and its daemon are.
        cancel: ends what is running.

    Raises:
        SystemFaultError: there is no client that can build, or no daemon answers.
    """

    name = "docker"

    def __init__(
        self, store: Store, settings: HostSettings, environ: Mapping[str, str], cancel: threading.Event
    ) -> None:
        self._store = store
        self._settings = settings
        env = {**environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", "LC_ALL": "C.UTF-8"}
        self._command = find_client(env, cancel)
        self.version = server_version(self._command)
        self._parents = Parents(_DockerImages(self._command), settings, self._load)

    @property
    def title(self) -> str:
        """Name and version of the daemon."""
        return f"Docker {self.version}"

    def build(self, order: Order, listener: Listener, /) -> Image:
        """See :class:`~hivebase.build.engines.order.Builder`."""
        with scratch(self._store) as work, shown(order.secrets) as secrets:
            self._parents.hand_over(order, work)
            words = ["build", "--network=host", "--tag", order.ref, *order.words(secrets), order.context]
            self._command.run(
                *words,
                told=lambda line: listener(Event(order.name, "log", line)),
                secrets=order.secrets.values.values(),
            )
            saved = work / "saved.tar"
            self._command.run("save", order.ref, stdout=saved)
            self._parents.built(order)
            return adopt(self._store, saved, order, self._settings)

    def close(self) -> None:
        """Let every name in the daemon mean what it meant before."""
        self._parents.put_back()

    def _load(self, image: Image, name: str, _work: Path) -> None:
        transfer(DockerTarget(self._command, self._store), image, [name], silent)


class _DockerImages:
    """The daemon's images; their ids are the digests of their configurations."""

    def __init__(self, command: Command) -> None:
        self._command = command

    def find(self, name: str, /) -> str:
        done = self._command.attempt("image", "inspect", "--format", "{{.Id}}", name)
        if done.returncode == 0:
            return done.stdout.decode().strip()
        why = done.stderr.decode("utf-8", "replace")
        if "o such image" in why:
            return ""
        raise SystemFaultError("Docker's daemon does not answer", why=why.strip()[-300:])

    def by_configuration(self, digest: str, /) -> str:
        return self.find(digest)

    def tag(self, image: str, name: str, /) -> None:
        self._command.output("tag", image, name)

    def untag(self, name: str, /) -> None:
        self._command.output("image", "rm", "--no-prune", name)


def find_client(env: Mapping[str, str], cancel: threading.Event) -> Command:
    """Return the first client on the path that builds with BuildKit.

    Raises:
        SystemFaultError: there is none.
    """
    why = "there is none on the path"
    for program in _programs("docker", env):
        command = Command((str(program),), env, cancel)
        printed = command.attempt("--version").stdout.decode("utf-8", "replace")
        major = next((word for word in printed.replace(",", " ").split() if word[:1].isdigit()), "0")
        if int(major.split(".")[0]) < _PLUGIN or command.attempt("buildx", "version").returncode == 0:
            return command
        why = f"{program} lacks the buildx plugin"
    raise SystemFaultError(
        "no Docker client can build", why=why, hint="apt-get install docker.io, or install the buildx plugin"
    )


def _programs(name: str, env: Mapping[str, str]) -> Iterator[Path]:
    for directory in env.get("PATH", os.defpath).split(os.pathsep):
        path = Path(directory or ".") / name
        if path.is_file() and os.access(path, os.X_OK):
            yield path


def server_version(command: Command) -> str:
    """Return the version of the daemon that a client reaches.

    Raises:
        SystemFaultError: it does not answer.
    """
    done = command.attempt("version", "--format", "{{json .Server}}")
    try:
        document = json.loads(done.stdout)
        return str(document["Version"]).partition("+")[0]
    except (ValueError, KeyError, TypeError):
        why = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise SystemFaultError(
            "Docker's daemon does not answer", why=why, hint="start it, or set DOCKER_HOST"
        ) from None
