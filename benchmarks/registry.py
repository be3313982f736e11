"""A real docker-registry on the loopback, and how many bytes are in it."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.commands import daemon, free_port, listens, need

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)


@dataclass(frozen=True)
class Registry:
    """A running registry.

    Attributes:
        host: ``localhost:port``.
        directory: its storage.
    """

    host: str
    directory: Path

    def stored(self) -> int:
        """Return the bytes of all blobs: layers, configurations and manifests."""
        blobs = self.directory / "docker/registry/v2/blobs"
        return sum(path.stat().st_size for path in blobs.rglob("data"))

    def reachable(self, references: Iterable[str]) -> int:
        """Return the bytes of all that the images ``repository:tag`` consist of, each blob once."""
        sizes: dict[str, int] = {}
        for reference in references:
            repository, _, tag = reference.rpartition(":")
            self._collect(repository, tag, sizes)
        return sum(sizes.values())

    def _collect(self, repository: str, tag: str, sizes: dict[str, int]) -> None:
        request = urllib.request.Request(
            f"http://{self.host}/v2/{repository}/manifests/{tag}", headers={"Accept": _ACCEPT}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            body = answer.read()
            sizes[answer.headers["Docker-Content-Digest"]] = len(body)
        manifest: dict[str, Any] = json.loads(body)
        for child in manifest.get("manifests", []):
            self._collect(repository, child["digest"], sizes)
        for blob in [*manifest.get("layers", []), *([manifest["config"]] if "config" in manifest else [])]:
            sizes[blob["digest"]] = blob["size"]


@contextlib.contextmanager
def registry(directory: Path) -> Iterator[Registry]:
    """Run an empty docker-registry with its storage in ``directory``.

    Raises:
        BenchError: it did not start.
    """
    program = need("docker-registry", "docker-registry")
    directory.mkdir()
    port = free_port()
    configuration = directory / "config.yml"
    configuration.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {directory}}}}}\n"
        f"http:\n  addr: 127.0.0.1:{port}\n"
    )
    with daemon([program, "serve", str(configuration)], directory / "log", lambda _process: listens(port)):
        yield Registry(f"localhost:{port}", directory)
