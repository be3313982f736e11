"""Installations as layers: what is left, what is taken away, and what is left to the installer."""

from __future__ import annotations

from typing import Any

import pytest
from tests import archives as make
from tests.build.composing import image, resolved, step
from tests.layers.wheels.laying import SITE, Kept, kept
from tests.layers.wheels.pythons import DEBIAN
from tests.wheels import wheel

from hivebase.build.composer import Composer
from hivebase.build.stage import Built
from hivebase.digest import Digest
from hivebase.errors import BuildError
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.wheels.facts import FileFacts
from hivebase.layers.wheels.probe import probe
from hivebase.oci.store import Store
from hivebase.plan.steps import ReadFile

LIBRARY = SITE.lstrip("/")


class Bench:
    """A composer on a store, with wheels that are there."""

    def __init__(self, root):
        self.store = Store.open(root / "store")
        self.indexes = Indexes(self.store)
        self.files = Kept(root / "wheels")
        self.notes: list[str] = []
        nothing: Any = None
        self.composer = Composer(self.store, self.indexes, nothing, self.files, nothing, 7)  # type: ignore[arg-type]

    def wheel(self, *arguments, **fields):
        """Keep a wheel."""
        return kept(wheel(*arguments, **fields), self.files.directory)

    def python(self, on):
        """Return the interpreter as it is found."""
        with self.indexes.tree(on.layers) as tree:
            facts = FileFacts(self.store, on.layers, tree)
            return probe(facts, "pip", module=False, path="/usr/bin", profile="pip").scheme.python

    def compose(self, on, resolution, **fields):
        """Compose one step."""
        fields.setdefault("python", self.python(Built(on.layers[:1], ())))
        made = step(resolution, **fields)
        nothing: Any = None
        return self.composer.compose(
            "app", made, on, {}, nothing, lambda event: self.notes.append(event.text)
        )

    def tree(self, on, left):
        """Show what is there then."""
        return self.indexes.tree([*on.layers, *(item.layer for item in left)])


@pytest.fixture
def bench(tmp_path):
    """A composer."""
    made = Bench(tmp_path)
    with made.composer:
        yield made


def test_wheels_and_a_receipt(bench):
    """Only what was asked for itself has REQUESTED."""
    on = image(bench.store)
    wheels = bench.wheel("asked", requires=["needed"]), bench.wheel("needed")
    left = bench.compose(on, resolved(*wheels, requested=("asked",)))
    assert [item.label for item in left] == ["hivebase: 2 small wheels", "hivebase: receipts"]
    with bench.tree(on, left) as tree:
        found = sorted(tree.listdir(f"{LIBRARY}/asked-1.dist-info"))
        assert found == ["INSTALLER", "METADATA", "RECORD", "REQUESTED", "WHEEL"]
        assert "REQUESTED" not in tree.listdir(f"{LIBRARY}/needed-1.dist-info")
    assert bench.notes == []


def test_uv_asks_for_everything(bench):
    """And writes in its own manner."""
    on = image(bench.store)
    left = bench.compose(on, resolved(bench.wheel("x")), tool="uv", program="/usr/bin/python3")
    with bench.tree(on, left) as tree:
        assert tree.open(f"{LIBRARY}/x-1.dist-info/INSTALLER").read() == b"uv"
        assert tree.lstat(f"{LIBRARY}/x-1.dist-info/REQUESTED") is not None


def test_what_is_there_is_not_installed_again(bench):
    """In the same version, however it is written."""
    on = image(bench.store, make.directory(f"{LIBRARY}/x-1.0.dist-info"))
    assert bench.compose(on, resolved(bench.wheel("x", "1"))) == ()


def _old(name="x", version="1"):
    info = f"{LIBRARY}/{name}-{version}.dist-info"
    record = f"{name}/old.py,,\n{name}-{version}.dist-info/RECORD,,\n"
    return [make.file(f"{LIBRARY}/{name}/old.py", b"12345"), make.file(f"{info}/RECORD", record.encode())]


def test_another_version_is_taken_away_first(bench):
    """In a layer of its own, and that is told with the bytes that stay."""
    on = image(bench.store, *_old())
    left = bench.compose(on, resolved(bench.wheel("x", "2")))
    assert left[0].label == "hivebase: without x 1"
    with bench.tree(on, left) as tree:
        assert sorted(tree.listdir(LIBRARY)) == ["x", "x-2.dist-info"]
        assert tree.listdir(f"{LIBRARY}/x") == ["__init__.py"]
    (note,) = bench.notes
    assert note.startswith("takes x 1 away; its ")


