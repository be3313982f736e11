"""hivebase, by its command line only."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from benchmarks.commands import Runner
from benchmarks.hive import BASE, FLAT, NAMESPACE, ROOT, VERSION
from benchmarks.sides.side import PIP_LIST, Bench, Side

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchmarks.registry import Registry
    from benchmarks.variants import Wheel

_OWN_SETTINGS = ("PIP_", "UV_", "HIVEBASE_", "APT_", "DOCKER_")
_LANGUAGE = {"LC_ALL": "C.UTF-8", "CI": "true"}


class Ours(Side):
    """The store holds the base image only at a cold start; downloaded wheels stay when caches are warm."""

    name = "hivebase"
    caches_packages = True

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.store = self.work / "store"
        self.wheels = self.work / "wheels"
        program = ROOT / ".venv" / "bin" / "hivebase"
        self.runner = Runner(self.log, self._environment(), (str(program),))
        self.release = VERSION

    def _environment(self) -> dict[str, str]:
        """Return this machine's environment without its packages' settings, which all sides get from the mirror."""
        index = self.bench.mirror.index
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_OWN_SETTINGS)}
        return {
            **kept,
            **_LANGUAGE,
            **self.bench.proxy_settings(),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": index,
            "UV_NO_CONFIG": "1",
            "UV_DEFAULT_INDEX": index,
            "HIVEBASE_STORE": str(self.store),
            "HIVEBASE_CACHE": str(self.wheels),
            "XDG_CACHE_HOME": str(self.work / "cache"),
        }

    def version(self) -> str:
        return self.runner.output("--version").strip().replace(", version", "")

    def reset(self) -> None:
        shutil.rmtree(self.store, ignore_errors=True)
        if not self.bench.warm:
            shutil.rmtree(self.wheels, ignore_errors=True)
            shutil.rmtree(self.work / "cache", ignore_errors=True)
        self.runner.run("import", self.bench.base, BASE)
        # The peers unpack the base while they load it, so it is unpacked here too before anything is measured.
        self.runner.run("run", BASE, "true")

    def build(self, images: Iterable[str]) -> None:
        self._build(self.tree.root, *images)

    def prepare(self, *, bytecode: bool) -> None:
        super().prepare(bytecode=bytecode)
        self.release = VERSION

    def reference(self, image: str) -> str:
        """Return the name under which ``image`` is built now."""
        return f"{NAMESPACE}/{image}:{self.release}"

    def patch(self, wheel: Wheel) -> None:
        # A published version never changes, so a patch is a new one; the peers push over their old tags.
        line, _, number = self.release.rpartition(".")
        before, self.release = self.release, f"{line}.{int(number) + 1}"
        settings = self.tree.root / "hivebase.toml"
        settings.write_text(settings.read_text().replace(f'"{before}"', f'"{self.release}"'))
        self.runner.run("-C", self.tree.root, "lock", "-P", f"{wheel.project}=={wheel.version}")

    def hive(self) -> None:
        self._build(self.tree.root)

    def build_flat(self) -> None:
        self._build(self.tree.flat)

    def _build(self, root: Path, *images: str) -> None:
        self.runner.run("-C", root, "build", *images)

    def push(self, images: Iterable[str], registry: Registry) -> None:
        names = tuple(images)
        root = self.tree.flat if set(names) <= set(FLAT) else self.tree.root
        target = f"{registry.host}/{NAMESPACE}"
        # Without proof, which the peers do not make either.
        self.runner.run("-C", root, "push", *names, "--to", target, "--allow-stand-ins", "--no-proof")

    def packages(self, image: str) -> str:
        return self.runner.output("-C", self.tree.root, "run", self.reference(image), *PIP_LIST)
