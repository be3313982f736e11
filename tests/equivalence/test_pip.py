"""What pip leaves and what is composed are the same, for wheels that installers treat in ways of their own."""

from __future__ import annotations

import pytest
from tests.equivalence import awkward

pytestmark = [pytest.mark.engine, pytest.mark.root]


def test_the_trees_are_equal(awkward_pair):
    """Paths, modes, owners, contents and links; what may differ is listed with reasons."""
    awkward_pair.check()


@pytest.mark.parametrize("name", awkward.NAMES)
def test_each_is_installed(awkward_pair, name):
    """None was left out by both."""
    stem = name.replace("-", "_")
    assert [path for path in awkward_pair.run if stem in path.lower().replace(".", "_")]
