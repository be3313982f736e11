"""buildah, with a storage of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benchmarks.commands import Runner, need
from benchmarks.hive import BASE, BASES, ROOT, reference
from benchmarks.sides.peer_base import peer_base
from benchmarks.sides.side import PIP_LIST, Bench, Side

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchmarks.registry import Registry

_REGISTRIES = 'unqualified-search-registries = ["docker.io"]\n'


class Buildah(Side):
    """The Dockerfiles as in the seed, with its layer cache on, in chroot isolation, its fastest."""

    name = "buildah"
    dockerfiles = ROOT / "benchmarks" / "seed"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        registries = self.work / "registries.conf"
        registries.write_text(_REGISTRIES)
        policy = self.work / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.policy = policy
        environment = {
            **os.environ,
            **bench.proxy_settings(),
            "CONTAINERS_REGISTRIES_CONF": str(registries),
            "TMPDIR": str(self.work),
        }
        storage = ["--root", str(self.work / "root"), "--runroot", str(self.work / "run")]
        program = need("buildah", "buildah")
        self.runner = Runner(self.log, environment, (program, *storage, "--storage-driver", "overlay"))

    def version(self) -> str:
        return self.runner.output("--version").split(" (")[0].replace("version ", "")

    def reset(self) -> None:
        self.runner.run("rm", "--all")
        self.runner.run("rmi", "--all", "--force")
        original = "localhost/bench/original:1"
        self.runner.run("pull", "--signature-policy", self.policy, f"docker-archive:{self.bench.base}")
        self.runner.run("tag", f"localhost/{BASE}", original)
        directory = peer_base(self.work, self.bench.mirror, original)
        self._bud(BASE, directory / "Dockerfile", directory, layers=False)

    def _bud(self, name: str, dockerfile: Path, context: Path, *, layers: bool = True) -> None:
        words = ["bud", f"--layers={str(layers).lower()}", "--isolation", "chroot", "--network", "host"]
        words += ["--pull-never", "--signature-policy", str(self.policy)]
        self.runner.run(*words, "--tag", name, "--file", dockerfile, context)

    def build(self, images: Iterable[str]) -> None:
        for image in images:
            if image in BASES:
                context, dockerfile = self.tree.bases, self.tree.bases / image / "Dockerfile"
            else:
                context = self.tree.root / "services" / image
                dockerfile = context / "Dockerfile"
            self._bud(reference(image), dockerfile, context)

    def build_flat(self) -> None:
        for directory in sorted((self.tree.flat / "flat").glob("*-flat")):
            self._bud(reference(directory.name), directory / "Dockerfile", self.tree.flat)

    def push(self, images: Iterable[str], registry: Registry) -> None:
        for image in map(reference, images):
            words = ["push", "--quiet", "--tls-verify=false", "--signature-policy", str(self.policy)]
            self.runner.run(*words, f"localhost/{image}", f"docker://{registry.host}/{image}")

    def packages(self, image: str) -> str:
        name = f"localhost/{reference(image)}"
        container = self.runner.output(
            "from", "--pull-never", "--signature-policy", self.policy, name
        ).strip()
        try:
            return self.runner.output("run", "--isolation", "chroot", container, "--", *PIP_LIST)
        finally:
            self.runner.run("rm", container)
