"""Packages that were made to deceive: what cannot be believed is told, and what is sure is listed all the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspect.holding import SITE, STATUS, distribution, image, link, listing, stanza, status

from hivebase.errors import CorruptContentError
from hivebase.inspect.packages import debian, inventories, inventory, python, reading
from hivebase.inspect.sbom import KINDS, differences, write
from hivebase.layers.tree import resolve
from hivebase.oci.store import Store

INFO = f"{SITE}/a-1.0.dist-info"
TWO = b"Package: a\nVersion: 1\nArchitecture: all\n\nPackage: b\nVersion: 1\nArchitecture: all\n"


def _with(**files):
    """Return the distribution ``a`` with other contents of its metadata files."""
    return {**distribution("a"), **{f"{INFO}/{name}": content for name, content in files.items()}}


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\xff\xfe\0\0",
        b"Name: a\nName: b\nVersion: 1.0\n",
        b"Name: a b\nVersion: 1.0\n",
        b"Name: a\nVersion: \x1b[31m\n",
        b"Name: " + b"a" * 300 + b"\nVersion: 1.0\n",
        b"Version: 1.0\n\nName: b\n",
    ],
)
def test_metadata_without_a_name(store, metadata):
    """Then the name of the directory counts, as it does for those who look for the distribution."""
    held = inventory(store, image(store, _with(METADATA=metadata)))
    assert [(item.name, item.version, item.files) for item in held.python] == [("a", "1.0", 3)]
    assert held.remarks == (f"{INFO} has no proper name and version in it; those of its own name count",)


@pytest.mark.parametrize(
    ("directory", "expected"),
    [("b.dist-info", ("b", "0")), (".dist-info", ("unknown", "0")), ("a b-1.dist-info", ("unknown", "1"))],
)
def test_a_directory_without_a_name(store, directory, expected):
    """Is listed as what it is."""
    held = inventory(store, image(store, {f"{SITE}/{directory}/METADATA": "x"}))
    assert [(item.name, item.version) for item in held.python] == [expected]


def test_what_is_only_called_like_metadata(store):
    """A file is no metadata directory, and one without the file for it says nothing."""
    files = {f"{SITE}/a-1.dist-info": "x", f"{SITE}/b-1.dist-info/RECORD": "b.py,,\n", f"{SITE}/b.py": ""}
    held = inventory(store, image(store, files | link(f"{SITE}/c-1.dist-info", "c-1.dist-info")))
    assert (held.python, held.unowned, held.remarks) == ((), 3, ())


def test_metadata_behind_links(store):
    """Is found by Python and so by us: once, wherever the links are; what it lists is beside the link."""
    files = {
        **distribution("a", site="hidden"),
        **link(f"{SITE}/a-1.0.dist-info", "/hidden/a-1.0.dist-info"),
        "secret/b/METADATA": "Name: b\nVersion: 1\n",
        "secret/b/RECORD": "b.py,,\n",
        f"{SITE}/b.py": "",
        **link(f"{SITE}/b-1.dist-info", "../../../../../secret/b"),
        "secret/c": "Name: c\nVersion: 1\n",
        f"{SITE}/c-1.dist-info/INSTALLER": "pip",
        **link(f"{SITE}/c-1.dist-info/METADATA", "/secret/c"),
        "secret/status": stanza("d"),
        **link(STATUS, "/secret/status"),
    }
    held = inventory(store, image(store, files))
    assert [(item.name, item.path.partition("/")[0], item.files) for item in held.python] == [
        ("a", "hidden", 3),
        ("b", "usr", 1),
        ("c", "usr", 0),
    ]
    assert [item.name for item in held.debian] == ["d"]


def test_metadata_of_any_length(store, monkeypatch):
    """Its description may be long; fields that are too long to be read are told."""
    monkeypatch.setattr(python, "MOST_FIELDS", 100)
    fields = b"Name: a\nVersion: 1.0\n"
    long = _with(METADATA=fields + b"\n" + b"x" * 200)
    assert inventory(store, image(store, long)).remarks == ()
    long = _with(METADATA=fields + b"X: y\n" * 40 + b"\nText\n")
    assert inventory(store, image(store, long)).remarks == (
        f"{INFO}/METADATA is too long: only a part of its fields was read",
    )


def test_a_record_that_leads_out(store):
    """Ends at the root, and takes nothing from those whose it is."""
    outside = [
        "../" * 50 + "etc/passwd",
        "/../../etc/shadow",
        "../../../../../../etc/group",
        "//etc/hosts",
        "..",
    ]
    files = _with(RECORD="".join(f"{path},,\n" for path in outside))
    files |= {**status(stanza("passwd")), **listing("passwd", "/etc/passwd", "/../../../etc/shadow")}
    files |= {f"etc/{name}": "x" for name in ("passwd", "shadow", "group", "hosts")}
    held = inventory(store, image(store, files))
    assert {path: owner.partition(":")[0] for path, owner in held.owners.items()} == {
        "etc/passwd": "deb",
        "etc/shadow": "deb",
        "etc/group": "pypi",
        "etc/hosts": "pypi",
    }


@pytest.mark.parametrize("record", [b'"' + b"x" * 200_000, b"\0\xff,,\n", b"\r\r\n,,,,\n\n"])
def test_a_record_that_is_none(store, record):
    """Says nothing of any file; the distribution is there."""
    held = inventory(store, image(store, _with(RECORD=record)))
    assert [(item.name, item.files) for item in held.python] == [("a", 0)]
    assert len(held.remarks) == (b"x" in record)


def test_a_record_of_any_length(store, monkeypatch):
    """Is not read where it is longer than any can be."""
    monkeypatch.setattr(python, "MOST_RECORD", 100)
    held = inventory(store, image(store, _with(RECORD=b"a.py,,\n" * 40)))
    assert held.python[0].files == 0
    assert held.remarks == (f"{INFO}/RECORD is too long, and was not read",)


def test_links_in_a_circle(store):
    """Lead nowhere, and so do lists of files below them."""
    files = {
        **distribution("a", more={"RECORD": f"/loop/x,,\na.py,,\n/{SITE}/way/b.py,,\n"}),
        **link("loop", "loop"),
        **link(f"{SITE}/way", "."),
        f"{SITE}/b.py": "",
    }
    held = inventory(store, image(store, files))
    assert set(held.owners) == {f"{SITE}/a.py", f"{SITE}/b.py"}


def test_dpkg_behind_a_circle(store):
    """Is no dpkg."""
    assert inventory(store, image(store, link("var", "var"))).debian == ()


def test_long_paths_to_nowhere_cost_nothing(store, monkeypatch):
    """A list may have a million of them."""
    deep = "/".join("d" * 100)
    files = _with(RECORD="".join(f"/nowhere{number}/{deep}/x,,\n" for number in range(50)))
    looked: list[str] = []

    def counted(tree, path):
        looked.append(path)
        return resolve(tree, path)

    monkeypatch.setattr("hivebase.inspect.packages.owners.resolve", counted)
    inventory(store, image(store, files))
    assert len(looked) == 50


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"", []),
        (b"\xff\xfe", []),
        (b"Package: a\nPackage: b\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n", ["a"]),
        (b"Package: ../../etc\nVersion: 1\nArchitecture: all\n", []),
        (b"Package: a\nVersion: 1 2\nArchitecture: all\n", []),
        (b"Package: a\nVersion: 1\nArchitecture: all\nSource: \x1b[1m (x)\n", ["a"]),
        (TWO.replace(b"\n", b"\r\n"), ["a", "b"]),
        (TWO.replace(b"\n\n", b"\nStatus:\n\n\n \n\n").rstrip(), ["a", "b"]),
    ],
)
def test_a_status_that_is_none(store, text, names):
    """What has no proper name and version is told and left out."""
    held = inventory(store, image(store, {STATUS: text}))
    assert [item.name for item in held.debian] == names
    assert bool(held.remarks) is (not names and text != b"")


def test_a_package_twice(store):
    """Both versions are listed, since one of them may be a lie; the same one twice is one."""
    held = inventory(store, image(store, status(stanza("a", "1"), stanza("a", "2"), stanza("a", "1"))))
    assert [(item.name, item.version) for item in held.debian] == [("a", "1"), ("a", "2")]
    assert held.remarks == (f"{STATUS} has a twice, as 1 and as 2",)


def test_a_status_of_any_length(store, monkeypatch):
    """Is an error: without it there is no list, and a part of one would look like all of it."""
    monkeypatch.setattr(debian, "MOST_STATUS", 1000)
    with pytest.raises(CorruptContentError, match="list of Debian packages is not read"):
        inventory(store, image(store, status(*(stanza(f"p{number}") for number in range(20)))))


def test_more_than_any_image_has(store, monkeypatch):
    """Bytes and packages have their limits, beyond which there is no list."""
    files = {**distribution("a"), **distribution("b")}
    monkeypatch.setattr(reading, "MOST_READ", 100)
    with pytest.raises(CorruptContentError, match="more metadata of packages"):
        inventory(store, image(store, files))
    monkeypatch.undo()
    monkeypatch.setattr(inventories, "MOST_PACKAGES", 1)
    with pytest.raises(CorruptContentError, match="more packages than are listed"):
        inventory(store, image(store, files))
    with pytest.raises(CorruptContentError, match="more packages than are listed"):
        inventory(store, image(store, status(stanza("a"), stanza("b"))))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"url": 1}', b'{"url": "x", "dir_info": []}', b"[" * 9999]
)
def test_a_direct_url_that_is_none(store, content):
    """Is told; the distribution is as if it came from an index."""
    held = inventory(store, image(store, _with(**{"direct_url.json": content})))
    assert (held.python[0].direct_url, held.python[0].local) == ("", False)
    assert held.remarks == (f"{INFO}/direct_url.json is not what PEP 610 describes",)


def test_two_that_claim_to_bundle_each_other(store):
    """Only what lies below can be bundled."""
    other = f"{SITE}/b-1.0.dist-info/METADATA"
    files = {**_with(RECORD=f"/{other},,\n"), **distribution("b", more={"RECORD": f"/{INFO}/METADATA,,\n"})}
    held = inventory(store, image(store, files))
    assert [item.within for item in held.python] == ["", ""]


LINES = (
    *(
        "Name: a",
        "Version: 1",
        "Package: a",
        "Architecture: x",
        "Depends: a|b",
        "Requires-Dist: b;",
        " \udcff",
    ),
    *("Status: install ok installed", "", "../../x,,", '"', '{"url":"x"}', "License: MIT AND (", "\x85\x1b"),
    *("ID=a", 'VERSION_ID="1', "Source: b (2)", "Classifier: License :: \ufffe", "Provides: b"),
)
NOISE = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from(LINES), max_size=8).map(
        lambda lines: "\n".join(lines).encode("utf-8", "surrogateescape")
    ),
)


@pytest.fixture(scope="module")
def shared():
    """A store for all examples."""
    with tempfile.TemporaryDirectory() as place:
        yield Store.open(Path(place) / "store")


@given(st.fixed_dictionaries(dict.fromkeys(("METADATA", "RECORD", "direct_url.json"), NOISE)), NOISE, NOISE)
def test_any_content_gives_documents_that_say_the_same(shared, files, dpkg, release):
    """Whatever the files hold, both documents can be written, and agree with the image."""
    held = inventory(shared, image(shared, {**_with(**files), STATUS: dpkg, "etc/os-release": release}))
    assert len(held.python) == 1
    for kind in KINDS:
        assert differences(write(held, kind), held) == []
