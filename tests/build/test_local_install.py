"""Installations that need no index: what they consist of, and what is said of where it came from."""

from __future__ import annotations

import json
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from tests import archives as make
from tests.build.composing import request, step
from tests.layers.wheels.laying import SITE, Kept, kept, scheme, stacked
from tests.wheels import wheel

from hivebase.build.local_install import LocalInstall
from hivebase.build.projects import BuiltProject
from hivebase.build.visible import Visible
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.installed import Distribution
from hivebase.layers.wheels.probe import Environment, NotComposableError
from hivebase.oci.store import Store
from hivebase.plan.steps import CONTEXT, MountSpec


def _pip(version):
    return {"pip": Distribution("pip", version, f"{SITE}/pip-{version}.dist-info", removable=True)}


@pytest.fixture
def resolve(tmp_path):
    """Return what resolves an installation in an image with wheels in ``/w`` and a project in ``/app``."""
    store = Store.open(tmp_path / "store")
    indexes = Indexes(store)
    files: Any = Kept(tmp_path / "wheels")
    with ExitStack() as stack:

        def run(*wheels, present=None, tool="pip", project=None, left=False, asked=None, mounts=(), **fields):
            parts = [make.file(f"w/{one.file}", one.bytes()) for one in wheels]
            layers = stacked(store, make.archive(make.directory("w"), make.directory("app"), *parts))
            tree = stack.enter_context(indexes.tree(layers))
            made = step(None, asked=asked, tool=tool, run={"mounts": mounts}, **fields)
            visible = Visible(made.run, tree, {}, lambda: None, indexes, stack)  # type: ignore[arg-type,return-value]
            built = None
            if project is not None:
                layer = layers[0] if left else None
                about = (layer.descriptor, str(layer.diff_id)) if layer else ()
                built = BuiltProject(kept(project, files.directory), *about)
            projects: Any = SimpleNamespace(wheel=lambda *_, **__: built)
            where = Environment(scheme(tool), (SITE,), (SITE,), "/usr/bin/python3.11", "/usr")
            local = LocalInstall(files, projects, visible, lambda _: None)
            return local.resolve(made, layers, tree, where, _pip("24.0") if present is None else present)

        yield run


def test_wheels_by_path(resolve):
    """All were asked for, and know where they came from."""
    made = wheel("x", "1")
    found = resolve(made, paths=(f"/w/{made.file}",))
    assert [item.name for item in found.resolution.wheels] == ["x"]
    assert found.resolution.requested == {"x"}
    (locked,) = found.resolution.wheels
    assert json.loads(found.direct["x"]) == {
        "url": f"file:///w/{made.file}",
        "archive_info": {"hash": f"sha256={locked.sha256}", "hashes": {"sha256": locked.sha256}},
    }


def test_older_pips_keep_no_hash(resolve):
    """Before 23.1."""
    made = wheel("x", "1")
    found = resolve(made, paths=(f"/w/{made.file}",), present=_pip("23.0.1"))
    assert found.direct["x"] == f'{{"archive_info": {{}}, "url": "file:///w/{made.file}"}}'.encode()


def test_uv_writes_in_its_own_order(resolve):
    """Without blanks."""
    made = wheel("x", "1")
    found = resolve(made, paths=(f"/w/{made.file}",), tool="uv")
    assert found.direct["x"] == f'{{"url":"file:///w/{made.file}","archive_info":{{}}}}'.encode()


@pytest.mark.parametrize("editable", [True, False])
def test_projects(resolve, editable):
    """Whether it is editable is said, and what its build left is a layer."""
    where = {"editables" if editable else "paths": ("/app",)}
    found = resolve(project=wheel("app", "1"), left=True, **where)
    info = {"editable": True} if editable else {}
    assert json.loads(found.direct["app"]) == {"url": "file:///app", "dir_info": info}
    assert [item.label for item in found.left] == ["hivebase: what the build of /app left in it"]
    assert resolve(project=wheel("app", "1"), **where).left == []


def test_by_name(resolve):
    """Nothing says where it came from; only what was named was asked for."""
    wheels = wheel("x", "1", requires=["y"]), wheel("y", "1")
    asked = request("X>=1", no_index=True, find_links=("/w",))
    found = resolve(*wheels, asked=asked)
    assert [item.name for item in found.resolution.wheels] == ["x", "y"]
    assert (found.resolution.requested, found.direct) == ({"x"}, {})


def test_what_they_need_must_be_there(resolve):
    """Installed, or installed with them; extras and other markers do not count."""
    needing = wheel("x", "1", requires=["y>=2", 'z; extra == "a"', 'z; python_version < "3"'])
    path = f"/w/{needing.file}"
    with pytest.raises(NotComposableError, match="x needs y>=2, which the image does not have"):
        resolve(needing, paths=(path,))
    there = {"y": Distribution("y", "2", "/y", removable=True)}
    assert resolve(needing, paths=(path,), present=there)
    beside = wheel("y", "3")
    assert resolve(needing, beside, paths=(path, f"/w/{beside.file}"))
    assert resolve(needing, paths=(path,), deps=False)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"paths": ("/app[x]",)}, "is installed with extras"),
        ({"paths": ("/none",)}, "/none is not a directory of the image"),
        ({"editables": ("/none",)}, "/none is not a directory of the image"),
    ],
)
def test_what_cannot_be_composed(resolve, fields, why):
    """One reason each."""
    with pytest.raises(NotComposableError, match=why):
        resolve(project=wheel("app", "1"), **fields)


def test_a_project_in_a_mount(resolve, monkeypatch):
    """Its build could not leave anything in it."""
    fact = SimpleNamespace(kind="dir")
    source = SimpleNamespace(get=lambda _: fact)
    monkeypatch.setattr(Visible, "find", lambda *_: (source, "app", True))
    with pytest.raises(NotComposableError, match="the project /app is in a mount"):
        resolve(paths=("/app",), mounts=(MountSpec("bind", "/app", CONTEXT),))
