"""Manifests, indexes and configurations from outside."""

from __future__ import annotations

import json

import pytest

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.oci import documents
from hivebase.oci.model import DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST

BLOB = {"mediaType": "a/b", "digest": str(Digest.of(b"x")), "size": 1}
IMAGE = {"schemaVersion": 2, "config": BLOB, "layers": [BLOB]}
LIST = {"schemaVersion": 2, "manifests": [BLOB]}


def encode(document: object) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("document", "announced", "expected"),
    [
        (IMAGE, "", MANIFEST),
        (LIST, "", INDEX),
        (IMAGE, DOCKER_MANIFEST, DOCKER_MANIFEST),
        (LIST, DOCKER_INDEX, DOCKER_INDEX),
        (IMAGE | {"mediaType": DOCKER_MANIFEST}, "", DOCKER_MANIFEST),
        (IMAGE | {"mediaType": MANIFEST}, MANIFEST, MANIFEST),
        (IMAGE | {"mediaType": None}, MANIFEST, MANIFEST),
    ],
)
def test_kind(document, announced, expected) -> None:
    """The document's own type counts, then the announced one, then the form."""
    assert expected == documents.kind(encode(document), what="it", announced=announced)


@pytest.mark.parametrize(
    ("document", "announced"),
    [
        (IMAGE | LIST, ""),
        (IMAGE | {"manifests": None}, ""),
        ({"schemaVersion": 2}, ""),
        ({"schemaVersion": 1, "fsLayers": []}, ""),
        (IMAGE | {"mediaType": INDEX}, ""),
        (LIST | {"mediaType": MANIFEST}, ""),
        (IMAGE | {"mediaType": MANIFEST}, DOCKER_MANIFEST),
        (IMAGE, INDEX),
        (IMAGE | {"mediaType": "text/plain"}, ""),
        (IMAGE | {"mediaType": 7}, ""),
        (IMAGE | {"mediaType": [MANIFEST]}, ""),
        ([], ""),
        ("x", ""),
    ],
)
def test_r15_documents_that_are_two_things_are_refused(document, announced) -> None:
    """A document is an image or an index, as its type says, or it is refused (CVE-2021-41190)."""
    with pytest.raises(CorruptContentError):
        documents.kind(encode(document), what="it", announced=announced)


@pytest.mark.parametrize("digest", ["", "sha256:../../x", "sha512:" + "a" * 128, str(Digest.of(b"")).upper()])
def test_s14_every_digest_in_a_document_is_checked(digest) -> None:
    """A hostile digest anywhere makes the document unusable (CVE-2024-3727)."""
    bad = BLOB | {"digest": digest}
    for document in (IMAGE | {"config": bad}, IMAGE | {"layers": [BLOB, bad]}):
        with pytest.raises(CorruptContentError):
            documents.parse_manifest(encode(document), what="it")
    with pytest.raises(CorruptContentError):
        documents.parse_index(encode(LIST | {"manifests": [bad]}), what="it")
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [digest]}}
    with pytest.raises(CorruptContentError):
        documents.parse_config(encode(config), what="it")


@pytest.mark.parametrize(
    "change", [{"schemaVersion": 1}, {"layers": [BLOB | {"size": -1}]}, {"layers": [{}]}]
)
def test_other_damage_is_refused(change) -> None:
    """Another schema, a negative size and a missing member are told."""
    with pytest.raises(CorruptContentError):
        documents.parse_manifest(encode(IMAGE | change), what="it")


def test_the_wrong_kind_is_refused() -> None:
    """Who wants an image gets no index, and the other way round."""
    with pytest.raises(CorruptContentError):
        documents.parse_manifest(encode(LIST), what="it")
    with pytest.raises(CorruptContentError):
        documents.parse_index(encode(IMAGE), what="it")


def test_a_configuration_as_docker_writes_it() -> None:
    """Docker's nulls and its extra members do no harm."""
    config = documents.parse_config(
        encode(
            {
                "architecture": "amd64",
                "os": "linux",
                "container_config": {"Cmd": ["x"]},
                "config": {
                    "Cmd": None,
                    "Env": ["A=b"],
                    "Labels": None,
                    "OnBuild": None,
                    "AttachStdin": False,
                },
                "rootfs": {"type": "layers", "diff_ids": None},
                "history": None,
            }
        ),
        what="it",
    )
    assert (config.config.env, config.config.cmd, config.rootfs.diff_ids) == (("A=b",), None, ())


def test_named_by() -> None:
    """An image names its configuration and layers, an index its images, other bytes nothing."""
    digest = BLOB["digest"]
    assert documents.named_by(encode(IMAGE)) == [digest, digest]
    assert documents.named_by(encode(LIST)) == [digest]
    assert documents.named_by(b"{}") == []
    assert documents.named_by(b"\x1f\x8b") == []
