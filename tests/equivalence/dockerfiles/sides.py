"""Docker and hivebase beside each other."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.compare import Difference, Image, differences
from tests.equivalence.dockerfiles.docker import Docker, docker
from tests.equivalence.dockerfiles.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.equivalence.dockerfiles.case import Case

Outcomes = dict[str, Image | str]
"""By case: the image, or what was said when there was none."""


@dataclass
class Arena:
    """A daemon that runs, and a store; both have the image that cases stand on."""

    root: Path
    client: Docker

    def build(self, cases: Mapping[str, Case], directory: str) -> tuple[Outcomes, Outcomes]:
        """Build cases with Docker and with hivebase; names and directory must be new here."""
        place = Workplace(self.root, cases, directory)
        place.write()
        return self.client.build_all(place, cases), place.build_all()

    def differences(
        self, cases: Mapping[str, Case], directory: str
    ) -> tuple[int, dict[str, list[Difference]]]:
        """Build cases; return how many Docker could build, and how the two sides differ, by case."""
        theirs, ours = self.build(cases, directory)
        built = sum(isinstance(outcome, Image) for outcome in theirs.values())
        return built, {name: compare(theirs[name], ours[name]) for name in cases}


@contextmanager
def arena(root: Path) -> Iterator[Arena]:
    """Run the Docker that was asked for, and prepare both sides."""
    place = Workplace(root)
    with docker(root) as client:
        place.prepare()
        loaded = client("load", "-i", str(place.start))
        assert loaded.returncode == 0, loaded.stderr
        yield Arena(root, client)


def compare(docker: Image | str, ours: Image | str) -> list[Difference]:
    """Return how two outcomes differ; two failures are equal."""
    if isinstance(docker, Image) and isinstance(ours, Image):
        return differences(docker, ours)
    if isinstance(docker, str) and isinstance(ours, str):
        return []
    said = ("an image" if isinstance(outcome, Image) else outcome for outcome in (docker, ours))
    return [Difference("outcome", "image", *said)]
