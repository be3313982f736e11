"""Which distributions are there: the names of directories are enough."""

from __future__ import annotations

import pytest
from tests.layers.wheels.laying import scheme

from hivebase.layers.tree import StackedTree
from hivebase.layers.wheels.installed import installed
from hivebase.layers.wheels.probe import Environment


def _found(root, *libraries):
    environment = Environment(scheme(), libraries, libraries[:1], "/usr/bin/python3.11", "/usr")
    return [(item.name, item.version, item.metadata) for item in installed(StackedTree([root]), environment)]


@pytest.mark.parametrize(
    ("directory", "name", "version"),
    [
        ("six-1.16.0.dist-info", "six", "1.16.0"),
        ("Foo.Bar_baz-1.dist-info", "foo-bar-baz", "1"),
        ("x-1!2.0.post1+local.1.dist-info", "x", "1!2.0.post1+local.1"),
        ("a_b-2-py3.11.egg-info", "a-b", "2"),
    ],
)
def test_names_of_directories(tmp_path, directory, name, version):
    """Of wheels and of eggs."""
    (tmp_path / "site" / directory).mkdir(parents=True)
    assert _found(tmp_path, "/site") == [(name, version, f"/site/{directory}")]


def test_the_first_place_counts(tmp_path):
    """As it does for imports; a place that is not there has nothing."""
    for place in ("one/x-1.dist-info", "two/x-2.dist-info", "two/y-1.dist-info", "two/y"):
        (tmp_path / place).mkdir(parents=True)
    found = _found(tmp_path, "/none", "/one", "/two")
    assert [(name, version) for name, version, _ in found] == [("x", "1"), ("y", "1")]
