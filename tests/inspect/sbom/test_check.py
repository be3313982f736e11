"""A bill is compared with an image: what is missing, what is too much, what is another."""

from __future__ import annotations

import json

import msgspec
import pytest
from tests.inspect.holding import distribution, image
from tests.inspect.sbom.bills import WHEEL, everything

from hivebase.inspect.packages import inventory
from hivebase.inspect.sbom import KINDS, check, differences, write
from hivebase.values import replace

KIND = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def held(store):
    """The inventory of an image of everything."""
    return inventory(store, everything(store))


def _changed(held, name, **changes):
    """Return an inventory in which one package is another."""
    return replace(
        held,
        python=tuple(
            replace(item, **changes) if item.name == name and not item.within else item
            for item in held.python
        ),
        debian=tuple(replace(item, **changes) if item.name == name else item for item in held.debian),
    )


@KIND
def test_what_was_written_of_the_image(held, kind):
    """Is what it holds."""
    assert differences(write(held, kind), held) == []


@KIND
def test_each_difference_is_one_sentence(held, kind):
    """With what the image has and what the document has."""
    data = write(held, kind)
    for changes, expected in (
        (("words", {"version": "2"}), "words (pypi) is 2 in the image and 1.0 in the document"),
        (("words", {"files": 9}), "words 1.0 (pypi) owns 9 files in the image and 6 in the document"),
        (("own", {"local": False}), "own 1.0 (generic) is in the document and not in the image"),
        (
            ("libc6", {"architecture": "arm64"}),
            "debian/libc6 2.36-9+deb12u1 (deb) is for arm64 in the image and for amd64 in the document",
        ),
        (("libg++", {"version": "1:3"}), "debian/libg++ (deb) is 1:3 in the image and 1:2~3 in the document"),
    ):
        assert differences(data, _changed(held, changes[0], **changes[1]))[0] == expected
    other = replace(WHEEL, sha256="b" * 64)
    found = differences(data, _changed(held, "six", wheel=other))
    assert found == [
        f"six 1.0 (pypi) came in an archive with sha256 {'b' * 64}, the document says {'a' * 64}"
    ]


@KIND
def test_what_is_missing_and_what_is_too_much(held, kind):
    """Also of two copies of one version."""
    without = replace(held, python=tuple(item for item in held.python if not item.within))
    assert differences(write(without, kind), held) == [
        "six 1.0 (pypi) is in the image and not in the document"
    ]
    assert differences(write(held, kind), without) == [
        "six 1.0 (pypi) is in the document and not in the image"
    ]


@KIND
def test_a_document_about_another_image(held, kind):
    """Is told first, with both digests."""
    other = replace(held, digest="sha256:" + "0" * 64)
    assert differences(write(held, kind), other) == [f"it is about {held.digest}, not about {other.digest}"]


@KIND
def test_what_nobody_knows_is_no_difference(held, kind):
    """Who did not build the image does not know the wheels; other tools do not count files."""
    unknown = _changed(held, "six", wheel=None)
    assert differences(write(held, kind), unknown) == []
    assert differences(write(unknown, kind), held) == []
    plain = write(held, kind).replace(b"hivebase:files", b"somebody:files")
    assert differences(plain, held) == []


def test_the_bills_of_others(store):
    """Their digest is the version of the image; components may be in components, or have no address."""
    found = image(store, distribution("a"))
    held = inventory(store, found)
    bill = {
        "bomFormat": "CycloneDX",
        "metadata": {"component": {"type": "container", "name": "x", "version": held.digest}},
        "components": [
            {"type": "file", "name": "y"},
            {
                "name": "z",
                "purl": "pkg:oci/z@1",
                "components": [{"name": "A", "purl": "pkg:pypi/A@1.0", "version": "1.0"}],
            },
        ],
    }
    assert differences(json.dumps(bill).encode(), held) == []
    bill["metadata"] = {}
    assert differences(json.dumps(bill).encode(), held) == [f"it is about no image, not about {held.digest}"]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"bomFormat": "CycloneDX", "bomFormat": "CycloneDX"}',
        b'{"bomFormat": "CycloneDX", "components": {}}',
        b'{"bomFormat": "CycloneDX", "components": [{"purl": "x"}]}',
        b'{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:pypi/"}]}',
        b'{"spdxVersion": "SPDX-2.3", "packages": [{"externalRefs": 1}]}',
        b'{"spdxVersion": "SPDX-3.0"}',
        b'{"_type": "https://in-toto.io/Statement/v1"}',
        b'{"bomFormat": "CycloneDX", "components": ' + b'[{"components":' * 99 + b"[]" + b"}]" * 99 + b"}",
    ],
)
def test_what_is_no_bill(store, document):
    """Is one difference, and no error: it may come from anybody."""
    (found,) = differences(document, inventory(store, image(store)))
    assert "bill of materials" in found or "package URL" in found


def test_a_bill_of_any_length(store, monkeypatch):
    """Is not read."""
    monkeypatch.setattr(check, "LONGEST", 10)
    (found,) = differences(b"{" * 11, inventory(store, image(store)))
    assert found.startswith("the bill of materials is too long")


def test_sentences_are_one_line_each(held):
    """Though names in a document are somebody else's."""
    bill = json.loads(write(held, "cyclonedx"))
    bill["components"].append({"name": "x", "purl": "pkg:pypi/x%1B%0A@1%1B"})
    found = differences(msgspec.json.encode(bill), held)
    assert found == ["x 1 (pypi) is in the document and not in the image"]
