"""buildah, through its command line, in the storage that its user has."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from hivebase.build.engines.adopt import adopt
from hivebase.build.engines.commands import Command
from hivebase.build.engines.parents import Parents
from hivebase.build.engines.shown_secrets import shown
from hivebase.build.load.podman import local_name
from hivebase.build.scratch import scratch
from hivebase.digest import Digest
from hivebase.errors import SystemFaultError
from hivebase.oci.archive import export_docker
from hivebase.progress import Event

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from hivebase.build.engines.order import Order
    from hivebase.build.engines.settings import HostSettings
    from hivebase.oci.store import Image, Store
    from hivebase.progress import Listener

# Nothing comes from outside: what is read are files that we wrote and images that were built here.
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'


class Buildah:
    """A foreign engine (:class:`~hivebase.build.engines.order.Builder`).

    Args:
        store: where images come from and go to.
        settings: lent to what is handed over.
        environ: of the user: where the program and its storage are.
        cancel: ends what is running.

    Raises:
        SystemFaultError: there is no buildah, or its storage cannot be used.
    """

    name = "buildah"

    def __init__(
        self, store: Store, settings: HostSettings, environ: Mapping[str, str], cancel: threading.Event
    ) -> None:
        self._store = store
        self._settings = settings
        program = shutil.which("buildah", path=environ.get("PATH"))
        if program is None:
            raise SystemFaultError("buildah is not installed", hint="apt-get install buildah")
        self._command = Command((program,), {**environ, "LC_ALL": "C.UTF-8"}, cancel)
        # "buildah version 1.28.2 (image-spec …)"
        self.version = self._command.output("--version").split()[2]
        self._parents = Parents(_BuildahImages(self._command), settings, self._load, local_name)

    @property
    def title(self) -> str:
        """Name and version."""
        return f"buildah {self.version}"

    def build(self, order: Order, listener: Listener, /) -> Image:
        """See :class:`~hivebase.build.engines.order.Builder`."""
        target = local_name(order.ref)
        with scratch(self._store) as work, shown(order.secrets) as secrets:
            self._parents.hand_over(order, work)
            # The format of Docker, because OCI has no place for HEALTHCHECK, SHELL and ONBUILD.
            words: list[str | Path] = ["bud", "--format", "docker", "--layers", "--force-rm", "--pull-never"]
            words += ["--isolation", "chroot", "--network", "host", *_policy(work), "--tag", target]
            words += [*order.words(secrets), order.context]
            self._command.run(
                *words,
                told=lambda line: listener(Event(order.name, "log", line)),
                secrets=order.secrets.values.values(),
            )
            saved = work / "saved.tar"
            self._command.run("push", "--quiet", *_policy(work), target, f"docker-archive:{saved}")
            self._parents.built(order)
            return adopt(self._store, saved, order, self._settings)

    def close(self) -> None:
        """Let every name in the storage mean what it meant before."""
        self._parents.put_back()

    def _load(self, image: Image, name: str, work: Path) -> None:
        archive = work / "image.tar"
        export_docker(self._store, image, name, archive)
        self._command.run("pull", "--quiet", *_policy(work), f"docker-archive:{archive}")
        archive.unlink()


class _BuildahImages:
    """The images of the storage."""

    def __init__(self, command: Command) -> None:
        self._command = command

    def find(self, name: str, /) -> str:
        done = self._command.attempt("inspect", "--type", "image", name)
        if done.returncode != 0:
            return ""
        return str(json.loads(done.stdout).get("FromImageID", ""))

    def by_configuration(self, digest: str, /) -> str:
        return self.find(Digest.parse(digest).hex)

    def tag(self, image: str, name: str, /) -> None:
        self._command.output("tag", image, name)

    def untag(self, name: str, /) -> None:
        self._command.output("rmi", name)


def _policy(work: Path) -> list[str | Path]:
    """Return the option that lets images in: a host without containers' own configuration has no policy at all."""
    file = work / "policy.json"
    file.write_text(_POLICY)
    return ["--signature-policy", file]
