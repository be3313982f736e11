"""A current Docker for tests: Debian 13's packages in a directory, its daemon in namespaces of its own.

What the daemon mounts and starts lives in a mount and a process namespace, so that it is gone with the daemon,
however that ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.dockerhost import daemon_script, only_child

if TYPE_CHECKING:
    from collections.abc import Iterator

SUITE = "trixie"
VERSION = "26.1"
_PACKAGES = ("docker.io", "docker-buildx", "docker-cli", "iptables", "ca-certificates", "xz-utils")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_START_SECONDS = 30.0


def system_tree() -> Path:
    """Return the directory with Debian 13 and Docker; mmdebstrap makes it if there is none.

    The benchmarks keep one as well, which is as good if it has what Docker unpacks xz with.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hivebase"
    for tree in (cache / SUITE, cache / "bench" / SUITE):
        if (tree / "usr/bin/docker").exists() and (tree / "usr/bin/xz").exists():
            return tree
    program = shutil.which("mmdebstrap")
    if program is None:
        pytest.skip("needs mmdebstrap: apt-get install mmdebstrap")
    partial = cache / f"{SUITE}.part"
    shutil.rmtree(partial, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    options = ["--variant=minbase", f"--include={','.join(_PACKAGES)}", "--aptopt=Acquire::Languages none"]
    # Machines that were restored from a snapshot have yesterday's date.
    options += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Check-Date "false"']
    done = subprocess.run([program, *options, SUITE, partial], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"mmdebstrap: {done.stderr[-2000:]}")
    partial.rename(cache / SUITE)
    return cache / SUITE


@contextmanager
def current_dockerd(shared: Path) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Run the daemon; yield the words that begin a command of its client, and that command's environment.

    ``shared`` is a directory that daemon and client see at the same path as everybody else; the daemon's data are
    in it.
    """
    root = system_tree()
    data, log = shared / "dockerd", shared / "dockerd.log"
    data.mkdir()
    # A socket's path has 107 bytes, and a test's directory may be deep.
    with tempfile.TemporaryDirectory(prefix="dockerd-", ignore_cleanup_errors=True) as home:
        address = f"unix://{home}/docker.sock"
        options = [f"--host={address}", f"--data-root={data}", "--exec-root=/run/docker"]
        options += ["--pidfile=/run/docker.pid", "--bridge=none", "--iptables=false", "--ip6tables=false"]
        script = daemon_script(root, [shared, Path(home)], ["dockerd", *options])
        command = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child=KILL"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "bash", "-euc", script], stdout=output, stderr=output, start_new_session=True
            )
        env = {"PATH": _PATH, "HOME": str(data), "DOCKER_HOST": address, "LC_ALL": "C.UTF-8"}
        try:
            yield _client(process, root, env, log), env
        finally:
            _stop(process)


def _client(process: subprocess.Popen[bytes], root: Path, env: dict[str, str], log: Path) -> list[str]:
    """Wait until the daemon answers; return how its client is started."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        pid = only_child(process.pid)
        words = ["nsenter", f"--mount=/proc/{pid}/ns/mnt", "chroot", str(root), "docker"]
        if pid is not None:
            asked = subprocess.run([*words, "version"], env=env, capture_output=True, check=False, timeout=20)
            if asked.returncode == 0:
                return words
        time.sleep(0.1)
    pytest.fail(f"Docker {VERSION} did not start: {log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    pid = only_child(process.pid)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)
