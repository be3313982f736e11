"""Layers seen without unpacking them: they must look as they do unpacked."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import archives as make
from tests.hostile.test_layers import STACKS
from tests.hostile.trees import rows, unpack
from tests.layers.test_tree import LAYERS

from hivebase.digest import Digest
from hivebase.errors import HivebaseError
from hivebase.layers.indexed_cache import Indexes
from hivebase.layers.layer import Layer
from hivebase.layers.tree import resolve
from hivebase.oci.model import LAYER_GZIP, Descriptor
from hivebase.oci.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.layers.tree import Tree

root = pytest.mark.root


@pytest.fixture(autouse=True)
def no_sync(monkeypatch):
    """Nothing here is about power cuts."""
    monkeypatch.setenv("HIVEBASE_UNSAFE_NO_SYNC", "1")


CAPABILITY = b"\x01\x00\x00\x02\x00\x20\x00\x00" + bytes(12)
XATTRS = {"SCHILY.xattr.security.capability": CAPABILITY, "SCHILY.xattr.user.a": b"1"}

MORE = {
    "parents left out": [
        make.archive(make.pax(XATTRS) + make.directory("a", 0o1750, uid=3, gid=4, mtime=9), make.file("a/x")),
        make.archive(make.file("a/b/y"), make.file("c/z")),
        make.archive(make.file("a/b/new"), make.file("c/z", b"2")),
    ],
    "parents left out above a deletion": [
        make.archive(make.directory("a", 0o700), make.file("a/x"), make.directory("b", 0o700)),
        make.archive(make.whiteout("a"), make.symlink("b", "x")),
        make.archive(make.file("a/y"), make.file("c")),
        make.archive(make.whiteout("a/y"), make.whiteout("n/o")),
    ],
    "links to lower layers": [
        make.archive(
            make.directory("real"),
            make.symlink("way", "real"),
            make.pax(XATTRS) + make.file("real/f", b"low", mode=0o4755, uid=3, mtime=7),
            make.symlink("real/s", "f"),
        ),
        make.archive(
            make.hardlink("l", "real/f", uid=5, mode=0o640),
            make.hardlink("m", "way/f", mtime=3),
            make.pax({"SCHILY.xattr.user.b": b"2"}) + make.hardlink("n", "/../real/s", gid=8),
            make.pax({"SCHILY.xattr.user.b": b"2"}) + make.hardlink("o", "l", gid=9),
        ),
        make.archive(make.whiteout("real/f"), make.hardlink("again", "m")),
    ],
    "links with metadata of their own": [
        make.archive(
            make.pax(XATTRS) + make.file("f", b"x", uid=1),
            make.pax({"SCHILY.xattr.user.b": b"2"}) + make.hardlink("g", "f", uid=2, mode=0o600, mtime=5),
            make.file("f", b"other"),
        )
    ],
    "through links of the layer": [
        make.archive(
            make.symlink("lib", "usr/lib"),
            make.file("lib/a", b"a"),
            make.directory("usr", 0o711),
            make.symlink("up", "../../usr/./lib/../lib"),
            make.file("up/b", b"b"),
            make.whiteout("up/c"),
            make.directory("lib", 0o700),
            make.file("lib/own"),
        )
    ],
    "a device that is a whiteout": [
        make.archive(make.file("a"), make.directory("b"), make.file("b/c")),
        make.archive(make.device("a", 0, 0), make.device("b", 0, 0), make.directory("b")),
    ],
    "everything hidden at the root": [
        make.archive(make.file("a"), make.directory("b", 0o700)),
        make.archive(make.file(".wh..wh..opq"), make.file("b/c")),
    ],
    "times nobody can set": [make.archive(make.file("a", mtime=make.base256(-5, 12)), make.directory("d"))],
    "attributes that stay outside": [
        make.archive(
            make.pax({"SCHILY.xattr.trusted.overlay.opaque": b"y", "SCHILY.xattr.user.x": b"1"})
            + make.directory("d"),
            make.pax({"SCHILY.xattr.user.x": b"1"}) + make.symlink("s", "d"),
            make.pax({"SCHILY.xattr.user.x": b"1"}) + make.fifo("p"),
        )
    ],
}
CASES = STACKS | MORE | {"a tree": list(LAYERS)}

REFUSED = {
    "a file below a file": [make.archive(make.file("a"), make.file("a/b"))],
    "a link to nothing": [make.archive(make.file("a")), make.archive(make.hardlink("b", "nothing"))],
    "a link to itself": [make.archive(make.file("a"), make.hardlink("a", "a"))],
    "a link to a directory": [make.archive(make.directory("a"), make.hardlink("b", "a"))],
    "a link to a lower directory": [make.archive(make.directory("a")), make.archive(make.hardlink("b", "a"))],
    "a link to the root": [make.archive(make.hardlink("b", "/"))],
    "a circle": [make.archive(make.symlink("a", "b"), make.symlink("b", "a"), make.file("a/x"))],
    "a whiteout of nothing": [make.archive(make.file("d/.wh."))],
    "a whiteout of the parent": [make.archive(make.file("d/.wh..."))],
    "a name too long": [make.archive(make.pax({"path": "n" * 256}) + make.file("x"))],
    "a directory's name too long": [make.archive(make.pax({"path": "n" * 256 + "/x"}) + make.file("x"))],
    "a link without a target": [make.archive(make.symlink("a", ""))],
    "below a deletion of its own": [make.archive(make.whiteout("a"), make.file("a/b"))],
}


def put(store: Store, *archives: bytes) -> list[Layer]:
    """Store archives as layers."""
    blobs = [gzip.compress(raw, 1, mtime=0) for raw in archives]
    return [
        Layer(Descriptor(LAYER_GZIP, store.put(blob), len(blob)), Digest.of(raw))
        for blob, raw in zip(blobs, archives, strict=True)
    ]


def indexed_rows(where: Path, archives: Sequence[bytes]) -> list[str]:
    store = Store.open(where / "store")
    with Indexes(store).tree(put(store, *archives)) as tree:
        return rows(tree)


@root
@pytest.mark.parametrize("name", CASES)
def test_it_looks_as_if_it_were_unpacked(tmp_path, name):
    """Names, kinds, owners, modes, times, attributes, targets and contents are those of the unpacked layers."""
    unpacked, _ = unpack(tmp_path / "unpacked", *CASES[name])
    assert rows(unpacked) == indexed_rows(tmp_path, CASES[name])


@root
@pytest.mark.parametrize("name", REFUSED)
def test_a5_what_cannot_be_unpacked_is_refused(tmp_path, name):
    """A layer that unpacking refuses is refused here, too."""
    with pytest.raises(HivebaseError):
        unpack(tmp_path / "unpacked", *REFUSED[name])
    with pytest.raises(HivebaseError) as caught:
        indexed_rows(tmp_path, REFUSED[name])
    assert caught.value.why


NAMES = st.lists(st.sampled_from(["a", "b", "c", "\udcff"]), min_size=1, max_size=3).map("/".join)
FIELDS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from([0o644, 0o4755, 0o1777, 0o700]),
        "uid": st.integers(0, 3),
        "gid": st.integers(0, 3),
        "mtime": st.integers(0, 9),
    }
)


@st.composite
def parts(draw):
    """Return one random entry of an archive."""
    name, fields = draw(NAMES).encode("utf-8", "surrogateescape"), draw(FIELDS)
    kind = draw(
        st.sampled_from(["file"] * 3 + ["dir"] * 3 + ["symlink", "hardlink", "whiteout", "opaque", "char"])
    )
    before = make.pax(XATTRS) if draw(st.integers(0, 9)) == 0 and kind in {"file", "dir", "hardlink"} else b""
    target = draw(NAMES | st.sampled_from(["/", "..", "../a", "/b"])).encode("utf-8", "surrogateescape")
    parent, slash, last = name.rpartition(b"/")
    if kind == "file":
        return before + make.file(name, draw(st.binary(max_size=9)), **fields)
    if kind == "dir":
        return before + make.header(name + b"/", b"5", **fields)
    if kind == "symlink":
        return make.header(name, b"2", link=target, **fields)
    if kind == "hardlink":
        return before + make.header(name, b"1", link=target, **fields)
    if kind == "char":
        return make.header(name, b"3", major=draw(st.integers(0, 1)), **fields)
    if kind == "whiteout":
        return make.file(parent + slash + b".wh." + last)
    return make.file(parent + slash + b".wh..wh..opq")


def looks(tree: Tree) -> list[str]:
    """Describe a tree, and what looking at wrong places gives; times that unpacking leaves to chance as 0."""
    found = rows(tree, times=False)
    for path in ("a", "a/b", "b/c", "c"):
        entry = tree.lstat(path)
        found.append(f"{path} {entry and (entry.mtime if entry.mtime < 1000 else 0)}")
        for look in (tree.listdir, tree.readlink, lambda path: tree.open(path).close()):
            try:
                found.append(repr(look(path)))
            except OSError as error:
                found.append(type(error).__mro__[-4].__name__)
        try:
            found.append(resolve(tree, path))
        except HivebaseError:
            found.append("a circle")
    return found


@root
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(parts(), max_size=8), min_size=1, max_size=4))
def test_random_stacks_look_as_if_they_were_unpacked(stack):
    """Whatever the layers are, both ways show the same tree, or refuse both."""
    archives = [make.archive(*layer) for layer in stack]
    with tempfile.TemporaryDirectory() as place:
        try:
            expected = looks(unpack(Path(place) / "unpacked", *archives)[0])
        except HivebaseError:
            expected = ["refused"]
        store = Store.open(Path(place) / "store")
        try:
            with Indexes(store).tree(put(store, *archives)) as tree:
                actual = looks(tree)
        except HivebaseError:
            actual = ["refused"]
    assert expected == actual


def test_names_of_one_file_are_told(tmp_path):
    """Within a layer; a link to a lower layer is a copy, and so is what was written over a name."""
    archives = [
        make.archive(
            make.file("a", b"1"), make.hardlink("b", "a"), make.hardlink("c", "b"), make.file("d", b"1")
        ),
        make.archive(make.hardlink("e", "a"), make.file("c", b"2"), make.directory("f")),
    ]
    store = Store.open(tmp_path / "store")
    with Indexes(store).tree(put(store, *archives)) as tree:
        inode = {name: tree.inode(name) for name in ("a", "b", "c", "d", "e", "f", "g", "")}

    assert inode["a"] == inode["b"] is not None
    assert len({inode[name] for name in "abcd"}) == 3
    assert [inode[name] for name in ("e", "f", "g", "")] == [None] * 4


def test_everything_is_walked_with_the_layer_that_has_it(tmp_path):
    """What is deleted is not there; a directory belongs to the highest layer that has it."""
    archives = [
        make.archive(make.directory("d"), make.file("d/a", b"1"), make.file("d/b", b"1"), make.file("c")),
        make.archive(
            make.directory("d"), make.file("d/b", b"2"), make.whiteout("d/a"), make.hardlink("e", "c")
        ),
    ]
    store = Store.open(tmp_path / "store")
    with Indexes(store).tree(put(store, *archives)) as tree:
        walked = [(path, layer, row.kind) for path, layer, row in tree.walk()]
        with tree.below(1).open("d/b") as stream:
            before = stream.read()

    assert sorted(walked) == [("c", 0, "file"), ("d", 1, "dir"), ("d/b", 1, "file"), ("e", 1, "hardlink")]
    assert walked.index(("d", 1, "dir")) < walked.index(("d/b", 1, "file"))
    assert before == b"1"
