"""The manifests at cosign's tags as documents: what is added, and that nothing else changes."""

from __future__ import annotations

import json

import pytest

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError
from hivebase.oci import model
from hivebase.release import cosign
from hivebase.release.artifact import EMPTY, Blob, attached
from hivebase.release.statement import PROVENANCE, parse, statement

DIGEST = Digest.of(b"the image")


def blob(text: str) -> Blob:
    return Blob.of(text.encode(), "application/x-layer", {cosign.SIGNATURE: ""})


def test_the_first_layer():
    """An image whose configuration has the layer as its DiffID, as cosign 2 writes it."""
    made = cosign.merged(None, [blob("one")], cosign.same_blob)
    assert made is not None
    document = json.loads(made.data)
    assert [item["digest"] for item in document["layers"]] == [blob("one").descriptor.digest]
    assert document["layers"][0]["annotations"] == {cosign.SIGNATURE: ""}
    config = next(item for item in made.blobs if item.descriptor.digest == document["config"]["digest"])
    assert json.loads(config.data)["rootfs"]["diff_ids"] == [blob("one").descriptor.digest]
    assert len(json.loads(config.data)["history"]) == 1


def test_what_is_not_known_here_stays():
    before = {
        "schemaVersion": 2,
        "mediaType": model.DOCKER_MANIFEST,
        "config": {"mediaType": model.DOCKER_CONFIG, "digest": DIGEST, "size": 1},
        "layers": [
            {"mediaType": "x/y", "digest": Digest.of(b"theirs"), "size": 6, "x": 1, "urls": ["https://x"]}
        ],
        "annotations": {"theirs": "yes"},
        "more": {"a": None},
    }
    data = json.dumps(before).encode()
    made = cosign.merged(
        (data, model.DOCKER_MANIFEST), [blob("one")], cosign.same_blob, annotations={"ours": "no"}
    )
    assert made is not None
    document = json.loads(made.data)
    assert document["layers"][0] == before["layers"][0]  # type: ignore[index]
    assert {key: document[key] for key in ("annotations", "more", "mediaType")} == {
        key: before[key] for key in ("annotations", "more", "mediaType")
    }
    assert made.media_type == model.DOCKER_MANIFEST
    assert len(document["layers"]) == 2
    # The configuration and the new layer: what was there is in the repository already.
    assert len(made.blobs) == 2
    assert cosign.merged((made.data, made.media_type), [blob("one")], cosign.same_blob) is None


def test_there_is_an_end():
    many = [blob(str(number)) for number in range(cosign.MOST_LAYERS)]
    made = cosign.merged(None, many, cosign.same_blob)
    assert made is not None
    with pytest.raises(CorruptContentError, match="1001 signatures or attestations"):
        cosign.merged((made.data, made.media_type), [blob("one too many")], cosign.same_blob)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"manifests": [], "schemaVersion": 2}', b"[]"])
def test_what_is_no_manifest_is_not_added_to(data):
    with pytest.raises(CorruptContentError):
        cosign.merged((data, model.MANIFEST), [blob("one")], cosign.same_blob)


def test_an_artifact_refers_to_its_image():
    subject = model.Descriptor(model.MANIFEST, DIGEST, 9, {"not": "copied"})
    made = attached(subject, "application/x-proof", b"data", annotations={"a": "b"})
    document = json.loads(made.data)
    assert document["subject"] == {"mediaType": model.MANIFEST, "digest": DIGEST, "size": 9}
    assert document["artifactType"] == "application/x-proof"
    assert document["config"]["mediaType"] == EMPTY
    assert document["config"]["digest"] == Digest.of(b"{}")
    assert document["layers"] == [
        {"mediaType": "application/x-proof", "digest": Digest.of(b"data"), "size": 4}
    ]
    assert {item.data for item in made.blobs} == {b"{}", b"data"}


@pytest.mark.parametrize("version", ["v1", "v0.1"])
def test_statements_of_both_versions_are_read(version):
    data = statement("x", DIGEST, PROVENANCE, {"p": 1}).replace(
        b"Statement/v1", f"Statement/{version}".encode()
    )
    read = parse(data)
    assert read.is_about(DIGEST)
    assert not read.is_about(Digest.of(b"other"))
    assert (read.predicate_type, read.predicate) == (PROVENANCE, {"p": 1})


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(_type="https://in-toto.io/Statement/v2"),
        lambda document: document.pop("subject"),
        lambda document: document.update(subject=[{"name": "x"}]),
        lambda document: document.update(predicateType=1),
    ],
)
def test_what_is_no_statement(change):
    document = json.loads(statement("x", DIGEST, PROVENANCE, {}))
    change(document)
    with pytest.raises(CorruptContentError):
        parse(json.dumps(document).encode())
