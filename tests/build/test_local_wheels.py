"""Wheels in an image or a mount, chosen as pip does with ``--no-index`` and with paths."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack

import pytest
from tests import archives as make
from tests.build.plans import run_step
from tests.layers.wheels.laying import PYTHON, stacked
from tests.wheels import wheel

from hivebase.build.local_wheels import LocalWheels
from hivebase.build.visible import Visible
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.keep import keep
from hivebase.layers.wheels.probe import NotComposableError
from hivebase.oci.store import Store


@pytest.fixture
def local(tmp_path):
    """Return the wheels that a step sees in ``/w`` of its image."""
    store = Store.open(tmp_path / "store")
    indexes = Indexes(store)
    with ExitStack() as stack:

        def run(*wheels, others=()):
            parts = [make.file(f"w/{one.file}", one.bytes()) for one in wheels]
            parts += [make.file(f"w/{name}", b"x") for name in others]
            tree = stack.enter_context(
                indexes.tree(stacked(store, make.archive(make.directory("w"), *parts)))
            )
            visible = Visible(run_step("x"), tree, {}, lambda: None, indexes, stack)  # type: ignore[arg-type,return-value]
            directory = tmp_path / "wheels"
            return LocalWheels(
                visible,
                lambda stream, name: keep(directory, stream, name),
                lambda found: directory / f"{found.sha256}.whl",
                PYTHON,
            )

        yield run


def _named(wheels, *lines, installed=None, deps=True):
    return [
        (item.wheel.name, item.wheel.version)
        for item in wheels.named(lines, ["/w"], installed or {}, deps=deps)
    ]


def test_a_path(local):
    """Its address is what the installer would say."""
    made = wheel("x", "1")
    (found,) = local(made).at(f"/w/{made.file}")
    assert (found.wheel.name, found.url) == ("x", f"file:///w/{made.file}")
    assert found.wheel.sha256 == hashlib.sha256(made.bytes()).hexdigest()


def test_a_pattern(local):
    """Matches names in its last part, hidden ones not."""
    wheels = local(wheel("a", "1"), wheel("b", "1"), wheel("ab", "2"), others=[".hidden-1-py3-none-any.whl"])
    assert [item.wheel.name for item in wheels.at("/w/*-1-*.whl")] == ["a", "b"]
    assert [item.wheel.name for item in wheels.at("/w/?-1-py3-none-any.whl")] == ["a", "b"]
    assert len(list(wheels.at("/w/*.whl"))) == 3


@pytest.mark.parametrize(
    ("path", "why"),
    [("/w/none.whl", "is not there"), ("/none/x.whl", "is not there"), ("/w/odd.whl", "called")],
)
def test_paths_that_lead_nowhere(local, path, why):
    """Or to what is no wheel by its name."""
    with pytest.raises(NotComposableError, match=why):
        list(local(others=["odd.whl"]).at(path))


def test_the_newest_with_what_it_needs(local):
    """As pip chooses; markers for the Python of the image."""
    wheels = local(
        wheel("a", "1"),
        wheel("a", "2", requires=["b<3", 'c; python_version < "3"', 'd; extra == "x"']),
        *(wheel("b", version) for version in ("1", "2", "3")),
    )
    assert _named(wheels, "a") == [("a", "2"), ("b", "2")]
    assert _named(wheels, "a==1") == [("a", "1")]
    assert _named(wheels, "a", deps=False) == [("a", "2")]
    assert _named(wheels, "a==2", deps=False) == [("a", "2")]


def test_what_is_installed_and_good_enough_stays(local):
    """So nothing has to be there for it."""
    wheels = local(wheel("a", "2", requires=["b"]))
    assert _named(wheels, "a", installed={"b": "0.1"}) == [("a", "2")]
    assert _named(wheels, "a", installed={"a": "1", "b": "0.1"}) == []
    assert _named(wheels, "a>1", installed={"a": "1", "b": "0.1"}) == [("a", "2")]


def test_pre_releases_only_when_asked(local):
    """By a specifier that names one."""
    wheels = local(wheel("a", "1"), wheel("a", "2rc1"))
    assert _named(wheels, "a") == [("a", "1")]
    assert _named(wheels, "a>=2rc1") == [("a", "2rc1")]


def test_of_one_version_the_best_fitting_file(local):
    """One for this Python before one for all."""
    tag = "cp311-cp311-manylinux_2_17_x86_64"
    wheels = local(wheel("a", "1"), wheel("a", "1", tag=tag), wheel("a", "1", tag="cp311-cp311-win_amd64"))
    (found,) = wheels.named(["a"], ["/w"], {}, deps=True)
    assert found.wheel.file == f"a-1-{tag}.whl"


def test_hashes_decide(local):
    """A file with another one does not count."""
    made = wheel("a", "1")
    good = hashlib.sha256(made.bytes()).hexdigest()
    for deps in (True, False):
        assert _named(local(made), f"a==1 --hash=sha256:{good}", deps=deps) == [("a", "1")]
    with pytest.raises(NotComposableError, match="none of the hashes"):
        _named(local(made), f"a==1 --hash=sha256:{'0' * 64}")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("none", "no wheel of none that fits is in /w"),
        ("a>5", "no wheel of a>5 that fits is in /w"),
        ("foreign", "no wheel of foreign that fits is in /w"),
        ("a[x]", "has an address or extras"),
        ("a @ file:///w/a", "has an address or extras"),
        ("a!!", "is not a requirement"),
        ("clash", "b is wanted in two versions"),
    ],
)
def test_what_cannot_be_told_is_run(local, line, why):
    """One reason each."""
    wheels = local(
        wheel("a", "1"),
        wheel("foreign", "1", tag="cp39-cp39-win_amd64"),
        wheel("clash", "1", requires=["other", "b"]),
        wheel("other", "1", requires=["b<2"]),
        wheel("b", "1"),
        wheel("b", "2"),
    )
    with pytest.raises(NotComposableError, match=why):
        _named(wheels, line)


def test_source_archives_and_networks(local):
    """May have a newer version."""
    with pytest.raises(NotComposableError, match=r"/w also has source archives, such as a-2\.tar\.gz"):
        _named(local(wheel("a", "1"), others=["a-2.tar.gz"]), "a")
    with pytest.raises(NotComposableError, match="is on a network"):
        local().named(["a"], ["http://user:secret@example.invalid/w"], {}, deps=True)
