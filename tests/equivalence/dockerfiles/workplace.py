"""Cases on disk, and hivebase as the other side: one hive of all that must build, one for each that must not."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.equivalence.dockerfiles.case import BUILD_ARGS, SECRETS, Case, write_files
from tests.equivalence.dockerfiles.compare import Image, Layer
from tests.equivalence.dockerfiles.context import shared
from tests.hives import BASE, TestHive, busybox_tar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_GROUP = '[[group]]\npath = "images/{name}"\ncontext = "{context}"\n'
_AT_ONCE = 2


@dataclass
class Workplace:
    """A directory with cases, and a store in which the image is that they stand on.

    Attributes:
        root: what all cases share: the store, the secrets, the image.
        cases: by name.
        directory: of these cases, below ``root``.
    """

    root: Path
    cases: Mapping[str, Case] = field(default_factory=dict)
    directory: str = "cases"
    _layers: dict[str, Layer] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> Path:
        """Directory of files, one for each secret."""
        return self.root / "secrets"

    @property
    def start(self) -> Path:
        """The image that all cases may stand on, for ``docker load``."""
        return self.root / "start.tar"

    def dockerfile(self, name: str) -> Path:
        """Return where the Dockerfile of a case is."""
        return self._hive(name) / "images" / name / "Dockerfile"

    def context(self, name: str) -> Path:
        """Return the build context of a case."""
        return self._hive(name) / self._context(name)

    def _hive(self, name: str) -> Path:
        return self.root / self.directory / (f"refused/{name}" if self.cases[name].fails else "hive")

    def _context(self, name: str) -> str:
        return "context" if self.cases[name].files is None else f"contexts/{name}"

    def prepare(self) -> None:
        """Make the image that the cases stand on."""
        busybox = self.root / "busybox.tar"
        busybox.write_bytes(busybox_tar())
        write_files(self.secrets, SECRETS)
        # Settings of a host, so that there are some on every machine.
        write_files(self.root / "home", {".config/pip/pip.conf": "[global]\ntimeout = 9\n"})
        hive = self._of(self.root / "start")
        places = {f"image/root/{name}": "" for name in ("etc/hosts", "etc/resolv.conf", "etc/hostname")}
        # Docker leaves the places of its mounts behind in the layer; here they are there from the start.
        places |= {f"image/root/{name}/.keep": "" for name in ("dev", "proc", "sys", "run", "home", "mnt")}
        settings = '[hive]\nname = "team"\nversion = "1"\n[[group]]\npath = "image"\ncontext = "image"\n'
        text = f"FROM {BASE}\nCOPY root /\n"
        hive.write({"hivebase.toml": settings, "image/start/Dockerfile": text, **places})
        hive.run("import", str(busybox), BASE)
        hive.run("build", "start")
        hive.run("export", "start", str(self.start), "--format", "docker")

    def write(self) -> None:
        """Write all cases."""
        roots: dict[Path, list[str]] = {}
        for name, case in self.cases.items():
            roots.setdefault(self._hive(name), []).append(name)
            file = self.dockerfile(name)
            file.parent.mkdir(parents=True)
            file.write_text(case.dockerfile, encoding="utf-8")
            if case.ignore_beside:
                file.with_name("Dockerfile.dockerignore").write_text(case.ignore_beside, encoding="utf-8")
            if case.files is not None:
                ignore = {".dockerignore": case.ignore} if case.ignore else {}
                write_files(self.context(name), {**ignore, **case.files})
        for root, names in roots.items():
            groups = [_GROUP.format(name=name, context=self._context(name)) for name in names]
            (root / "hivebase.toml").write_text(f'[hive]\nname = "case"\n{"".join(groups)}')
            if any(self.cases[name].files is None for name in names):
                write_files(root / "context", shared())

    def build_all(self) -> dict[str, Image | str]:
        """Build all cases; return the image of each, or what was said when it failed."""
        refused = [name for name, case in self.cases.items() if case.fails]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            results = dict(
                zip(refused, pool.map(lambda name: self._build([name])[name], refused), strict=True)
            )
        return results | self._build([name for name, case in self.cases.items() if not case.fails])

    def _build(self, names: list[str]) -> dict[str, Image | str]:
        """Build cases of one hive in one go; where that goes wrong as a whole, without the one that is to blame."""
        if not names:
            return {}
        hive = self._of(self._hive(names[0]))
        words = ["build", "--json", "--no-compose", *names]
        words += [f"--build-arg={key}={value}" for key, value in BUILD_ARGS.items()]
        words += [f"--secret=id={key},src={self.secrets / key}" for key in SECRETS]
        done = subprocess.run(
            hive.command(*words),
            env=hive.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=1800,
        )
        # An internal fault is no refusal: it must not pass for one.
        assert done.returncode in {0, 1, 2, 3, 4}, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        if done.stdout:
            images = json.loads(done.stdout)["images"]
            return {item["name"]: self._result(item) for item in images}
        # A Dockerfile that cannot even be planned ends it all; the message names it.
        named = re.search(r"\bimages/([^/\s]+)/", done.stderr[done.stderr.find("error[") :])
        guilty = [name for name in names if len(names) == 1 or (named and name == named[1])]
        if guilty:
            rest = [name for name in names if name not in guilty]
            return {guilty[0]: done.stderr} | self._build(rest)
        middle = len(names) // 2
        return self._build(names[:middle]) | self._build(names[middle:])

    def _result(self, item: dict[str, Any]) -> Image | str:
        if item["error"] or not item["digest"]:
            return str(item["error"]) or str(item["status"])
        manifest = json.loads(self._blob(item["digest"]))
        layers = [self._layer(layer["digest"]) for layer in manifest["layers"]]
        return Image.of(json.loads(self._blob(manifest["config"]["digest"])), layers)

    def _layer(self, digest: str) -> Layer:
        if digest not in self._layers:
            self._layers[digest] = Layer.of(_plain(self._blob(digest)))
        return self._layers[digest]

    def _blob(self, digest: str) -> bytes:
        """Read from the store as any reader of an OCI image layout would."""
        algorithm, _, name = digest.partition(":")
        return (self.root / "store" / "blobs" / algorithm / name).read_bytes()

    def _of(self, root: Path) -> TestHive:
        env = {"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(self.root / "home")}
        return TestHive(root, self.root / "store", env)


def _plain(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
