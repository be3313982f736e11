"""The contracts beside the Dockerfiles can be read, and say what the project promises."""

from __future__ import annotations

import pytest
from tests.base_images.hive import BASE_IMAGES, PARENTS

from hivebase.inspect.contracts.schema import find, parse

IMAGES = tuple(PARENTS)


def contract(image: str):
    path = find(BASE_IMAGES / image)
    assert path is not None
    return parse(path.read_text(), str(path))


@pytest.mark.parametrize("image", IMAGES)
def test_each_image_has_a_contract_with_commands(image):
    """As an unknown user, each test under a name of its own."""
    found = contract(image)
    names = [test.name for test in found.command_tests]
    assert names
    assert len(names) == len(set(names))
    assert found.container_run_options.user == "12345:12345"


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("python-ml-base", ["gcc", "g++", "curl", "pip"]),
        ("python-grpc-base", ["grpcio-tools", "grpcio-health-checking", "protobuf"]),
        ("python-mlops-base", ["pandas", "scipy", "scikit-learn", "mlflow"]),
        (
            "python-nlp-base",
            ["import pt_core_news_sm, en_core_web_sm", "import grpc; import spacy", "spacy.load"],
        ),
        ("python-specialist-base", ["neural_hive_specialists", "motor", "neo4j", "pybreaker", "--editable"]),
    ],
)
def test_the_documented_checks_are_in_the_contract(image, words):
    """What the documentation tells people to try is tried on every build."""
    text = (BASE_IMAGES / image / "container-structure-test.yaml").read_text()
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("image", IMAGES)
def test_each_image_is_held_to_labels_of_its_own(image):
    """Title and parent exactly; version and date in form."""
    labels = {
        label.key.removeprefix("org.opencontainers.image."): label
        for label in contract(image).metadata_test.labels
    }
    assert {"title", "description", "version", "created", "licenses", "vendor", "base.name"} == labels.keys()
    assert image == labels["title"].value
    assert not labels["title"].is_regex
