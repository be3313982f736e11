"""Two stores with one base: what is composed in the one is run in the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.equivalence import awkward
from tests.equivalence.trees import Tree, flatten, unexpected
from tests.hives import TestHive
from tests.wheel_index import WheelIndex
from uv import find_uv_bin

from hivebase.plan.resolve_pins import normalise

BASE = "python:3.11-slim"


@dataclass
class Pair:
    """One image, made in both ways."""

    ref: str
    hives: tuple[TestHive, TestHive]
    said: tuple[str, str]

    @property
    def composed(self) -> Tree:
        """The tree that was composed."""
        return flatten(self.hives[0].store, self.ref)

    @property
    def run(self) -> Tree:
        """The tree that the real installer left."""
        return flatten(self.hives[1].store, self.ref)

    def check(self) -> None:
        """Fail unless it really was composed and the trees are equal."""
        assert "is run, not composed" not in self.said[0], self.said[0]
        # What an installer says first. Where a test runs one by another name, it is run on both sides.
        ran = [len(re.findall(r"\| (?:Looking in|Using Python)", text)) for text in self.said]
        assert ran[0] < ran[1], self.said[0]
        left = unexpected(self.composed, self.run)
        assert not left, "\n".join(map(repr, left))


@dataclass
class Sides:
    """Builds things twice."""

    root: Path
    index: WheelIndex
    stores: tuple[Path, Path]
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return what hivebase is started with: the index on loopback and nothing of the host's configuration."""
        return {
            "HOME": str(self.root / "home"),
            "HIVEBASE_CACHE": str(self.root / "cache"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index.address,
            "UV_DEFAULT_INDEX": self.index.address,
            "UV_NO_CONFIG": "1",
            **self.env,
        }

    def hives(self, name: str, files: dict[str, str | bytes]) -> tuple[TestHive, TestHive]:
        """Return two hives of one content."""
        root = self.root / "hives" / name
        shutil.rmtree(root, ignore_errors=True)
        for path, content in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
            if isinstance(content, bytes) and content.startswith(b"\x7fELF"):
                target.chmod(0o755)
        one, two = (TestHive(root, store, self.environment()) for store in self.stores)
        return one, two

    def both(self, name: str, dockerfile: str, files: dict[str, str | bytes] | None = None) -> Pair:
        """Build one image in both ways."""
        hives = self.hives(name, {"Dockerfile": dockerfile, **(files or {})})
        return self._both(hives, f"{name}/{name}:latest")

    def family(self, name: str, files: dict[str, str | bytes], ref: str) -> Pair:
        """Build a hive of several images in both ways; return the one called ``ref``."""
        return self._both(self.hives(name, files), ref)

    def _both(self, hives: tuple[TestHive, TestHive], ref: str) -> Pair:
        done = [self.build(hive, *words) for hive, words in zip(hives, ([], ["--no-compose"]), strict=True)]
        said = [text for _, text in done]
        assert [code for code, _ in done] == [0, 0], "\n".join(said)
        return Pair(ref, hives, (said[0], said[1]))

    def build(self, hive: TestHive, *words: str) -> tuple[int, str]:
        """Build a hive; return the exit code and all that was said."""
        done = subprocess.run(
            hive.command("build", "-v", *words),
            env=hive.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=600,
        )
        return done.returncode, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def sides(tmp_path_factory, python_base):
    """Two stores that have the base image, and an index for both."""
    root = tmp_path_factory.mktemp("sides")
    (root / "home").mkdir()
    with WheelIndex() as index:
        stores = root / "composed", root / "run"
        made = Sides(root, index, stores)
        for store in stores:
            TestHive(root / "home", store, made.environment()).run("import", str(python_base), BASE)
        yield made


@pytest.fixture(scope="session")
def awkward_names(sides):
    """The names of the awkward wheels, which the index has; in normal form, as locks have them."""
    found = []
    for name, file, data in awkward.wheels():
        sides.index.put(file, data)
        found.append(normalise(name))
    return found


@pytest.fixture(scope="session")
def awkward_pair(sides, awkward_names):
    """One image with all of them, made in both ways."""
    return sides.both("awkward", f"FROM {BASE}\nRUN pip install --no-cache-dir {' '.join(awkward_names)}\n")


REAL = (
    """pip==25.0.1 setuptools==75.8.0 wheel==0.45.1 flit-core==3.10.1 hatchling==1.27.0 six==1.16.0
    pathspec==0.12.1 pluggy==1.5.0 packaging==24.2 trove-classifiers==2025.1.15.22 editables==0.5""",
    "pip==22.3.1 six==1.15.0",
    "pip==23.1.2",
)
"""Wheels of other people, with pip's and setuptools' own; of each text, one version of each."""


@pytest.fixture(scope="session")
def real(sides, tmp_path_factory):
    """Put real wheels into the index."""
    directory = tmp_path_factory.mktemp("real")
    if kept := os.environ.get("HIVEBASE_TEST_WHEELS"):
        directory = Path(kept)
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        for text in REAL:
            subprocess.run([*command, "--dest", str(directory), *text.split()], check=True, timeout=300)
    for path in sorted(directory.glob("*.whl")):
        sides.index.put(path.name, path.read_bytes())


@pytest.fixture(scope="session")
def uv_binary():
    """The uv that hivebase itself brings, as a file of a build context."""
    return {"uv": Path(find_uv_bin()).read_bytes()}


WITH_UV = f"FROM {BASE}\nCOPY uv /usr/local/bin/uv\n"
WITH_VENV = f"FROM {BASE}\nRUN python -m venv /venv\n"
