"""Two wheels that own one file (fault A-15)."""

from __future__ import annotations

import pytest

from hivebase.errors import BuildError
from hivebase.layers.wheels.collisions import refuse_collisions
from hivebase.layers.wheels.jobs import WheelFacts


def _facts(name, record):
    return WheelFacts(name, "1", f"/site/{name}-1.dist-info", record.encode(), (0, 0))


def test_equal_files_are_fine():
    """Every nvidia wheel brings the same ``nvidia/__init__.py``."""
    refuse_collisions([_facts("a", "n/x,sha256=1,1\na,,\n"), _facts("b", "n/x,sha256=1,1\nb,,\n")])


def test_different_files_are_not():
    """Both wheels and the file are named."""
    with pytest.raises(BuildError, match="a 1 and b 1 both install n/x"):
        refuse_collisions([_facts("a", "n/x,sha256=1,1\n"), _facts("b", "n/x,sha256=2,1\n")])


def test_bytecode_without_hashes_is_compared_by_its_source():
    """Lines without a hash are alike; where sources differ, their own lines do."""
    refuse_collisions([_facts("a", "__pycache__/x.pyc,,\n"), _facts("b", "__pycache__/x.pyc,,\n")])


def test_quoted_names_are_read():
    """A comma in a name is part of it."""
    with pytest.raises(BuildError, match=r"both install n,x"):
        refuse_collisions([_facts("a", '"n,x",sha256=1,1\n'), _facts("b", '"n,x",sha256=2,1\n')])


def test_one_wheel_may_list_a_file_twice():
    """pip writes a line of its own beside the wheel's INSTALLER."""
    refuse_collisions(
        [_facts("a", "a-1.dist-info/INSTALLER,sha256=1,1\na-1.dist-info/INSTALLER,sha256=2,1\n")]
    )
