"""Composed packages are packages like any others: for pip, for the interpreter, and for who runs their commands."""

from __future__ import annotations

import pytest
from tests.equivalence.conftest import BASE, WITH_UV

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def inside(awkward_pair):
    """Run something in an image with everything composed; return what it printed."""

    def run(*words):
        return awkward_pair.hives[0].run("run", "--network", "none", "awkward", "--", *words).stdout

    return run


def test_pip_lists_them(inside, awkward_names):
    """All of them, and finds nothing wrong."""
    listed = {
        line.split()[0].lower().replace("_", "-").replace(".", "-")
        for line in inside("pip", "list").splitlines()
    }
    assert set(awkward_names) <= listed
    assert "No broken requirements found." in inside("pip", "check")


@pytest.mark.parametrize(
    "command", ["awk-plain", "awk-dotted", "Awk.Upper_case", "awk-window", "wrapped-cmd", "raw-python"]
)
def test_commands_run(inside, command):
    """Generated ones and the wheels' own."""
    assert inside(command) == "it runs\n"


def test_importlib_finds_everything(inside):
    """Version, files that exist with the sizes that RECORD tells, and entry points of all groups."""
    program = """
import importlib.metadata as m
for d in m.distributions():
    for f in d.files or []:
        if "dist-packages" in str(d._path) and "/local/" in str(d._path) and f.name != "RECORD":
            if f.hash and f.name != "INSTALLER" and "pycache" not in str(f) and ".data/" not in str(f):
                assert f.size is None or f.locate().stat().st_size == f.size, f
            assert f.locate().exists() or ".data/" in str(f), f
print(m.version("foo-bar-baz"), m.version("local_version"))
print(sorted(e.name for e in m.entry_points(group="commands.plugins")))
print(m.entry_points(group="console_scripts", name="foo-bar")["foo-bar"].load()())
"""
    assert inside("python", "-c", program) == "1.0 1!2.0.post1+local.1\n['x y']\nit runs\n0\n"


def test_imports_take_the_bytecode(inside):
    """Nothing is compiled again: the time and size in it are those of the source."""
    told = inside("sh", "-c", "python -v -c 'import commands.cli, ns.two, through_data' 2>&1")
    for module in ("commands/__pycache__/cli", "ns/__pycache__/two", "__pycache__/through_data"):
        place = f"/usr/local/lib/python3.11/dist-packages/{module}.cpython-311.pyc"
        source = place.replace("__pycache__/", "").replace(".cpython-311.pyc", ".py")
        assert f"# {place} matches {source}\n" in told
    assert "# wrote" not in told


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_uninstalling_leaves_nothing(sides, uv_binary, awkward_names, tool):
    """As it does after a real installation."""
    names = " ".join(name for name in awkward_names if name not in {"deep-scripts", "with-receipts"})
    head, install, remove = {
        "pip": (f"FROM {BASE}\n", "pip install --no-cache-dir", "pip uninstall -y"),
        "uv": (
            WITH_UV,
            "uv pip install --system --no-cache --break-system-packages --compile-bytecode",
            "uv pip uninstall --system --no-cache --break-system-packages",
        ),
    }[tool]
    pair = sides.both(f"removed-{tool}", f"{head}RUN {install} {names}\nRUN {remove} {names}\n", uv_binary)
    pair.check()
    base = sides.both(f"base-{tool}", f"{head}RUN true\n", uv_binary).composed
    left = [path for path, node in pair.composed.items() if path not in base and node.kind != "dir"]
    # What they themselves leave: headers outside of /usr/local, and what RECORD does not list.
    left = [path for path in left if not path.endswith((".pyc", ".lock"))]
    assert [path for path in left if not path.endswith((".h", "/RECORD.jws", "/RECORD.p7s"))] == []
