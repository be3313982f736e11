"""What an installation installs, as far as the lock says it."""

from __future__ import annotations

import pytest

from hivebase.plan.lockfile import HiveLock
from hivebase.plan.pythons import Python
from hivebase.plan.resolve_pins import answer, best, environment, parse_pin, same_version
from hivebase.plan.wheels import LockedWheel, Request, Resolution

PYTHON = Python("3.11.2", "glibc", (2, 36), "x86_64", "")
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)
SIX = LockedWheel("six", "1.16.0", "six-1.16.0-py2.py3-none-any.whl", ONE)
ABI = LockedWheel("x-y", "1.0", "x_y-1.0-cp311-cp311-manylinux2014_x86_64.whl", TWO)
PURE = LockedWheel("x-y", "1.0", "x_y-1.0-py3-none-any.whl", THREE)
LOCK = HiveLock.empty().with_wheels([SIX, ABI, PURE])


def ask(*requirements, constraints=()):
    return Request(requirements, constraints, PYTHON.version, PYTHON.platform)


def pinned(name, *hashes):
    return " ".join([name, *(f"--hash=sha256:{item}" for item in hashes)])


def test_a_known_question_has_its_answer():
    """Whatever it asks for."""
    request = ask("six")
    found = Resolution((SIX,), frozenset({"six"}))
    assert answer(request, LOCK, PYTHON) is None
    assert found == answer(request, LOCK.with_install(request, found), PYTHON)


def test_pins_with_hashes_are_answered_by_the_wheels():
    """The best wheel of those that the line allows, sorted by name."""
    request = ask(pinned("X_y==1.0", THREE, TWO), pinned("six == 1.16.0", ONE))
    assert Resolution((SIX, ABI), frozenset({"six", "x-y"})) == answer(request, LOCK, PYTHON)
    other = Python("3.12.0", "musl", (1, 2), "aarch64", "")
    assert Resolution((SIX, PURE), frozenset({"six", "x-y"})) == answer(request, LOCK, other)


@pytest.mark.parametrize(
    "requirements",
    [
        ("six==1.16.0",),
        (pinned("six>=1.0", ONE),),
        (pinned("six==1.*", ONE),),
        (pinned("six==1.16.0", THREE),),
        (pinned("six==1.15.0", ONE),),
        (pinned("other==1.16.0", ONE),),
        (pinned("six==1.16.0", ONE), "other==1"),
        (pinned("x-y==1.0", TWO), pinned("x-y==1.0", THREE)),
        (pinned("six @ https://one.example/six.whl", ONE),),
        (),
    ],
)
def test_what_the_lock_does_not_say_is_not_guessed(requirements):
    """Ranges, unknown hashes, other versions, contradictions."""
    assert answer(ask(*requirements), LOCK, PYTHON) is None


def test_a_wheel_that_does_not_fit_is_no_answer():
    """Known is not enough."""
    request = ask(pinned("x-y==1.0", TWO))
    assert answer(request, LOCK, Python("3.12.0", "glibc", (2, 36), "x86_64", "")) is None


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ('sys_platform == "linux"', {"six", "x-y"}),
        ('python_full_version < "3.11.2"', {"six"}),
        ('platform_machine == "aarch64" or os_name == "nt"', {"six"}),
        ('extra == "test"', {"six"}),
    ],
)
def test_markers_are_those_of_the_image(marker, expected):
    """The host's Python has no say."""
    requirements = (pinned("six==1.16.0", ONE), pinned(f"x-y==1.0 ; {marker}", TWO))
    found = answer(ask(*requirements), LOCK, PYTHON)
    assert found is not None
    assert expected == found.requested


@pytest.mark.parametrize(
    ("constraint", "fits"),
    [
        ("six==1.16", True),
        ("six==1.16.1", False),
        ("six>=1.10,<2", True),
        ("six<1.16", False),
        ("other==9", True),
        (pinned("six==1.16.0", ONE), True),
        (pinned("six==1.16.0", TWO), False),
        ('six==1 ; sys_platform == "win32"', True),
        ('six<1 ; sys_platform == "win32"', True),
        ("six @ https://one.example/six.whl", False),
        ("???", False),
    ],
)
def test_constraints_are_kept(constraint, fits):
    """A pin that a constraint forbids is left to those who can explain it."""
    request = ask(pinned("six==1.16.0", ONE), constraints=(constraint,))
    assert fits == (answer(request, LOCK, PYTHON) is not None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1.0", "1.0.0", True),
        ("1.0", "1.0.1", False),
        ("10", "1", False),
        ("1.0", "v1.0", True),
        ("1.0rc1", "1.0.0-rc.1", True),
        ("1.0+cpu", "1.0", False),
        ("1.0", "nonsense", False),
    ],
)
def test_versions_are_compared_by_their_meaning(one, other, expected):
    """PEP 440."""
    assert expected == same_version(one, other)


def test_a_rebuilt_wheel_is_better():
    """Its build number is higher."""
    again = LockedWheel("six", "1.16.0", "six-1.16.0-1-py2.py3-none-any.whl", TWO)
    assert again == best([again, SIX], PYTHON)
    assert again == best([SIX, again], PYTHON)
    assert best([], PYTHON) is None


def test_the_environment_is_complete():
    """Every variable of PEP 508 has a value, none of this machine's."""
    from packaging.markers import default_environment  # noqa: PLC0415 -- only for its keys

    assert default_environment().keys() == environment(PYTHON).keys()
    assert environment(PYTHON)["python_version"] == "3.11"


def test_a_pin_is_read():
    """With extras and marker."""
    found = parse_pin(pinned('A.b[c] == 1.0+cpu ; x == "y"', ONE))
    assert found is not None
    assert (found.name, found.version, found.hashes, found.marker) == ("a-b", "1.0+cpu", (ONE,), 'x == "y"')
