"""The Dockerfiles of the five images, read with our own parser."""

from __future__ import annotations

import re

import pytest
from tests.base_images.hive import BASE_IMAGES, PARENTS

from hivebase.dockerfile import ast
from hivebase.dockerfile.ignore import IgnoreFile
from hivebase.dockerfile.parser import parse

IMAGES = tuple(PARENTS)
LABELS = {"title", "description", "version", "created", "licenses", "vendor", "base.name"}


def stage(image: str) -> ast.Stage:
    path = BASE_IMAGES / image / "Dockerfile"
    document = parse(path.read_text(), str(path))
    assert document.warnings == ()
    *others, last = document.stages
    assert all(other.from_.image == PARENTS["python-ml-base"] for other in others)
    return last


@pytest.mark.parametrize("image", IMAGES)
def test_each_image_stands_on_its_parent_in_the_hierarchy(image):
    """The chain of FROM lines is the documented one, with the version as an argument."""
    assert PARENTS[image] == stage(image).from_.image


@pytest.mark.parametrize("image", IMAGES)
def test_version_and_date_are_declared_after_all_that_is_slow(image):
    """Otherwise each new version would repeat every installation."""
    instructions = stage(image).instructions
    declared = {
        name: at for at, i in enumerate(instructions) if isinstance(i, ast.Arg) for name, _ in i.pairs
    }
    last = max(at for at, i in enumerate(instructions) if isinstance(i, ast.Run | ast.Copy))
    assert {"VERSION", "BUILD_DATE"} <= declared.keys()
    assert last < min(declared["VERSION"], declared["BUILD_DATE"])


@pytest.mark.parametrize("image", IMAGES)
def test_labels_are_complete_and_follow_the_arguments(image):
    """Title, version, date, parent; no address that nobody owns."""
    labels = {
        name: value for i in stage(image).instructions if isinstance(i, ast.Label) for name, value in i.pairs
    }
    labels = {name.strip('"'): value.strip('"') for name, value in labels.items()}
    assert {f"org.opencontainers.image.{name}" for name in LABELS} == labels.keys()
    assert image == labels["org.opencontainers.image.title"]
    assert labels["org.opencontainers.image.version"] == "${VERSION}"
    assert labels["org.opencontainers.image.created"] == "${BUILD_DATE}"
    assert PARENTS[image] == labels["org.opencontainers.image.base.name"].removeprefix("docker.io/library/")


@pytest.mark.parametrize("image", IMAGES)
def test_every_variable_of_a_label_is_declared_in_the_stage(image):
    """An ARG from before FROM is empty inside the stage until it is declared again."""
    seen: set[str] = set()
    for instruction in stage(image).instructions:
        if isinstance(instruction, ast.Arg):
            seen |= {name for name, _ in instruction.pairs}
        if isinstance(instruction, ast.Label | ast.Env):
            assert set(re.findall(r"\$\{(\w+)", instruction.text)) <= seen


@pytest.mark.parametrize("image", IMAGES)
def test_all_that_is_copied_exists_and_is_not_ignored(image):
    """The context is base-images/, as in the documented commands."""
    ignore = IgnoreFile.parse((BASE_IMAGES / ".dockerignore").read_text())
    path = BASE_IMAGES / image / "Dockerfile"
    instructions = [i for stage in parse(path.read_text(), str(path)).stages for i in stage.instructions]
    sources = [s for i in instructions if isinstance(i, ast.Copy) and not i.from_ for s in i.sources]
    assert sources
    for source in sources:
        path = BASE_IMAGES / source
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        sent = [f for f in files if not ignore.ignored(f.relative_to(BASE_IMAGES).as_posix())]
        assert sent, source


def test_what_no_image_needs_is_not_sent():
    """An edited text, test or contract rebuilds nothing."""
    ignore = IgnoreFile.parse((BASE_IMAGES / ".dockerignore").read_text())
    kept = [
        "neural_hive_specialists/pyproject.toml",
        "neural_hive_specialists/src/neural_hive_specialists/py.typed",
        "python-nlp-base/models/obtain.py",
        "python-nlp-base/models/pt/train.txt",
        "python-grpc-base/requirements.txt",
    ]
    left_out = [
        "README.md",
        "README.pt.md",
        "ruff.toml",
        "python-grpc-base/Dockerfile",
        "python-grpc-base/requirements.in",
        "python-grpc-base/container-structure-test.yaml",
        "neural_hive_specialists/tests/test_logs.py",
        "neural_hive_specialists/src/neural_hive_specialists/__pycache__/cli.cpython-311.pyc",
        "neural_hive_specialists/.venv/bin/python",
    ]
    assert [path for path in kept if ignore.ignored(path)] == []
    assert [path for path in left_out if not ignore.ignored(path)] == []


@pytest.mark.parametrize("image", IMAGES)
def test_packages_come_from_the_lock_with_hashes_and_stay_in_no_cache(image):
    """Every pip install is the lock, the local library, or the pipelines, whose hashes models.toml has."""
    commands = [i.command.argv[0] for i in stage(image).instructions if isinstance(i, ast.Run)]
    installs = [c for c in commands if "pip install" in c]
    assert installs
    for command in installs:
        assert "--no-cache-dir" in command
        own = ("--require-hashes -r", "--no-deps -e", "--no-index --no-deps --find-links /wheels")
        assert any(options in command for options in own)
