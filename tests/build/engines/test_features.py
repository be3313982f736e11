"""A plan that an engine cannot honour is refused before it starts."""

from __future__ import annotations

import pytest

from hivebase.build.engines.buildx import docker_that_knows_as_much
from hivebase.build.engines.features import FEATURES, parse_version, refuse_unable
from hivebase.dockerfile.parser import parse
from hivebase.errors import DockerfileError

ASKS = {
    "heredocs": "FROM x\nRUN <<EOF\ntrue\nEOF",
    "COPY --link": "FROM x\nCOPY --link a /",
    "COPY --parents": "FROM x\nCOPY --parents a /",
    "COPY --exclude": "FROM x\nCOPY --exclude=b a /",
    "COPY --chmod with letters": "FROM x\nCOPY --chmod=u+x a /",
    "ADD --checksum": "FROM x\nADD --checksum=sha256:" + "0" * 64 + " https://example.com/a /",
    "ADD --unpack": "FROM x\nADD --unpack=true a.tar /",
    "ADD --keep-git-dir": "FROM x\nADD --keep-git-dir=true https://example.com/a.git /a",
    "ADD of a git repository": "FROM x\nADD https://example.com/a.git#main /a",
    "RUN --network": "FROM x\nRUN --network=none true",
    "RUN --security": "FROM x\nRUN --security=insecure true",
    "a variable cut or replaced (${name#…}, ${name%…}, ${name/…})": "FROM x\nENV A=${B%.*}",
    "HEALTHCHECK --start-interval": "FROM x\nHEALTHCHECK --start-interval=1s CMD true",
}


def test_every_feature_has_an_example():
    """So that none is data which never says no."""
    assert ASKS.keys() == {feature.name for feature in FEATURES}


@pytest.mark.parametrize("name", ASKS)
@pytest.mark.parametrize("engine", ["docker", "buildah"])
def test_an_old_engine_is_refused_and_a_new_one_is_not(name, engine):
    """The message names the line, the version that is needed, and the way out."""
    document = parse(ASKS[name], path="w/Dockerfile")
    with pytest.raises(DockerfileError, match=r"w/Dockerfile:2:1: .*cannot do this") as caught:
        refuse_unable(engine, "1.0", [document])
    assert "--engine embedded" in caught.value.hint
    assert caught.value.source_line == ASKS[name].splitlines()[1]
    refuse_unable(engine, "9999999.0", [document])


def test_an_ordinary_file_is_refused_by_nobody():
    """Nor is what the shell of a RUN expands."""
    text = (
        "FROM x AS y\nRUN echo ${A%.*}\nCOPY --chown=1 --chmod=644 a b /c/\nADD x.tar /\nHEALTHCHECK CMD true"
    )
    for engine in ("docker", "buildah"):
        refuse_unable(engine, "1.0", [parse(text, path="Dockerfile")])


def test_what_a_file_leaves_to_its_children_counts():
    """The engine would read it as much as a line of the file itself."""
    document = parse("FROM x\nONBUILD COPY --link a /", path="Dockerfile")
    with pytest.raises(DockerfileError, match="COPY --link"):
        refuse_unable("docker", "20.10.24", [document])


def test_a_front_end_that_is_named_knows_what_it_knows():
    """Docker fetches it; buildah does not."""
    document = parse("# syntax=docker/dockerfile:1\nFROM x\nCOPY --link a /", path="Dockerfile")
    refuse_unable("docker", "20.10.24", [document])
    with pytest.raises(DockerfileError):
        refuse_unable("buildah", "1.28.2", [document])


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("26.1.5+dfsg1", (26, 1, 5)), ("20.10.24", (20, 10, 24)), ("1.28.2", (1, 28, 2)), ("dev", ())],
)
def test_versions(text, numbers):
    """As packagers write them."""
    assert parse_version(text) == numbers


@pytest.mark.parametrize(
    ("buildkit", "docker"),
    [
        ("v0.13.1", "26"),
        ("0.12.5", "25"),
        ("v0.25.0-rc1", "29"),
        ("v0.9.0", "0"),
        ("0.0.0+unknown", "9999"),
        ("", "9999"),
    ],
)
def test_buildkit_counts_as_the_docker_that_has_it(buildkit, docker):
    """One that does not know its own version is not held against anything."""
    assert docker_that_knows_as_much(buildkit.removeprefix("v")) == docker
