"""The locks of the five images: complete, hashed, in agreement, and without addresses."""

from __future__ import annotations

import re
import tomllib
from itertools import combinations

import pytest
from packaging.requirements import Requirement
from tests.base_images.hive import BASE_IMAGES, PARENTS, PROMISED, ROOT, locked, versions

from hivebase.build.lock_check import read_outputs, stale
from hivebase.build.lock_inputs import inputs_of
from hivebase.build.workspace import open_workspace

IMAGES = tuple(PARENTS)


def asked(image: str) -> list[Requirement]:
    lines = (BASE_IMAGES / image / "requirements.in").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("image", IMAGES)
def test_the_promised_ranges_are_asked_for(image):
    """What the documentation says is what is locked."""
    written = {item.name: item.specifier for item in asked(image)}
    for promise in map(Requirement, PROMISED[image]):
        assert promise.name in written
        missing = {str(part) for part in promise.specifier} - {str(part) for part in written[promise.name]}
        assert missing == set()


@pytest.mark.parametrize("image", IMAGES)
def test_every_requirement_is_locked_in_its_range(image):
    """A lock that was not renewed after an edit is noticed."""
    pins = versions(image)
    for requirement in asked(image):
        assert requirement.name in pins
        assert pins[requirement.name] in requirement.specifier


@pytest.mark.parametrize("image", IMAGES)
def test_every_pin_has_hashes_and_nothing_names_an_address(image):
    """Any mirror can serve it, and no mirror can change it."""
    assert all(locked(image).values())
    text = (BASE_IMAGES / image / "requirements.txt").read_text()
    assert re.findall(r"(?m)://|^-|@ ", text) == []


def test_the_locks_are_those_of_the_hive():
    """Nothing was edited since they were written, and the hive's own lock has the same files."""
    workspace = open_workspace(ROOT)
    lock = workspace.hive.lock
    inputs = inputs_of(workspace, lambda _image: None)
    assert [f"base-images/{image}/requirements.in" for image in sorted(IMAGES)] == [i.path for i in inputs]
    assert stale(inputs, lock, read_outputs(ROOT, lock.outputs)) == []
    for image in IMAGES:
        for pin, hashes in locked(image).items():
            wheels = [lock.wheels[sha256] for sha256 in hashes]
            assert {pin} == {f"{wheel.name}=={wheel.version}" for wheel in wheels}


@pytest.mark.parametrize(("one", "other"), tuple(combinations(IMAGES, 2)))
def test_images_agree_on_versions(one, other):
    """A child never changes a package of its parent, and siblings share layers."""
    first, second = versions(one), versions(other)
    differing = {
        name: (first[name], second[name])
        for name in first.keys() & second.keys()
        if first[name] != second[name]
    }
    assert differing == {}


def test_the_library_is_satisfied_by_the_image_that_installs_it():
    """Its dependencies and its build backend are in the lock, so that the editable install needs no network."""
    project = tomllib.loads((BASE_IMAGES / "neural_hive_specialists/pyproject.toml").read_text())
    pins = {
        name: version
        for image in IMAGES
        if image != "python-mlops-base"
        for name, version in versions(image).items()
    }
    for text in [*project["project"]["dependencies"], *project["build-system"]["requires"]]:
        requirement = Requirement(text)
        assert pins[requirement.name] in requirement.specifier
