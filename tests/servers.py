"""Real servers from Debian's packages, on free loopback ports, for the length of a ``with``.

They need ``docker-registry``, ``apache2-utils`` (htpasswd), ``openssl``, ``skopeo`` and, for `dockerd`,
``docker.io``. Every start is bounded in time, and only processes started here are ended, by their id::

    authority = Authority(tmp_path)
    with docker_registry(tmp_path, tls=authority.issue("localhost"), user=("me", "secret")) as host: ...
    with dockerd(tmp_path) as socket: ...       # needs root
    with containerd(tmp_path) as socket: ...    # needs root
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START_SECONDS = 20.0
PACKAGES = {
    "docker-registry": "docker-registry",
    "htpasswd": "apache2-utils",
    "openssl": "openssl",
    "skopeo": "skopeo",
    "dockerd": "docker.io",
    "containerd": "containerd",
    "podman": "podman",
    "umoci": "umoci",
    "buildah": "buildah",
}


def need(*programs: str) -> None:
    """Skip the test, naming the Debian package, where a program is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install {PACKAGES[program]}")


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Certificate:
    """Two PEM files."""

    certificate: Path
    key: Path

    @property
    def pair(self) -> tuple[Path, Path]:
        return self.certificate, self.key


class Authority:
    """A CA for one test; ``ca`` is its PEM file."""

    def __init__(self, directory: Path) -> None:
        need("openssl")
        self.directory = directory / "authority"
        self.directory.mkdir()
        self.ca = self.directory / "ca.pem"
        self._key = self.directory / "ca.key"
        extensions = [
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign",
        ]
        self._run(
            *["req", "-x509", *_EC, "-keyout", self._key, "-out", self.ca, "-subj", "/CN=CA of a test"],
            *["-days", "2", *extensions],
        )

    def issue(self, *names: str, days: int = 2) -> Certificate:
        """Return a certificate for host names and addresses; with negative ``days`` it has expired."""
        stem = self.directory / f"{names[0]}.{days}"
        key, request, made = (stem.with_name(f"{stem.name}.{end}") for end in ("key", "csr", "pem"))
        alternatives = ",".join(f"IP:{n}" if n[0].isdigit() else f"DNS:{n}" for n in names)
        self._run(
            *["req", *_EC, "-keyout", key, "-out", request, "-subj", f"/CN={names[0]}"],
            *["-addext", f"subjectAltName={alternatives}"],
        )
        self._run(
            *["x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial"],
            *["-days", days, "-copy_extensions", "copy", "-out", made],
        )
        return Certificate(made, key)

    def _run(self, *arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)


_EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@contextmanager
def docker_registry(
    directory: Path, *, tls: Certificate | None = None, user: tuple[str, str] | None = None, port: int = 0
) -> Iterator[str]:
    """Run docker-registry; yield its ``localhost:port``.

    With ``user`` it asks for that name and password. With the ``port`` of one that ran before it has what that one had,
    and another secret for uploads.
    """
    need("docker-registry")
    port = port or free_port()
    home = directory / f"registry-{port}"
    home.mkdir(exist_ok=True)
    text = f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {home}}}}}\n"
    text += f"http:\n  addr: 127.0.0.1:{port}\n"
    if tls is not None:
        text += f"  tls: {{certificate: {tls.certificate}, key: {tls.key}}}\n"
    if user is not None:
        need("htpasswd")
        made = subprocess.run(
            ["htpasswd", "-Bbn", *user], check=True, capture_output=True, text=True, timeout=30
        )
        (home / "htpasswd").write_text(made.stdout)
        text += f"auth: {{htpasswd: {{realm: test, path: {home / 'htpasswd'}}}}}\n"
    configuration = home / "config.yml"
    configuration.write_text(text)
    with _running(["docker-registry", "serve", str(configuration)], home / "log", lambda: _listens(port)):
        yield f"localhost:{port}"


@contextmanager
def dockerd(directory: Path) -> Iterator[str]:
    """Run a Docker daemon of its own, without network; yield its ``unix://`` address for ``DOCKER_HOST``."""
    need("dockerd")
    if os.geteuid() != 0:
        pytest.skip("needs root: dockerd mounts file systems")
    data = directory / "dockerd"
    data.mkdir()
    # A socket's path has 107 bytes, and containerd puts its own four directories deep.
    with tempfile.TemporaryDirectory(prefix="dockerd-", ignore_cleanup_errors=True) as home:
        address = f"unix://{home}/docker.sock"
        command = [
            *["dockerd", "--host", address, "--data-root", f"{data}/data", "--exec-root", f"{home}/exec"],
            *["--pidfile", f"{home}/pid", "--bridge", "none", "--iptables=false", "--ip6tables=false"],
        ]
        try:
            with _running(command, data / "log", lambda: _docker_answers(address)):
                yield address
        finally:
            # What a daemon mounted may outlive it, and would keep the directories from being removed.
            lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
            mounts = [line.split()[4] for line in lines if f" {home}/" in line or f" {data}/" in line]
            for mount in reversed(mounts):
                subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True, timeout=10)


@contextmanager
def containerd(directory: Path) -> Iterator[str]:
    """Run a containerd of its own; yield its socket, for ``CONTAINERD_ADDRESS``."""
    need("containerd")
    if os.geteuid() != 0:
        pytest.skip("needs root: containerd mounts file systems")
    data = directory / "containerd"
    data.mkdir()
    with tempfile.TemporaryDirectory(prefix="containerd-", ignore_cleanup_errors=True) as home:
        # Neither Kubernetes nor /opt take part.
        disabled = '["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]'
        configuration = Path(home) / "config.toml"
        configuration.write_text(
            f'version = 2\nroot = "{data}/root"\nstate = "{home}/state"\ndisabled_plugins = {disabled}\n'
            f'[grpc]\naddress = "{home}/sock"\n'
        )
        command = ["containerd", "--config", str(configuration)]
        with _running(command, data / "log", lambda: _containerd_answers(f"{home}/sock")):
            yield f"{home}/sock"


@contextmanager
def _running(command: list[str], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _docker_answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(address.removeprefix("unix://"))
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b"200 OK" in probe.recv(4096)
        except OSError:
            return False


def _containerd_answers(address: str) -> bool:
    if not Path(address).exists():
        return False
    asked = ["ctr", "--address", address, "version"]
    return subprocess.run(asked, capture_output=True, check=False, timeout=30).returncode == 0
