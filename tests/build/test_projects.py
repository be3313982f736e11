"""Wheels of local projects: built once for each source tree, apart from the rest of the image."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from tests import archives as make
from tests.layers.wheels.laying import SITE, Kept, scheme, stacked
from tests.wheels import wheel

from hivebase.build import projects as module
from hivebase.build.project_needs import build_requires, depths_of, needed_by
from hivebase.build.projects import Projects
from hivebase.errors import UsageError
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.sources import TreeSource
from hivebase.layers.wheels.installed import Distribution
from hivebase.layers.wheels.probe import Environment, NotComposableError
from hivebase.oci.store import Store

LIBRARY = SITE.lstrip("/")
ABOUT = b'[build-system]\nrequires = ["tool>=1"]\nbuild-backend = "tool.build"\n'
PROJECT = [make.file("app/pyproject.toml", ABOUT), make.file("app/app.py", b"x = 1\n")]
NEEDS = b"Name: tool\nRequires-Dist: helper>1; x\n\nRequires-Dist: other\n"
TOOL = [
    make.file(f"{LIBRARY}/tool/build.py"),
    make.file(f"{LIBRARY}/tool-1.dist-info/RECORD", b"tool/build.py,,\ntool-1.dist-info/RECORD,,\n"),
    make.file(
        f"{LIBRARY}/tool-1.dist-info/METADATA",
        b"Name: tool\nRequires-Dist: helper>1; x\n\nRequires-Dist: none\n",
    ),
]
HELPER = [make.file(f"{LIBRARY}/helper-1.dist-info/RECORD", b"helper-1.dist-info/RECORD,,\n")]
PRESENT = {
    name: Distribution(name, "1", f"{SITE}/{name}-1.dist-info", removable=True)
    for name in ("tool", "helper", "other")
}
ENVIRONMENT = Environment(scheme(), (SITE,), (SITE,), "/usr/bin/python3.11", "/usr")
PYTHON_LAYER = make.archive(make.file("usr/bin/python3.11", b"x", mode=0o755))


class Bench:
    """Projects with a sandbox that writes what it is told to."""

    def __init__(self, root, monkeypatch, stack):
        self.store = Store.open(root / "store")
        self.indexes = Indexes(self.store)
        self.requests: list[Any] = []
        self.writes: dict[str, bytes] = {"hivebase-wheel/app-1-py3-none-any.whl": wheel("app", "1").bytes()}
        self.exit_code, self.said = 0, b""
        self.stack = stack
        snapshots: Any = SimpleNamespace(directories=lambda _, ids: [root / name for name in ids])
        files: Any = Kept(root / "wheels")
        host: Any = None
        self.projects = Projects(
            self.store, self.indexes, snapshots, files, lambda: host, threading.Event(), 7
        )
        monkeypatch.setattr(module, "run", self._run)

    def _run(self, request, take, _cancel):
        self.requests.append(request)
        for name, data in self.writes.items():
            path = request.upper / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        take(self.said)
        return SimpleNamespace(exit_code=self.exit_code)

    def build(self, *tars, isolated=True, editable=False, directory="app"):
        """Build the project of an image of these tars."""
        layers = stacked(self.store, PYTHON_LAYER, *tars)
        tree = self.stack.enter_context(self.indexes.tree(layers))
        return self.projects.wheel(
            TreeSource(tree),
            directory,
            tree,
            layers,
            ENVIRONMENT,
            PRESENT,
            [("A", "b")],
            editable=editable,
            isolated=isolated,
            listener=lambda _: None,
        )


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Projects."""
    with ExitStack() as stack:
        yield Bench(tmp_path, monkeypatch, stack)


def test_once_for_a_source_tree(bench):
    """Another image with the same sources has the same wheel; other sources have not."""
    first = bench.build(make.archive(*PROJECT))
    assert (first.wheel.name, first.wheel.version, first.layer) == ("app", "1", None)
    assert bench.build(make.archive(make.file("other")), make.archive(*PROJECT)) == first
    assert len(bench.requests) == 1
    bench.build(make.archive(*PROJECT, make.file("app/more.py")))
    bench.build(make.archive(*PROJECT), editable=True)
    assert len(bench.requests) == 3


