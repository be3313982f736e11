"""What is built: five base images, five services on them, and the services without shared bases."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import variants

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.variants import Wheel

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = "neural-hive-mind"
VERSION = "1.0.0"
BASE = "python:3.11-slim"

PARENTS = {
    "python-ml-base": "",
    "python-grpc-base": "python-ml-base",
    "python-mlops-base": "python-grpc-base",
    "python-nlp-base": "python-grpc-base",
    "python-specialist-base": "python-nlp-base",
}
"""The base images in dependency order, each with the one that it stands on."""

BASES = tuple(PARENTS)
KINDS = ("business", "technical", "behavior", "evolution", "architecture")
SERVICES = tuple(f"specialist-{kind}" for kind in KINDS)
FLAT = tuple(f"specialist-{kind}-flat" for kind in KINDS)

_GROUPS = f"""\
[hive]
name = "{NAMESPACE}"
version = "{VERSION}"

[[group]]
name = "base-images"
path = "base-images"
context = "base-images"

[[group]]
name = "services"
path = "services"
"""
_FLAT_GROUP = f"""\
[hive]
name = "{NAMESPACE}"
version = "{VERSION}"

[[group]]
name = "flat"
path = "flat"
context = "."
"""
_LOCK = "hivebase.lock"
_IGNORED = shutil.ignore_patterns(
    "__pycache__", "*.pyc", "*.egg-info", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"
)


def reference(image: str) -> str:
    """Return the name under which ``image`` is built."""
    return f"{NAMESPACE}/{image}:{VERSION}"


@dataclass(frozen=True)
class Tree:
    """One side's working copy.

    Attributes:
        root: its directory.
    """

    root: Path

    @property
    def bases(self) -> Path:
        """The build context of the base images."""
        return self.root / "base-images"

    @property
    def flat(self) -> Path:
        """A hive of its own, of the services without shared bases."""
        return self.root / "flat-hive"

    def prepare(self, *, bytecode: bool, dockerfiles: Path | None) -> None:
        """Make the copy anew.

        Args:
            bytecode: whether installations compile.
            dockerfiles: a directory with other Dockerfiles for the base images.
        """
        if self.root.exists():
            shutil.rmtree(self.root)
        benchmarks = ROOT / "benchmarks"
        shutil.copytree(ROOT / "base-images", self.bases, ignore=_IGNORED)
        shutil.copytree(benchmarks / "services", self.root / "services")
        if dockerfiles is not None:
            for image in BASES:
                shutil.copyfile(dockerfiles / image / "Dockerfile", self.bases / image / "Dockerfile")
        if (ROOT / _LOCK).exists():
            shutil.copyfile(ROOT / _LOCK, self.root / _LOCK)
        (self.root / "hivebase.toml").write_text(_GROUPS)
        self._prepare_flat(benchmarks / "flat")
        if not bytecode:
            for path in self.root.rglob("Dockerfile"):
                edit(path, variants.without_bytecode)
        # A hive lives in a repository, and hivebase looks for one.
        for words in (
            ["init", "--quiet"],
            ["add", "--all"],
            [*_WHO, "commit", "--quiet", "--message", "hive"],
        ):
            subprocess.run(["git", "-C", str(self.root), *words], check=True, capture_output=True, timeout=60)

    def _prepare_flat(self, dockerfiles: Path) -> None:
        shutil.copytree(dockerfiles, self.flat / "flat")
        shutil.copytree(self.bases, self.flat / "base-images")
        shutil.copytree(self.root / "services", self.flat / "services")
        for path in [*self.flat.glob("base-images/*/Dockerfile"), *self.flat.glob("services/*/Dockerfile")]:
            path.unlink()
        (self.flat / "hivebase.toml").write_text(_FLAT_GROUP)
        if (self.root / _LOCK).exists():
            shutil.copyfile(self.root / _LOCK, self.flat / _LOCK)
        files = [
            (self.bases / image / "requirements.txt").read_text()
            for image in BASES
            if image != "python-mlops-base"
        ]
        for kind in KINDS:
            # The title differs, so that no builder takes one service's installation for another's: they stand
            # for five repositories that know nothing of each other.
            text = variants.union(files, f"what specialist-{kind} needs")
            (self.flat / "flat" / f"requirements-{kind}.txt").write_text(text)

    def change_line(self, service: str) -> None:
        """Change one line of a service's module."""
        edit(self.root / "services" / service / "service.py", variants.next_revision)

    def patch(self, wheel: Wheel) -> None:
        """Pin the version of ``wheel`` wherever its project is pinned."""
        for path in self.bases.rglob("requirements*.txt"):
            edit(path, lambda text: variants.repin(text, wheel))


_WHO = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Write a text file anew where ``change`` makes another text of it."""
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    if changed != text:
        path.write_text(changed, encoding="utf-8")
