"""Hands images to container runtimes through their own commands, without what they have already."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING, Literal, get_args

from hivebase.errors import SystemFaultError
from hivebase.progress import silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.build.load.transfer import Loaded, Target
    from hivebase.oci.store import Image, Store
    from hivebase.progress import Listener

Runtime = Literal["docker", "podman", "containerd"]

RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
"""For people to choose from."""

_PROGRAMS = {
    "docker": ("docker", "docker.io"),
    "podman": ("podman", "podman"),
    "containerd": ("ctr", "containerd"),
}


def load(
    store: Store,
    image: Image,
    refs: Sequence[str],
    runtime: Runtime,
    *,
    namespace: str = "",
    listener: Listener = silent,
) -> Loaded:
    """Let a runtime of this machine, or the one that its variables name, have ``image`` under ``refs``.

    Args:
        store: holds the image.
        image: what is loaded.
        refs: names for it, at least one, without digests.
        runtime: which.
        namespace: of containerd; empty for the one that ``ctr`` takes.
        listener: told of the layers, and of a second attempt.

    Raises:
        SystemFaultError: the runtime's command is missing or cannot reach it.
        BuildError: it refused the image.
        CorruptContentError: a blob of the image is damaged.
    """
    from hivebase.build.load.transfer import transfer  # noqa: PLC0415 -- a verb's help needs the names alone

    return transfer(_target(store, runtime, namespace), image, refs, listener)


def _target(store: Store, runtime: Runtime, namespace: str) -> Target:
    from hivebase.build.engines.commands import Command  # noqa: PLC0415 -- as above
    from hivebase.build.load.containerd import ContainerdTarget  # noqa: PLC0415
    from hivebase.build.load.docker import DockerTarget  # noqa: PLC0415
    from hivebase.build.load.podman import PodmanTarget  # noqa: PLC0415

    name, package = _PROGRAMS[runtime]
    program = shutil.which(name)
    if program is None:
        raise SystemFaultError(f"{name} is not installed", hint=f"apt-get install {package}")
    words = (program, "--namespace", namespace) if namespace else (program,)
    command = Command(words, {**os.environ, "LC_ALL": "C.UTF-8"}, threading.Event())
    if runtime == "containerd":
        return ContainerdTarget(command, store)
    return (DockerTarget if runtime == "docker" else PodmanTarget)(command, store)
