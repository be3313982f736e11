"""A current Docker on an older system: Debian 13's packages in a directory, its daemon in namespaces of its own.

Everything that the daemon mounts or starts is gone when it ends, however it ends: its mounts are in a mount
namespace, its processes in a process namespace.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands import BenchError, Runner, daemon, need

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

SUITE = "trixie"
_PACKAGES = ("docker.io", "docker-buildx", "docker-cli", "iptables", "ca-certificates")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def chroot(cache: Path, log: Path) -> Path:
    """Return the directory with Docker, made by mmdebstrap if it is not there yet.

    Raises:
        BenchError: it could not be made.
    """
    target = cache / SUITE
    if not (target / "usr" / "bin" / "docker").exists():
        partial = cache / f"{SUITE}.part"
        shutil.rmtree(partial, ignore_errors=True)
        cache.mkdir(parents=True, exist_ok=True)
        options = [
            "--variant=minbase",
            f"--include={','.join(_PACKAGES)}",
            "--aptopt=Acquire::Languages none",
        ]
        options += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Check-Date "false"']
        # It keeps the mirror that apt would use here, and leaves a name for it in the log only.
        Runner(log, os.environ).run(need("mmdebstrap", "mmdebstrap"), *options, SUITE, partial)
        partial.rename(target)
    return target


@contextlib.contextmanager
def dockerd(root: Path, shared: Path, data: Path, log: Path) -> Iterator[Runner]:
    """Run Docker's daemon; yield what runs its client.

    Args:
        root: of :func:`chroot`.
        shared: a directory that daemon and client see at the same path as everybody else.
        data: a directory in it for the daemon's own data.
        log: for both.

    Raises:
        BenchError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home:
        address = f"unix://{home}/docker.sock"
        options = [f"--host={address}", f"--data-root={data}/docker", "--exec-root=/run/docker"]
        options += ["--pidfile=/run/docker.pid", "--bridge=none", "--iptables=false", "--ip6tables=false"]
        script = daemon_script(root, [shared, Path(home)], ["dockerd", *options])
        command = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child=KILL"]

        def client(pid: int) -> Runner:
            words = ["nsenter", f"--mount=/proc/{pid}/ns/mnt", "chroot", str(root), "docker"]
            env = {"PATH": _PATH, "HOME": str(data), "DOCKER_HOST": address, "LC_ALL": "C.UTF-8"}
            return Runner(log, env, tuple(words))

        def ready(process: subprocess.Popen[bytes]) -> bool:
            pid = only_child(process.pid)
            try:
                return pid is not None and bool(
                    client(pid).output("version", "--format", "{{.Server.Version}}")
                )
            except BenchError:
                return False

        def stop(process: subprocess.Popen[bytes]) -> None:
            pid = only_child(process.pid)
            if pid is not None:
                os.kill(pid, signal.SIGTERM)

        (data / "docker").mkdir(exist_ok=True)
        with daemon([*command, "bash", "-euc", script], log, ready, stop) as process:
            pid = only_child(process.pid)
            if pid is None:
                raise BenchError(f"dockerd ended: {log.read_text(errors='replace')[-2000:]}")
            yield client(pid)


def daemon_script(root: Path, shared: list[Path], command: list[str]) -> str:
    """Return what sets up the mounts and becomes the daemon."""
    at = shlex.quote(str(root))
    lines = [
        f"mount --rbind {at} {at}",
        f"mount -t proc proc {at}/proc",
        f"mount --rbind /sys {at}/sys",
        f"mount --rbind /dev {at}/dev",
        f"mount -t tmpfs tmpfs {at}/run",
        f"mount -t tmpfs tmpfs {at}/tmp",
        f"mount -t tmpfs tmpfs {at}/var/tmp",
        f"cat /etc/resolv.conf > {at}/etc/resolv.conf || true",
    ]
    for path in shared:
        source, target = shlex.quote(str(path)), shlex.quote(f"{root}{path}")
        lines += [f"mkdir -p {target}", f"mount --rbind {source} {target}"]
    lines.append(f"exec chroot {at} {shlex.join(command)}")
    return "\n".join(lines)


def only_child(pid: int) -> int | None:
    """Return the only child of a process: unshare's is the first one of the new namespace."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(found[0]) if found else None
