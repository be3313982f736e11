"""What an installation adds, and what it takes away for that."""

from __future__ import annotations

import msgspec
import pytest
from tests.layers.wheels.laying import PYTHON, scheme

from hivebase.build.changes import changes, synchronised
from hivebase.layers.wheels.installed import Distribution
from hivebase.layers.wheels.probe import Environment
from hivebase.plan.wheels import LockedWheel, Resolution


def _wheel(name, version):
    return LockedWheel(name, version, f"{name}-{version}-py3-none-any.whl", "0" * 64)


def _present(*items, removable=True):
    return {
        name: Distribution(name, version, f"/site/{name}-{version}.dist-info", removable)
        for name, version in items
    }


def _found(wheels, present, direct=None):
    found = changes(Resolution(tuple(wheels)), present, direct)
    return [wheel.name for wheel in found.wanted], [item.name for item in found.gone]


def test_what_is_missing_is_wanted():
    """What is there in that version is not, and another version goes."""
    wheels = [_wheel("missing", "1"), _wheel("other", "2"), _wheel("same", "1.0")]
    assert _found(wheels, _present(("same", "1"), ("other", "1"))) == (["missing", "other"], ["other"])


def test_packages_of_the_distribution_stay():
    """The new one comes in front of them."""
    assert _found([_wheel("x", "2")], _present(("x", "1"), removable=False)) == (["x"], [])


def test_what_comes_from_a_path_is_installed_again():
    """In the same version too: it may be another file."""
    assert _found([_wheel("x", "1")], _present(("x", "1")), {"x": b"{}"}) == (["x"], ["x"])


@pytest.mark.parametrize(
    ("version", "seeded", "gone"),
    [
        ("3.11.2", True, ["extra"]),
        ("3.12.1", True, ["extra", "setuptools", "wheel"]),
        ("3.11.2", False, ["extra", "pip", "setuptools", "uv", "wheel"]),
    ],
)
def test_sync_leaves_what_an_environment_is_born_with(version, seeded, gone):
    """Which depends on the version of Python, and on who made it."""
    where = scheme("uv", python=msgspec.structs.replace(PYTHON, version=version))
    environment = Environment(where, (), (), "/usr/bin/python3", "/usr", seeded)
    present = _present(*((name, "1") for name in ("pip", "uv", "setuptools", "wheel", "extra", "asked")))
    wanted = Resolution((_wheel("asked", "1"),))
    found = synchronised(changes(wanted, present), wanted, present, environment)
    assert (found.wanted, sorted(item.name for item in found.gone)) == ((), gone)
