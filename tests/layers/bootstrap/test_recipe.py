"""Which references have an honest stand-in."""

from __future__ import annotations

import pytest

from hivebase.layers.bootstrap.recipe import recipe_for
from hivebase.reference import Reference


@pytest.mark.parametrize(
    "text",
    [
        "python:3.11-slim",
        "docker.io/library/python:3.11",
        "python:3.11.9-slim-bookworm",
        "index.docker.io/python:3.11-slim",
    ],
)
def test_python_3_11_can_be_stood_in_for(text):
    """Every spelling of the official image on Debian 12 is the same recipe."""
    recipe = recipe_for(Reference.parse(text))
    assert recipe is not None
    assert (recipe.python, recipe.suite) == ("3.11", "bookworm")


def test_the_name_is_what_it_stands_in_for():
    """Labels name the image, not the recipe."""
    recipe = recipe_for(Reference.parse("docker.io/library/python:3.11-slim"))
    assert recipe is not None
    assert recipe.name == "python:3.11-slim"


@pytest.mark.parametrize(
    "text",
    [
        "python:3.12-slim",
        "python:3.11-alpine",
        "python",
        "ghcr.io/library/python:3.11-slim",
        "someone/python:3.11-slim",
        "python:3.11-slim@sha256:" + "0" * 64,
        "ubuntu:22.04",
    ],
)
def test_nothing_else_is_pretended(text):
    """Another version, libc, registry, owner or a digest has no stand-in."""
    assert recipe_for(Reference.parse(text)) is None
