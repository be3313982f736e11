"""What pip leaves and what is composed are the same, for wheels that installers treat in ways of their own."""

from __future__ import annotations

import pytest
from tests.equivalence import awkward
from tests.equivalence.conftest import BASE

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def pair(sides, awkward_names):
    """One image with all of them."""
    return sides.both("awkward", f"FROM {BASE}\nRUN pip install --no-cache-dir {' '.join(awkward_names)}\n")


def test_the_trees_are_equal(pair):
    """Paths, modes, owners, contents and links; what may differ is listed with reasons."""
    pair.check()


@pytest.mark.parametrize("name", awkward.NAMES)
def test_each_is_installed(pair, name):
    """None was left out by both."""
    stem = name.replace("-", "_")
    assert [path for path in pair.run if stem in path.lower().replace(".", "_")]
