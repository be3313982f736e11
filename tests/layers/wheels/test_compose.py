"""From wheels to one layer: every file once, with the directories above it."""

from __future__ import annotations

import pytest
from tests.layers.wheels.laying import SITE, kept, scheme
from tests.wheels import member, wheel

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.layer import Layer
from hivebase.layers.wheels.compose import make_layer
from hivebase.layers.wheels.jobs import LayerJob, Place, Requested, WheelJob
from hivebase.oci.store import Store

LIBRARY = SITE.lstrip("/")


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return Store.open(tmp_path / "store")


@pytest.fixture
def lay(store, tmp_path):
    """Return what makes a layer of wheels and shows its tree."""

    def run(*wheels, where=None, compiled=None, **fields):
        jobs = []
        for made in wheels:
            locked = kept(made, tmp_path / "wheels")
            path = ""
            if compiled is not None:
                path = str(tmp_path / "bytecode")
                parts = [part for pair in compiled.items() for part in (pair[0].encode(), pair[1])]
                (tmp_path / "bytecode").write_bytes(
                    b"".join(len(one).to_bytes(4, "little") + one for one in parts)
                )
            jobs.append(
                WheelJob(str(tmp_path / "wheels" / f"{locked.sha256}.whl"), made.file, locked.name, path)
            )
        job = LayerJob(tuple(jobs), where or scheme(), fields.pop("places", ()), 7, **fields)
        indexes = Indexes(store)
        made = make_layer(job, store, indexes)
        return made, indexes.tree([Layer(made.descriptor, Digest.parse(made.diff_id))])

    return run


def test_files_and_parents(lay):
    """All with the time of the layer; the image's directories as the image has them."""
    made, context = lay(wheel("x", "1", {"x/a.py": "1"}), places=(Place("usr/local", 0o2775, 0, 50),))
    with context as tree:
        assert tree.lstat(f"{LIBRARY}/x/a.py").mtime == 7
        assert (tree.lstat("usr/local").mode, tree.lstat("usr/local").gid) == (0o2775, 50)
        assert tree.lstat("usr/local/lib").mode == 0o2755
        assert tree.lstat(f"{LIBRARY}/x-1.dist-info/RECORD") is None
    (facts,) = made.wheels
    assert (facts.name, facts.version, facts.dist_info) == ("x", "1", f"{SITE}/x-1.dist-info")
    at, length = facts.requested
    assert facts.record[at : at + length].startswith(b"x-1.dist-info/REQUESTED,")


def test_two_wheels_share_a_file(lay):
    """Which is there once."""
    one, two = (wheel(name, "1", {"ns/__init__.py": "same\n", f"ns/{name}.py": ""}) for name in ("a", "b"))
    with lay(one, two)[1] as tree:
        assert tree.listdir(f"{LIBRARY}/ns") == ["__init__.py", "a.py", "b.py"]


def test_bytecode_and_its_lines(lay):
    """Written over what the wheel brings; listed by pip, and not by uv, which takes only what is in site-packages."""
    made = wheel(
        "x", "1", {"x/a.py": "1", "x/__pycache__/a.cpython-311.pyc": "stale"}, data={"data/share/b.py": "1"}
    )
    compiled = {f"{SITE}/x/a.py": b"new", "/usr/local/share/b.py": b"new"}
    layer, context = lay(made, compiled=compiled)
    with context as tree:
        assert tree.open(f"{LIBRARY}/x/__pycache__/a.cpython-311.pyc").read() == b"new"
        assert tree.lstat("usr/local/share/__pycache__/b.cpython-311.pyc") is not None
    assert b"\nx/__pycache__/a.cpython-311.pyc,,\r\n" in layer.wheels[0].record
    layer, context = lay(made, where=scheme("uv"), compiled=compiled)
    with context as tree:
        assert tree.open(f"{LIBRARY}/x/__pycache__/a.cpython-311.pyc").read() == b"new"
        assert tree.lstat("usr/local/share/__pycache__") is None
    assert b"a.cpython-311.pyc,,\n" not in layer.wheels[0].record


def test_receipts_in_the_same_layer(lay):
    """Take the place of what the wheel brings."""
    made = wheel("x", "1", dist_info={"direct_url.json": "old"})
    with lay(made, receipts=(Requested(itself=True, direct_url=b"new"),))[1] as tree:
        info = f"{LIBRARY}/x-1.dist-info"
        assert tree.open(f"{info}/direct_url.json").read() == b"new"
        assert tree.lstat(f"{info}/REQUESTED") is not None
        assert b"direct_url.json" in tree.open(f"{info}/RECORD").read()


def test_empty_directories(lay):
    """uv makes them."""
    with lay(wheel("x", "1").adding(member("x/empty/")), where=scheme("uv"))[1] as tree:
        assert tree.lstat(f"{LIBRARY}/x/empty").kind == "dir"


def test_a_lie_in_record_leaves_no_layer(lay, store):
    """What was written until then is thrown away."""
    before = set(store.root.rglob("*"))
    with pytest.raises(CorruptContentError, match="is not the file that its RECORD lists"):
        lay(wheel("x", "1", {"x.py": "1", "y.py": "2"}).replacing("y.py", data=b"3"))
    assert {
        path for path in set(store.root.rglob("*")) - before if path.is_file() and "blobs" in path.parts
    } == set()


def test_the_same_bytes_twice(lay):
    """Whatever was made before."""
    made = wheel("x", "1", {"x/a.py": "1" * 5000, "x/b.py": ""})
    assert lay(made)[0] == lay(made)[0]
