"""Docker: one build after the other, and ``docker buildx bake``, which builds all of them in one command."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from benchmarks.commands import BenchError, Runner
from benchmarks.dockerhost import chroot, dockerd
from benchmarks.hive import BASE, BASES, PARENTS, ROOT, SERVICES, reference
from benchmarks.sides.ours import Ours
from benchmarks.sides.peer_base import peer_base
from benchmarks.sides.side import PIP_LIST, Bench, Side
from benchmarks.variants import bake_file, host_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from benchmarks.registry import Registry
    from benchmarks.variants import Wheel

_CACHED_TYPES = ("regular", "source.local", "frontend", "internal")
_PACKAGES = "exec.cachemount"


class DockerSeed(Side):
    """The Dockerfiles as in the seed."""

    name = "docker-seed"
    dockerfiles = ROOT / "benchmarks" / "seed"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._client: Runner | None = None

    @property
    def docker(self) -> Runner:
        """The client.

        Raises:
            BenchError: the daemon does not run.
        """
        if self._client is None:
            raise BenchError("Docker's daemon does not run")
        return self._client

    @contextlib.contextmanager
    def running(self) -> Iterator[object]:
        root = chroot(self.bench.cache, self.log)
        with contextlib.ExitStack() as stack:
            # The client must see the archive and uv, too, so the daemon gets the whole directory of the run.
            self._client = stack.enter_context(dockerd(root, self.bench.work, self.work, self.log))
            self._load_base()
            yield self
            self._client = None

    def _load_base(self) -> None:
        original = "bench/original:1"
        self.docker.run("load", "--input", self.bench.base)
        self.docker.run("tag", BASE, original)
        context = peer_base(self.work, self.bench.mirror, original)
        self.docker.run("build", "--tag", BASE, context)

    def version(self) -> str:
        server = self.docker.output("version", "--format", "{{.Server.Version}}")
        buildx = self.docker.output("buildx", "version").split()[1]
        return f"Docker {_upstream(server)}, buildx {_upstream(buildx)}"

    def reset(self) -> None:
        mine = [reference(image) for image in (*BASES, *SERVICES)]
        found = self.docker.output("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
        if gone := [
            name for name in found if name in mine or "-flat:" in name or name.startswith("localhost:")
        ]:
            self.docker.run("image", "rm", "--force", *gone)
        self.docker.run("image", "prune", "--force")
        for kind in (*_CACHED_TYPES, *([] if self.bench.warm else [_PACKAGES])):
            self.docker.run("builder", "prune", "--all", "--force", "--filter", f"type={kind}")

    def arguments(self) -> dict[str, str]:
        """Return the build args: only predefined ones, which no Dockerfile needs to declare."""
        return self.bench.proxy_settings()

    def build_one(self, image: str, dockerfile: Path, context: Path) -> None:
        """Build one image."""
        words = ["build", "--network=host", f"--build-context=uv={self.bench.uv}", "--tag", reference(image)]
        words += [f"--build-arg={name}={value}" for name, value in self.arguments().items()]
        self.docker.run(*words, "--file", dockerfile, context)

    def place(self, image: str) -> tuple[Path, Path]:
        """Return an image's Dockerfile and context."""
        if image in BASES:
            return self.tree.bases / image / "Dockerfile", self.tree.bases
        context = self.tree.root / "services" / image
        return context / "Dockerfile", context

    def build(self, images: Iterable[str]) -> None:
        for image in images:
            self.build_one(image, *self.place(image))

    def build_flat(self) -> None:
        for directory in sorted((self.tree.flat / "flat").glob("*-flat")):
            self.build_one(directory.name, directory / "Dockerfile", self.tree.flat)

    def push(self, images: Iterable[str], registry: Registry) -> None:
        for image in map(reference, images):
            self.docker.run("tag", image, f"{registry.host}/{image}")
            self.docker.run("push", "--quiet", f"{registry.host}/{image}")

    def packages(self, image: str) -> str:
        return self.docker.output("run", "--rm", "--network=none", reference(image), *PIP_LIST)


class DockerTuned(DockerSeed):
    """The same images with uv, cache mounts and bytecode: what one gets who rewrites them for speed."""

    name = "docker-tuned"
    dockerfiles = ROOT / "benchmarks" / "tuned"
    caches_packages = True


class Bake(DockerSeed):
    """The Dockerfiles as in the seed, all in one ``docker buildx bake``: branches in parallel."""

    name = "bake"

    def build(self, images: Iterable[str]) -> None:
        self._bake(tuple(images))

    def hive(self) -> None:
        self._bake((*BASES, *SERVICES))

    def _bake(self, images: tuple[str, ...]) -> None:
        targets: dict[str, dict[str, object]] = {}
        for image in images:
            dockerfile, context = self.place(image)
            parent = PARENTS.get(image, "python-specialist-base")
            linked = {reference(parent): f"target:{parent}"} if parent in images else {}
            targets[image] = {
                "context": str(context),
                "dockerfile": str(dockerfile),
                "tags": [reference(image)],
                "args": self.arguments(),
                "contexts": linked,
                "output": ["type=docker"],
            }
        network, file = self.work / "network.yaml", self.work / "bake.json"
        network.write_text(json.dumps(host_network(targets)))
        file.write_text(json.dumps(bake_file(targets)))
        self.docker.run("buildx", "bake", "--file", network, "--file", file)


def _upstream(version: str) -> str:
    """Return a version without what Debian adds to it."""
    return version.strip().removeprefix("v").partition("+")[0]


class DockerSame(DockerSeed):
    """Not built by Docker, but hivebase's own images, loaded and pushed by it: the same bytes for both."""

    name = "docker-same"
    scenarios = frozenset({"push"})

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._ours = _Builder(bench)

    def prepare(self, *, bytecode: bool) -> None:
        self._ours.prepare(bytecode=bytecode)

    def reset(self) -> None:
        super().reset()
        self._ours.reset()

    def patch(self, wheel: Wheel) -> None:
        self._ours.patch(wheel)

    def build(self, images: Iterable[str]) -> None:
        names = tuple(images)
        self._ours.build(names)
        for image in names:
            archive = self.work / "image.tar"
            self._ours.runner.run("export", "--format", "docker", self._ours.reference(image), archive)
            self.docker.run("load", "--input", archive)
            self.docker.run("tag", self._ours.reference(image), reference(image))
            archive.unlink()


class _Builder(Ours):
    name = "docker-same-builder"
