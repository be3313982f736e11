"""The base images of this repository, built by hivebase and by other engines, and compared: a program.

::

    python -m tests.equivalence.hive_images docker-26.1 docker-20.10 buildah    # three engines, composed
    python -m tests.equivalence.hive_images --no-compose docker-26.1            # our installations run as well

Then each engine builds them into a store of its own, where the contract tests run. It ends with 1 where an image
differs in what is not allowed to differ, or breaks its contract.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.docker_host import current_dockerd
from tests.docker_wrapper import path_with_docker
from tests.servers import dockerd

ROOT = Path(__file__).resolve().parent.parent.parent
ENGINES = ("docker-26.1", "docker-20.10", "buildah", "buildx-26.1")


def main() -> int:
    """Compare with the engines on the command line."""
    parser = argparse.ArgumentParser(prog="tests.equivalence.hive_images")
    parser.add_argument("engines", nargs="*", choices=[*ENGINES, []], default=list(ENGINES))
    parser.add_argument("--no-compose", action="store_true", help="run all installations on our side as well")
    parser.add_argument("--work", type=Path, help="a directory with much space; a temporary one if not given")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(
        prefix="equivalence-", dir=words.work, ignore_cleanup_errors=True
    ) as home:
        work = Path(home)
        # A clone, because the daemon in its own root sees this directory alone.
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(work / "hive")], check=True)
        return max([_compare(work, engine, no_compose=words.no_compose) for engine in words.engines])


def _compare(work: Path, engine: str, *, no_compose: bool) -> int:
    (work / engine).mkdir()
    with ExitStack() as stack:
        env = {**os.environ, "HIVEBASE_STORE": str(work / "store")}
        if engine.endswith("26.1"):
            if engine.startswith("buildx"):
                # The image store that takes images from a directory.
                os.environ["TEST_INTEGRATION_USE_SNAPSHOTTER"] = "1"
                stack.callback(os.environ.pop, "TEST_INTEGRATION_USE_SNAPSHOTTER")
            # The next daemon makes the directory anew.
            stack.callback(shutil.rmtree, work / "dockerd", ignore_errors=True)
            client, client_env = stack.enter_context(current_dockerd(work))
            env["PATH"] = path_with_docker(work / engine, client, client_env)
        elif engine == "docker-20.10":
            address = stack.enter_context(dockerd(work / engine))
            env |= {"DOCKER_HOST": address, "PATH": f"/usr/bin:{env['PATH']}"}
        else:
            storage = work / engine / "storage.conf"
            storage.write_text(
                f'[storage]\ndriver = "overlay"\nrunroot = "{work}/{engine}/run"\ngraphroot = "{work}/{engine}/graph"\n'
                '[storage.options.overlay]\nskip_mount_home = "true"\n'
            )
            env["CONTAINERS_STORAGE_CONF"] = str(storage)
        name, hive = engine.partition("-")[0], [sys.executable, "-m", "hivebase", "-C", str(work / "hive")]
        _say(f"==> {engine}{', nothing composed' if no_compose else ''}")
        since = time.monotonic()
        words = ["verify", "--group", "base-images", "--against", name]
        verified = subprocess.run(
            [*hive, *words, *(["--no-compose"] if no_compose else [])], env=env, check=False
        ).returncode
        _say(f"==> {engine}: verify ended with {verified} after {time.monotonic() - since:.0f} s")
        tested = _contracts(work, engine, hive, env) if not verified and not no_compose else 0
        return max(verified, tested)


def _contracts(work: Path, engine: str, hive: list[str], env: dict[str, str]) -> int:
    """Build with the engine into a store of its own, and run the contract tests there."""
    base, archive = "python:3.11-slim", work / engine / "base.tar"
    subprocess.run([*hive, "export", base, str(archive)], env=env, check=True)
    env = {**env, "HIVEBASE_STORE": str(work / engine / "store")}
    subprocess.run([*hive, "import", str(archive), base], env=env, check=True)
    built = [*hive, "build", "--group", "base-images", "--engine", engine.partition("-")[0]]
    code = subprocess.run(built, env=env, check=False).returncode
    code = code or subprocess.run([*hive, "test", "--group", "base-images"], env=env, check=False).returncode
    _say(f"==> {engine}: contract tests ended with {code}")
    return code


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
