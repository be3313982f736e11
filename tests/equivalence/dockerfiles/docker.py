"""Docker as one side of the comparison: a daemon of its own, and builds of many cases at once."""

from __future__ import annotations

import json
import os
import posixpath
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests import docker_host
from tests.equivalence.dockerfiles.case import BUILD_ARGS, SECRETS
from tests.equivalence.dockerfiles.compare import Image, Layer
from tests.servers import dockerd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.equivalence.dockerfiles.workplace import Workplace

OLD = "20.10"
KNOWN = (OLD, docker_host.VERSION)
VARIABLE = "HIVEBASE_TEST_DOCKER"

# The client of Debian's docker.io brings BuildKit; one from elsewhere on PATH may need a plugin for it.
_OLD_CLIENT = "/usr/bin/docker"
_AT_ONCE = 4


def asked_for() -> str:
    """Return the version of Docker that the tests are to run against."""
    version = os.environ.get(VARIABLE) or OLD
    if version not in KNOWN:
        pytest.fail(f"{VARIABLE} is {version!r}; known are {', '.join(KNOWN)}")
    return version


@dataclass
class Docker:
    """The client of one daemon: the words that a command begins with, and its environment."""

    version: str
    words: list[str]
    env: dict[str, str]
    _layers: dict[tuple[str, int], Layer] = field(default_factory=dict)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the client."""
        return subprocess.run(
            [*self.words, *words],
            env=self.env,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=300,
        )

    def build_all(self, place: Workplace, names: Iterable[str]) -> dict[str, Image | str]:
        """Build cases; return the image of each, or what was said when it failed."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            said = dict(pool.map(lambda name: (name, self._build(place, name)), names))
        images = self._saved(place.root / "saved.tar", [name for name, text in said.items() if not text])
        return {name: text or images[name] for name, text in said.items()}

    def _build(self, place: Workplace, name: str) -> str:
        words = ["build", "-q", "--network=host", "-t", f"case/{name}:1"]
        words += [f"--build-arg={key}={value}" for key, value in BUILD_ARGS.items()]
        words += [f"--secret=id={key},src={place.secrets / key}" for key in SECRETS]
        done = self(*words, "-f", str(place.dockerfile(name)), str(place.context(name)))
        return (done.stderr or f"exit code {done.returncode}") if done.returncode else ""

    def _saved(self, file: Path, names: list[str]) -> dict[str, Image]:
        if not names:
            return {}
        done = self("save", "-o", str(file), *(f"case/{name}:1" for name in names))
        assert done.returncode == 0, done.stderr
        images: dict[str, Image] = {}
        with tarfile.open(file) as archive:
            for item in json.loads(_read(archive, "manifest.json")):
                document: dict[str, Any] = json.loads(_read(archive, item["Config"]))
                layers = [self._layer(archive, name) for name in item["Layers"]]
                image = Image.of(document, layers)
                for tag in item["RepoTags"]:
                    images[tag.removeprefix("case/").removesuffix(":1")] = image
        file.unlink()
        return images

    def _layer(self, archive: tarfile.TarFile, name: str) -> Layer:
        """Read a layer, once if several images have it."""
        member = archive.getmember(name)
        if not member.isreg():  # an old Docker links to the first of equal layers
            beside = posixpath.join(posixpath.dirname(name), member.linkname)
            return self._layer(archive, posixpath.normpath(beside))
        key = (name, member.offset_data)
        if key not in self._layers:
            self._layers[key] = Layer.of(_read(archive, name))
        return self._layers[key]


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None
    return stream.read()


@contextmanager
def docker(directory: Path) -> Iterator[Docker]:
    """Run the daemon that was asked for; its data are in ``directory``."""
    version = asked_for()
    if version == OLD:
        with dockerd(directory) as address:
            env = {"PATH": os.environ["PATH"], "DOCKER_HOST": address, "DOCKER_BUILDKIT": "1"}
            yield Docker(version, [_OLD_CLIENT], env)
    else:
        with docker_host.current_dockerd(directory) as (words, env):
            yield Docker(version, words, env)
