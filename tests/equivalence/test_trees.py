"""The comparison itself: what it sees in layers, and that it lets nothing pass that is not listed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import marshal
import tarfile

import pytest
from tests.equivalence.trees import ALLOWED, Node, differences, flatten, unexpected

REF = "app:1"


def _layout(root, *layers):
    """Write an OCI image layout whose layers have entries as ``(name, fields, data)``."""
    blobs = root / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    packed = []
    for entries in layers:
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, fields, data in entries:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                for key, value in fields.items():
                    setattr(info, key, value)
                archive.addfile(info, io.BytesIO(data))
        packed.append(put(gzip.compress(target.getvalue())))
    config = put(json.dumps({"history": []}).encode())
    manifest = put(json.dumps({"config": config, "layers": packed}).encode())
    manifest["annotations"] = {"org.opencontainers.image.ref.name": REF}
    (root / "index.json").write_text(json.dumps({"manifests": [manifest]}))
    return root


DIR = {"type": tarfile.DIRTYPE, "mode": 0o755}


def test_layers_lie_on_each_other(tmp_path):
    """A file is replaced, taken away with all below it, or hidden by an opaque directory."""
    below = [
        *[("a", DIR, b""), ("a/x", {}, b"1"), ("a/y", {}, b"1"), ("b", DIR, b""), ("b/c", DIR, b"")],
        *[("b/c/d", {}, b"1"), ("o", DIR, b""), ("o/old", {}, b"1"), ("bc", {}, b"1")],
    ]
    above = [
        *[("a/x", {"mode": 0o600}, b"2"), ("a/.wh.y", {}, b""), (".wh.b", {}, b"")],
        *[("o/new", {}, b"2"), ("o/.wh..wh..opq", {}, b"")],
    ]
    tree = flatten(_layout(tmp_path, below, above), REF)
    assert sorted(tree) == ["a", "a/x", "bc", "o", "o/new"]
    assert tree["a/x"].mode == 0o600
    assert tree["a/x"].digest == hashlib.sha256(b"2").hexdigest()


def test_links_and_attributes_are_seen(tmp_path):
    """A hard link is the file it leads to; a symbolic one has a target."""
    attributes = {"pax_headers": {"SCHILY.xattr.user.x": "1"}}
    entries = [
        ("f", {**attributes, "uid": 7}, b"1"),
        ("h", {"type": tarfile.LNKTYPE, "linkname": "f"}, b""),
        ("s", {"type": tarfile.SYMTYPE, "linkname": "f"}, b""),
    ]
    tree = flatten(_layout(tmp_path, entries), REF)
    assert tree["h"] == tree["f"]
    assert tree["f"].owner == (7, 0)
    assert tree["f"].xattrs == (("user.x", "1"),)
    assert tree["s"].link == "f"


BASE = Node("file", 0o644, (0, 0), digest="1")


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (None, "only composed"),
        (Node("dir", 0o644, (0, 0), digest="1"), "kind"),
        (Node("file", 0o755, (0, 0), digest="1"), "mode"),
        (Node("file", 0o644, (0, 1), digest="1"), "owner"),
        (Node("file", 0o644, (0, 0), "x", digest="1"), "link"),
        (Node("file", 0o644, (0, 0), xattrs=(("a", "b"),), digest="1"), "xattrs"),
        (Node("file", 0o644, (0, 0), digest="2"), "content"),
    ],
)
def test_a_difference_that_is_not_listed_is_found(other, what):
    """Whatever it is in."""
    (found,) = unexpected({"usr/x": BASE}, {} if other is None else {"usr/x": other})
    assert found.what == what
    assert repr(found).startswith("usr/x: ")


def test_equal_trees_do_not_differ():
    """Nothing is made up."""
    assert differences({"x": BASE}, {"x": BASE}) == []


def _pyc(code, header=b"h" * 16):
    data = header + marshal.dumps(code)
    return Node("file", 0o644, (0, 0), digest=hashlib.sha256(data).hexdigest(), data=data)


def _compiled(text):
    return compile(text, "x.py", "exec")


def test_bytecode_may_refer_in_another_way():
    """The same code with the same header passes; other code, another header or another place does not."""
    place = "usr/x/__pycache__/x.cpython-311.pyc"
    code = _compiled("x = 'a string'")
    one = _pyc(code)
    data = b"h" * 16 + marshal.dumps(code, 2)  # without references
    two = Node("file", 0o644, (0, 0), digest="2", data=data)
    assert one.data != two.data
    assert unexpected({place: one}, {place: two}) == []
    assert unexpected({place: one}, {place: _pyc(_compiled("x = 'another'"))}) != []
    assert unexpected({place: one}, {place: _pyc(code, b"i" * 16)}) != []
    assert unexpected({"usr/x.pyc": one}, {"usr/x.pyc": two}) != []


def test_what_installers_keep_for_themselves_may_be_missing():
    """Caches and locks, and only where they were run."""
    for path in ("root/.cache", "root/.cache/uv/x", "tmp/uv-0123abc.lock", "venv/.lock"):
        assert unexpected({}, {path: BASE}) == []
        assert unexpected({path: BASE}, {}) != []
    assert unexpected({}, {"root/.cached": BASE}) != []


def test_every_allowance_has_a_reason():
    """A list without reasons grows."""
    assert all(len(one.why) > 40 for one in ALLOWED)
    assert len({one.name for one in ALLOWED}) == len(ALLOWED)
