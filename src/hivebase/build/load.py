"""Hands an image to a container runtime on this machine through its ``load`` command."""

from __future__ import annotations

import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from hivebase.errors import BuildError, SystemFaultError
from hivebase.oci.archive import write_docker

if TYPE_CHECKING:
    from hivebase.oci.store import Image, Store

Runtime = Literal["docker", "podman"]


def load(store: Store, image: Image, refs: list[str], runtime: Runtime) -> str:
    """Stream ``image`` as a docker-archive, named ``refs``, into ``runtime``; return what it printed.

    Raises:
        SystemFaultError: the runtime's command is missing or cannot reach its daemon.
        BuildError: it refused the image.
    """
    program = shutil.which(runtime)
    if program is None:
        raise SystemFaultError(
            f"{runtime} is not installed",
            hint=f"apt-get install {'docker.io' if runtime == 'docker' else runtime}",
        )
    with subprocess.Popen(
        [program, "load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdin is not None  # noqa: S101 -- PIPE was asked for
        assert process.stdout is not None  # noqa: S101
        printed: list[bytes] = []
        reader = threading.Thread(target=lambda out: printed.append(out.read()), args=(process.stdout,))
        reader.start()
        try:
            write_docker(store, image, refs, cast("BinaryIO", process.stdin))
            process.stdin.close()
        except BrokenPipeError:
            # The runtime stopped reading: it has said why on its own output.
            process.stdin = None
        reader.join()
    text = b"".join(printed).decode(errors="replace").strip()
    if process.returncode != 0:
        if "daemon" in text and ("connect" in text or "running" in text):
            raise SystemFaultError(
                f"{runtime} does not answer", why=text, hint="start it, then 'hivebase load' again"
            )
        raise BuildError(f"{runtime} did not load {refs[0]}", why=text)
    return text
