"""What the scenarios ask of a side."""

from __future__ import annotations

import abc
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.hive import BASES, SERVICES, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from benchmarks.mirror import Mirror
    from benchmarks.registry import Registry
    from benchmarks.variants import Wheel


@dataclass(frozen=True)
class Bench:
    """What all sides share.

    Attributes:
        work: a temporary directory, gone at the end.
        cache: a directory that is kept.
        mirror: the loopback mirror.
        base: a docker-archive of the base image.
        uv: a directory with the program uv.
        warm: whether the package caches of tools that have one outlive a cold start.
    """

    work: Path
    cache: Path
    mirror: Mirror
    base: Path
    uv: Path
    warm: bool

    def proxy_settings(self) -> dict[str, str]:
        """Return the variables by which apt finds the mirror; only apt, since everything else is loopback."""
        return {"http_proxy": self.mirror.address, "no_proxy": "127.0.0.1,localhost"}


class Side(abc.ABC):
    """One builder with its own directory, working copy and state."""

    name: str
    dockerfiles: Path | None = None
    caches_packages: bool = False
    scenarios: frozenset[str] | None = None
    """What this side takes part in; None for everything."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.work = bench.work / self.name
        self.work.mkdir()
        self.log = self.work / "log"
        self.tree = Tree(self.work / "tree")

    def prepare(self, *, bytecode: bool) -> None:
        """Make the working copy anew."""
        self.tree.prepare(bytecode=bytecode, dockerfiles=self.dockerfiles)

    def running(self) -> AbstractContextManager[object]:
        """Return what must run while this side builds."""
        return contextlib.nullcontext()

    def patch(self, wheel: Wheel) -> None:
        """Pin another version of a project; what a developer does before the build, so it is not measured."""
        self.tree.patch(wheel)

    def hive(self) -> None:
        """Build the bases and the services."""
        self.build(BASES)
        self.build(SERVICES)

    @abc.abstractmethod
    def version(self) -> str:
        """Return the program's name and version."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Forget all that was built; the base image stays."""

    @abc.abstractmethod
    def build(self, images: Iterable[str]) -> None:
        """Build images of the hive in the given order: all bases, or all services."""

    @abc.abstractmethod
    def build_flat(self) -> None:
        """Build the services without shared bases."""

    @abc.abstractmethod
    def push(self, images: Iterable[str], registry: Registry) -> None:
        """Push images to a registry, under the names that they have."""

    @abc.abstractmethod
    def packages(self, image: str) -> str:
        """Return what ``pip list`` says in an image."""


PIP_LIST = ("python3", "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check")