def test_how_it_is_built(bench):
    """By the interpreter of the environment; with a network only when it is isolated, and then may install tools."""
    bench.build(make.archive(*PROJECT))
    bench.build(make.archive(*PROJECT), make.archive(*TOOL, *HELPER), isolated=False, editable=True)
    isolated, shared = bench.requests
    assert isolated.process.argv[0] == "/usr/bin/python3"
    assert isolated.process.argv[-4:] == ["/app", "/hivebase-wheel", "wheel", "isolated"]
    assert shared.process.argv[-2:] == ["editable", "shared"]
    assert (isolated.network, shared.network) == ("default", "none")
    assert ("A", "b") in isolated.process.env
    assert ("SOURCE_DATE_EPOCH", "7") in isolated.process.env


def test_what_it_writes_into_itself_is_a_layer(bench):
    """And nothing else of what the sandbox wrote."""
    bench.writes |= {"app/app.egg-info/PKG-INFO": b"x", "tmp/other": b"x", "app/app.py": b"x = 1\n"}
    built = bench.build(make.archive(*PROJECT))
    assert built.layer is not None
    with bench.indexes.tree([built.layer]) as tree:
        assert tree.listdir("") == ["app"]
        assert tree.lstat("app/app.egg-info/PKG-INFO") is not None
    assert bench.build(make.archive(*PROJECT)) == built
    assert len(bench.requests) == 1


def test_a_build_that_fails_is_run_in_the_image(bench):
    """With its last line."""
    bench.exit_code, bench.said = 1, b"one\nno compiler\n"
    with pytest.raises(NotComposableError, match="cannot be built apart from it: no compiler"):
        bench.build(make.archive(*PROJECT))


@pytest.mark.parametrize(
    ("about", "why"),
    [(b"", "names no build backend"), (b"[build-system]\nrequires = []\n", "names no build backend")],
)
def test_what_says_not_how_it_is_built(bench, about, why):
    """Is run."""
    with pytest.raises(NotComposableError, match=why):
        bench.build(make.archive(make.file("app/pyproject.toml", about)))
    with pytest.raises(NotComposableError, match=r"has no pyproject\.toml"):
        bench.build(make.archive(make.file("app/setup.py")))
    with pytest.raises(UsageError, match="not valid TOML"):
        bench.build(make.archive(make.file("app/pyproject.toml", b"=")))


def test_requirements_of_a_build(bench):
    """Their names are looked for among what is installed."""
    tree = bench.stack.enter_context(bench.indexes.tree(stacked(bench.store, make.archive(*PROJECT))))
    assert build_requires(TreeSource(tree), "app") == ["tool>=1"]
    assert needed_by(["Tool >= 1"], PRESENT) == {"tool": PRESENT["tool"]}
    with pytest.raises(NotComposableError, match="its build needs absent, which the image does not have"):
        needed_by(["absent"], PRESENT)


def test_only_the_layers_that_a_build_needs(bench):
    """The interpreter, the sources, its tools and theirs, and what deletes something; not the rest."""
    other = [make.file(f"{LIBRARY}/other-1.dist-info/RECORD", b"other-1.dist-info/RECORD,,\n")]
    tars = [make.archive(*part) for part in (TOOL, other, HELPER, PROJECT)]
    layers = stacked(
        bench.store, PYTHON_LAYER, *tars, make.archive(make.whiteout("gone")), make.archive(make.file("x"))
    )
    tree = bench.stack.enter_context(bench.indexes.tree(layers))
    needed = {"tool": PRESENT["tool"]}
    assert depths_of(tree, layers, ENVIRONMENT, "app", needed, PRESENT) == [0, 1, 3, 4, 5]