def test_sync_takes_away_what_nobody_asked_for(bench):
    """But for what an environment is born with."""
    on = image(bench.store, *_old("extra"), *_old("wheel"))
    left = bench.compose(on, resolved(bench.wheel("x")), tool="uv", sync=True, program="/usr/bin/python3")
    with bench.tree(on, left) as tree:
        assert sorted(tree.listdir(LIBRARY)) == ["wheel", "wheel-1.dist-info", "x", "x-1.dist-info"]
    nothing = bench.compose(on, resolved(), tool="uv", sync=True, program="/usr/bin/python3")
    assert [item.label for item in nothing] == ["hivebase: without extra 1"]


def test_two_that_own_one_file(bench):
    """Are an error that names both (A-15)."""
    wheels = (bench.wheel(name, files={"same.py": name}) for name in ("one", "two"))
    with pytest.raises(BuildError, match=r"one 1 and two 1 both install same\.py"):
        bench.compose(image(bench.store), resolved(*wheels))


@pytest.mark.parametrize(
    ("more", "fields", "why"),
    [
        ([make.file("usr/lib/python3.11/EXTERNALLY-MANAGED")], {}, "EXTERNALLY-MANAGED"),
        ([make.file("etc/pip.conf")], {}, "a pip configuration of its own, /etc/pip.conf"),
        ([], {"program": "pip9"}, "the image has no pip9 on its PATH"),
        (
            [make.file("r.txt", b"new")],
            {"files": [ReadFile("/r.txt", Digest.of(b"old"))]},
            "has changed /r.txt",
        ),
        ([], {"files": [ReadFile("/r.txt", Digest.of(b"old"))]}, "/r.txt is not the file"),
        (
            [make.file("usr/lib/python3/dist-packages/pip/_vendor/distlib/scripts.py")],
            {},
            "in a way that hivebase",
        ),
        ([make.directory(f"{LIBRARY}/x-0.dist-info")], {}, "x 0 has no RECORD"),
    ],
)
def test_it_is_run_where_the_tree_is_another_one(bench, more, fields, why):
    """With a note; an interpreter whose distribution is overruled is composed for."""
    on = image(bench.store, *more)
    assert bench.compose(on, resolved(bench.wheel("x")), **fields) is None
    (note,) = bench.notes
    assert note.startswith("line 3 is run, not composed: ")
    assert why in note


UV = {"tool": "uv", "program": "/usr/bin/python3"}


@pytest.mark.parametrize(
    ("file", "content", "fields"),
    [
        ("etc/uv/uv.toml", b"", {}),
        ("root/.config/uv/uv.toml", b"", {}),
        ("config/uv/uv.toml", b"", {"env": (("XDG_CONFIG_HOME", "/config"),)}),
        ("uv.toml", b"", {}),
        ("app/uv.toml", b"", {"workdir": "/app/below"}),
        ("app/pyproject.toml", b"[tool.uv.pip]\n", {"workdir": "/app"}),
    ],
)
def test_settings_of_uv(bench, file, content, fields):
    """Wherever it would read them; pip does not care."""
    on = image(bench.store, make.file(file, content))
    assert bench.compose(on, resolved(bench.wheel("x")), **UV, run=fields) is None
    assert f"uv reads settings from /{file}" in bench.notes[0]
    assert bench.compose(on, resolved(bench.wheel("x")), run=fields)


def test_what_are_no_settings_of_uv(bench):
    """Those of pip, a project without any, and all of them where uv is told to read none."""
    on = image(bench.store, make.file("etc/pip.conf"), make.file("pyproject.toml", b"[project]\n"))
    assert bench.compose(on, resolved(bench.wheel("x")), **UV)
    on = image(bench.store, make.file("uv.toml"))
    assert bench.compose(on, resolved(bench.wheel("x")), **UV, run={"env": (("UV_NO_CONFIG", "1"),)})


def test_break_system_packages(bench):
    """Is heeded."""
    on = image(bench.store, make.file("usr/lib/python3.11/EXTERNALLY-MANAGED"))
    assert bench.compose(on, resolved(bench.wheel("x")), break_system=True)


def test_another_interpreter_than_planned(bench):
    """A step below has replaced it."""
    other = next(part for part in DEBIAN if b"3.11.2" in part).replace(b"3.11.2", b"3.11.9")
    content = other[512:].rstrip(b"\0") + b"\0"
    on = image(bench.store, make.file("usr/bin/python3.11", content, mode=0o755))
    assert bench.compose(on, resolved(bench.wheel("x"))) is None
    assert "the interpreter is Python 3.11.9, and the plan is for 3.11.2" in bench.notes[0]


def test_an_early_start_makes_the_very_layers(bench):
    """For what the base shows; the step finds them when its turn comes."""
    on = image(bench.store)
    wheels = resolved(bench.wheel("x"), bench.wheel("y"))
    python = bench.python(on)
    bench.composer.begin(step(wheels, python=python), on)
    asked = len(bench.files.asked)
    left = bench.compose(on, wheels)
    assert len(left) == 2
    assert len(bench.files.asked) - asked <= 2
