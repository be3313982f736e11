"""Both documents are what their specifications ask for, say all that is known, and are the same for the same image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from tests.inspect.holding import SITE, STATUS, Content, image
from tests.inspect.sbom.bills import WHEEL, everything

from hivebase.inspect.packages import inventory
from hivebase.inspect.sbom import KINDS, write
from hivebase.oci import strict_json


@pytest.fixture
def held(store):
    """The inventory of an image of everything."""
    return inventory(store, everything(store))


def _bill(held, kind) -> Any:
    return json.loads(write(held, kind))


def _parts(bill):
    return {item["bom-ref"]: item for item in bill["components"]}


def _properties(item):
    return {(one["name"], one["value"]) for one in item["properties"]}


def _check(data, kind, path):
    """Fail where the format's own validator finds anything."""
    if kind == "cyclonedx":
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode()) is None
    else:
        file = path / "bill.spdx.json"
        file.write_bytes(data)
        assert validate_full_spdx_document(parse_file(str(file))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_document(held, kind, tmp_path):
    """By the validators of CycloneDX and of SPDX."""
    _check(write(held, kind), kind, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_document_of_nothing(store, kind, tmp_path):
    """An image that holds nothing has a bill too."""
    _check(write(inventory(store, image(store)), kind), kind, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_document_of_what_was_made_to_deceive(store, kind, tmp_path):
    """Control characters, half surrogate pairs, ids that fall together: the document is plain ASCII all the same."""
    name = b"\xff\x1b[1m".decode("utf-8", "surrogateescape")
    files: dict[str, Content] = {
        STATUS: "Package: a+b\nVersion: 1\nArchitecture: all\n\nPackage: a-b\nVersion: 1\nArchitecture: all\n",
        f"{SITE}/{name}/x-1.dist-info/METADATA": "Name: x\nVersion: 1\nLicense: \x1b\u202e\ud83d\nX: y\n".encode(
            "utf-8", "surrogatepass"
        ),
        f"{SITE}/x-1.dist-info/METADATA": "Name: x\nVersion: 1\n",
        **{f"{SITE}/{chr(0xDCFE + at)}/x-1.dist-info/METADATA": "Name: x\nVersion: 1\n" for at in range(2)},
        "etc/os-release": 'ID="../?x"\n',
    }
    labels = {"org.opencontainers.image.title": "\ud83d\x1b", "io.hivebase.stand-ins": "\x07,\u202e"}
    labels = {key: value.encode("utf-8", "replace").decode() for key, value in labels.items()}
    held = inventory(store, image(store, files, steps=["RUN \x1b]0;x\x07\u202e"], labels=labels))
    data = write(held, kind)
    _check(data, kind, tmp_path)
    assert all(32 <= byte < 127 or byte == 10 for byte in data)
    strict_json.loads(data, what="the bill")
    assert len(held.python) == 4
    assert len({*(item.id for item in held.python), *(item.id for item in held.debian)}) == 6


def test_what_cyclonedx_says(held):
    """Types, package URLs, hashes, licences, where from, and what needs what."""
    bill = _bill(held, "cyclonedx")
    parts = _parts(bill)
    assert {name: (item["type"], item.get("purl")) for name, item in parts.items()} == {
        "os:debian@12": ("operating-system", None),
        "cpython:usr/local@3.11.9": ("application", "pkg:generic/python@3.11.9"),
        "deb:libc6:amd64@2.36-9+deb12u1": (
            "library",
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64&distro=debian-12&upstream=glibc",
        ),
        "deb:libg++:amd64@1:2~3": (
            "library",
            "pkg:deb/debian/libg%2B%2B@1:2~3?arch=amd64&distro=debian-12",
        ),
        "pypi:both@1.0": ("library", "pkg:pypi/both@1.0"),
        "pypi:odd@1": ("library", "pkg:pypi/odd@1"),
        "pypi:own@1.0": ("library", "pkg:generic/own@1.0"),
        "pypi:pt-core@1.0": ("machine-learning-model", "pkg:pypi/pt-core@1.0"),
        "pypi:six@1.0": ("library", "pkg:pypi/six@1.0"),
        f"pypi:six@1.0#{SITE}/words/vendor/six-1.0.dist-info": ("library", "pkg:pypi/six@1.0"),
        "pypi:words@1.0": ("library", "pkg:pypi/words@1.0"),
    }
    six = parts["pypi:six@1.0"]
    assert six["hashes"] == [{"alg": "SHA-256", "content": WHEEL.sha256}]
    assert _properties(six) == {
        ("hivebase:archive", WHEEL.file),
        ("hivebase:files", "3"),
        ("hivebase:layer", held.python[4].origin.layer),
        ("hivebase:layer:number", "2"),
        ("hivebase:path", f"/{SITE}/six-1.0.dist-info"),
        ("hivebase:step", "RUN pip install …"),
    }
    assert six["licenses"] == [{"license": {"acknowledgement": "declared", "id": "MIT"}}]
    assert parts["pypi:both@1.0"]["licenses"] == [
        {"acknowledgement": "declared", "expression": "MIT OR Apache-2.0"}
    ]
    assert parts["pypi:words@1.0"]["licenses"][0]["license"]["name"] == "BSD"
    assert {("hivebase:editable", "true"), ("hivebase:direct-url", "file:///src/own")} < _properties(
        parts["pypi:own@1.0"]
    )
    assert {("hivebase:stand-in", "true"), ("hivebase:model:language", "pt")} < _properties(
        parts["pypi:pt-core@1.0"]
    )
    needs = {item["ref"]: item.get("dependsOn", []) for item in bill["dependencies"]}
    assert needs["pypi:six@1.0"] == ["pypi:both@1.0"]
    assert needs["deb:libg++:amd64@1:2~3"] == ["deb:libc6:amd64@2.36-9+deb12u1"]
    assert sorted(needs["image"]) == sorted(parts)


def test_what_cyclonedx_says_of_the_image(held):
    """Its digest, its time, what in it is not official, how many files belong to nobody, and what was odd."""
    metadata = _bill(held, "cyclonedx")["metadata"]
    assert metadata["timestamp"] == "2024-05-06T07:08:09+00:00"
    about = metadata["component"]
    assert (about["type"], about["name"], about["version"]) == ("container", "hive/app", "1.2.3")
    assert about["purl"] == f"pkg:oci/app@{held.digest}?arch=amd64&os=linux"
    assert about["hashes"] == [{"alg": "SHA-256", "content": held.digest.removeprefix("sha256:")}]
    assert _properties(about) >= {
        ("hivebase:stand-in", "pt_core"),
        ("hivebase:stand-in", "python:3.11-slim"),
        ("hivebase:files", str(held.files)),
        ("hivebase:files:unowned", str(held.unowned)),
        ("hivebase:remark", held.remarks[0]),
    }
    assert [item["name"] for item in metadata["tools"]["components"]] == ["hivebase"]


def test_what_spdx_says(held):
    """The same, with what it has no fields for in the comments."""
    bill = _bill(held, "spdx")
    packages = {item["SPDXID"]: item for item in bill["packages"]}
    assert len(packages) == 1 + len(held.python) + len(held.debian) + len(held.interpreters) + 1
    assert bill["creationInfo"]["created"] == "2024-05-06T07:08:09Z"
    about = packages["SPDXRef-image"]
    assert about["checksums"][0]["checksumValue"] == held.digest.removeprefix("sha256:")
    assert "hivebase:stand-in=python:3.11-slim" in about["comment"].split("\n")
    six = packages["SPDXRef-pypi-six-1.0"]
    assert six["packageFileName"] == WHEEL.file
    assert six["checksums"] == [{"algorithm": "SHA256", "checksumValue": WHEEL.sha256}]
    assert six["licenseDeclared"] == "MIT"
    assert f"hivebase:layer={held.python[4].origin.layer}" in six["comment"].split("\n")
    assert packages["SPDXRef-pypi-words-1.0"]["licenseDeclared"] == "NOASSERTION"
    assert packages["SPDXRef-pypi-words-1.0"]["licenseComments"] == "The package says: BSD"
    relations = {
        (one["spdxElementId"], one["relationshipType"], one["relatedSpdxElement"])
        for one in bill["relationships"]
    }
    assert ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image") in relations
    assert ("SPDXRef-pypi-six-1.0", "DEPENDS_ON", "SPDXRef-pypi-both-1.0") in relations
    assert {related for _, relation, related in relations if relation == "CONTAINS"} == set(packages) - {
        "SPDXRef-image"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_image_gives_the_same_bytes(held, kind, tmp_path):
    """In another store, under another name, in another process with other hashes and another time zone."""
    program = (
        "import sys; from pathlib import Path; from hivebase.oci.store import Store; "
        "from hivebase.inspect.packages import inventory; from hivebase.inspect.sbom import write; "
        "from tests.inspect.sbom.bills import everything; store = Store.open(Path(sys.argv[1])); "
        "sys.stdout.buffer.write(write(inventory(store, everything(store, 'other:2')), sys.argv[2]))"
    )
    expected = write(held, kind)
    for seed, zone in (("1", "Asia/Tokyo"), ("2", "America/New_York")):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / seed), kind],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        )
        assert done.stdout == expected


@pytest.mark.parametrize("kind", KINDS)
def test_another_image_is_another_document(store, kind):
    """With a number of its own, even where it holds the same."""
    numbers = {
        _bill(inventory(store, image(store, {"x": text})), kind).get(
            "serialNumber" if kind == "cyclonedx" else "documentNamespace"
        )
        for text in "ab"
    }
    assert len(numbers) == 2
    assert all(number.startswith("urn:uuid:") for number in numbers)
