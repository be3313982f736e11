"""A ``docker`` on the path that is the client of a daemon in a root of its own (``tests.docker_host``)."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def path_with_docker(directory: Path, client: Sequence[str], env: Mapping[str, str]) -> str:
    """Write the program; return the ``PATH`` on which it is the first.

    Args:
        directory: for the program.
        client: the words of ``current_dockerd``; the last one is the client inside of the root.
        env: the variables of it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    assignments = shlex.join(f"{name}={value}" for name, value in env.items())
    outside, docker = shlex.join(client[:-1]), shlex.quote(client[-1])
    script = directory / "docker"
    script.write_text(
        "#!/bin/sh\n"
        # chroot starts at the root, and paths are relative to where the caller stands.
        f"exec env {assignments} DOCKER_BUILDKIT=1 BUILDKIT_PROGRESS=plain {outside} "
        f"""sh -c 'cd "$0" 2>/dev/null; exec {docker} "$@"' "$PWD" "$@"\n"""
    )
    script.chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"
