"""What a reference means: platforms, types, digests, limits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.registry_simulator import changed, status

if TYPE_CHECKING:
    from tests.registry_simulator import Simulator

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.oci import model
from hivebase.oci.model import Platform
from hivebase.reference import Reference

AMD64 = Platform(os="linux", architecture="amd64")


def ref(registry: Simulator, text: str = "team/app:1.0") -> Reference:
    return Reference.parse(f"{registry.host}/{text}")


def test_a_manifest_is_its_own_top(registry, connect):
    """Without an index both descriptors are the same."""
    image = registry.add_image("team/app", "1.0")
    with connect() as client:
        resolved = client.resolve(ref(registry), AMD64)
    assert resolved.top == resolved.manifest
    assert (image.digest, image.size) == (resolved.top.digest, resolved.top.size)


def test_docker_schema_2_is_understood(registry, connect):
    """Docker's own types are as good as OCI's."""
    image = registry.add_image("team/app", "1.0", docker=True)
    with connect() as client:
        resolved = client.resolve(ref(registry), AMD64)
    assert (model.DOCKER_MANIFEST, image.digest) == (resolved.top.media_type, resolved.top.digest)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Platform(os="linux", architecture="amd64"), 0),
        (Platform(os="linux", architecture="arm64"), 1),
        (Platform(os="linux", architecture="arm64", variant="v8"), 1),
        (Platform(os="linux", architecture="arm", variant="v7"), 3),
        (Platform(os="linux", architecture="arm", variant="v6"), 2),
    ],
)
def test_the_platform_is_chosen_from_an_index(registry, connect, wanted, expected):
    """Operating system, architecture and variant decide; the top stays the index."""
    offered = [
        Platform(os="linux", architecture="amd64"),
        Platform(os="linux", architecture="arm64", variant="v8"),
        Platform(os="linux", architecture="arm", variant="v6"),
        Platform(os="linux", architecture="arm", variant="v7"),
    ]
    images = [registry.add_image("team/app", architecture=p.architecture, variant=p.variant) for p in offered]
    index = registry.add_index("team/app", "1.0", list(zip(images, offered, strict=True)))
    with connect() as client:
        resolved = client.resolve(ref(registry), wanted)
    assert (index.digest, images[expected].digest) == (resolved.top.digest, resolved.manifest.digest)


def test_a_platform_that_is_not_there_is_told(registry, connect):
    """The error says what there is."""
    image = registry.add_image("team/app", architecture="s390x")
    registry.add_index("team/app", "1.0", [(image, Platform(os="linux", architecture="s390x"))])
    with connect() as client, pytest.raises(NotFoundError, match="linux/s390x"):
        client.resolve(ref(registry), AMD64)


def test_what_does_not_exist_is_told_with_its_name(registry, connect):
    """404 names the reference, the registry's reason and what to do."""
    with connect() as client, pytest.raises(NotFoundError) as caught:
        client.resolve(ref(registry), AMD64)
    assert f"{registry.host}/team/app:1.0" in caught.value.what
    assert "manifest unknown" in caught.value.why
    assert caught.value.hint


def test_a_missing_tag_means_latest(registry, connect):
    """As everywhere."""
    image = registry.add_image("team/app", "latest")
    with connect() as client:
        assert image.digest == client.resolve(ref(registry, "team/app"), AMD64).top.digest


def test_r9_a_manifest_of_100_mb_is_not_read(registry, connect):
    """Reading ends at the limit."""
    registry.add_image("team/app", "1.0")
    registry.fault("GET .*/manifests/", changed(lambda _: b" " * (5 << 20)))
    with connect() as client, pytest.raises(SystemFaultError, match="longer than 4194304 bytes"):
        client.resolve(ref(registry), AMD64)


def test_r9_indexes_in_indexes_end(registry, connect):
    """A few levels are followed, a tower is not."""
    entry = registry.add_image("team/app")
    for level in range(6):
        entry = registry.add_index("team/app", f"deep{level}", [(entry, AMD64)])
    with connect() as client:
        assert client.resolve(ref(registry, "team/app:deep3"), AMD64)
        with pytest.raises(CorruptContentError, match="nested too deeply"):
            client.resolve(ref(registry, "team/app:deep4"), AMD64)


def test_r9_an_index_with_too_many_entries_is_refused(registry, connect):
    """Nobody has five hundred platforms."""
    image = registry.add_image("team/app")
    other = Platform(os="plan9", architecture="amd64")
    registry.add_index("team/app", "1.0", [(image, other)] * 501)
    with connect() as client, pytest.raises(CorruptContentError, match="more than 500"):
        client.resolve(ref(registry), AMD64)


def test_r15_content_type_and_media_type_must_agree(registry, connect):
    """Two names for one document are two readings of it."""
    registry.add_image("team/app", "1.0")
    registry.fault("GET .*/manifests/", changed(lambda body: body, Content_Type=model.DOCKER_MANIFEST))
    with connect() as client, pytest.raises(CorruptContentError, match="announced as"):
        client.resolve(ref(registry), AMD64)


def test_r15_a_content_type_that_says_nothing_is_overlooked(registry, connect):
    """A registry on a plain web server says application/json; the document itself says more."""
    image = registry.add_image("team/app", "1.0")
    registry.fault("GET .*/manifests/", changed(lambda body: body, Content_Type="application/json"))
    with connect() as client:
        assert image.digest == client.resolve(ref(registry), AMD64).top.digest


@pytest.mark.parametrize("media_type", [model.MANIFEST, model.INDEX])
def test_r15_a_document_that_is_both_is_refused(registry, connect, media_type):
    """CVE-2021-41190: layers for one reader, manifests for another."""
    registry.add_image("team/app", "1.0", manifests=[], mediaType=media_type)
    with connect() as client, pytest.raises(CorruptContentError, match="both"):
        client.resolve(ref(registry), AMD64)


def test_r15_the_index_and_its_entry_must_agree(registry, connect):
    """Type and size that an index announces are those of the document."""
    image = registry.add_image("team/app")
    for wrong in (
        model.Descriptor(model.DOCKER_MANIFEST, image.digest, image.size),
        model.Descriptor(image.media_type, image.digest, image.size + 1),
    ):
        registry.add_index("team/app", "1.0", [(wrong, AMD64)])
        with connect() as client, pytest.raises(CorruptContentError, match="announce"):
            client.resolve(ref(registry), AMD64)


@pytest.mark.parametrize(
    "text",
    [
        b'{"schemaVersion": 2, "schemaVersion": 2}',
        b'{"schemaVersion": NaN}',
        b'{"schemaVersion": 1' + b"0" * 400 + b"}",
        b"[" * 5000 + b"]" * 5000,
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"",
        b"null",
    ],
    ids=["twice", "NaN", "huge", "deep", "not UTF-8", "BOM", "empty", "null"],
)
def test_r16_odd_json_is_refused(registry, connect, text):
    """The strict parser stands before every use."""
    registry.add_manifest(text, "team/app", "1.0", media_type=model.MANIFEST)
    with connect() as client, pytest.raises(CorruptContentError):
        client.resolve(ref(registry), AMD64)


def test_r17_a_tag_that_moves_is_looked_at_once(registry, connect, store):
    """What was resolved is what is pulled, and what is resolved again in the same run."""
    first = registry.add_image("team/app", layers=[b"first"])
    registry.add_index("team/app", "1.0", [(first, AMD64)])
    with connect() as client:
        resolved = client.resolve(ref(registry), AMD64)
        second = registry.add_image("team/app", "1.0", layers=[b"second"])
        pulled = client.pull(ref(registry), store, platform=AMD64)
        assert resolved == pulled
    assert store.has(first.digest)
    assert not store.has(second.digest)
    assert len(registry.seen("(GET|HEAD) .*/manifests/1.0")) == 1


def test_r17_a_pinned_digest_is_asked_for_instead_of_the_tag(registry, connect):
    """A lock decides what a tag meant."""
    old = registry.add_image("team/app", "1.0", layers=[b"old"])
    registry.add_image("team/app", "1.0", layers=[b"new"])
    with connect() as client:
        resolved = client.resolve(ref(registry), AMD64, digest=Digest.parse(old.digest))
    assert old.digest == resolved.top.digest
    assert str(resolved.reference).endswith(":1.0")
    assert registry.seen("GET .*/manifests/1.0") == []


def test_r18_the_digest_beats_the_tag_and_we_say_so(registry, connect, events):
    """``name:tag@digest`` is the digest; a tag that moved on is worth a note."""
    old = registry.add_image("team/app", "1.0", layers=[b"old"])
    new = registry.add_image("team/app", "1.0", layers=[b"new"])
    with connect() as client:
        resolved = client.resolve(ref(registry, f"team/app:1.0@{old.digest}"), AMD64)
    assert old.digest == resolved.top.digest
    assert len(events) == 1
    assert new.digest in events[0].text


def test_r18_no_note_where_tag_and_digest_agree(registry, connect, events):
    """Nothing to say."""
    image = registry.add_image("team/app", "1.0")
    with connect() as client:
        client.resolve(ref(registry, f"team/app:1.0@{image.digest}"), AMD64)
    assert events == []


def test_r8_a_manifest_with_another_digest_is_refused(registry, connect):
    """Both digests are named."""
    image = registry.add_image("team/app", "1.0")
    registry.fault("GET .*/manifests/", changed(lambda body: body + b" ", Docker_Content_Digest=""))
    with connect() as client, pytest.raises(CorruptContentError) as caught:
        client.resolve(ref(registry, f"team/app@{image.digest}"), AMD64)
    assert image.digest in str(caught.value)
    assert str(Digest.of(registry.manifests[image.digest][1] + b" ")) in str(caught.value)


def test_r8_the_registrys_own_digest_must_be_right(registry, connect):
    """What it says in its header and what it sends are one."""
    registry.add_image("team/app", "1.0")
    wrong = Digest.of(b"something else")
    registry.fault("GET .*/manifests/", changed(lambda body: body, Docker_Content_Digest=wrong))
    with connect() as client, pytest.raises(CorruptContentError, match=wrong):
        client.resolve(ref(registry), AMD64)


@pytest.mark.parametrize("suffix", ["json", "prettyjws"])
def test_schema_1_is_refused_in_plain_words(registry, connect, suffix):
    """The format of 2014 is named, not a parse error."""
    document = json.dumps({"schemaVersion": 1, "name": "team/app", "fsLayers": []}).encode()
    media_type = f"application/vnd.docker.distribution.manifest.v1+{suffix}"
    registry.add_manifest(document, "team/app", "1.0", media_type=media_type)
    with connect() as client, pytest.raises(SystemFaultError, match="schema 1"):
        client.resolve(ref(registry), AMD64)


def test_the_current_digest_is_asked_for_cheaply(registry, connect):
    """One HEAD, no document."""
    image = registry.add_image("team/app", "1.0")
    with connect() as client:
        assert image.digest == client.current_digest(ref(registry))
        assert client.current_digest(ref(registry, "team/app:none")) is None
    assert registry.seen("GET .*/manifests/") == []


def test_a_registry_out_of_order_is_told(registry, connect):
    """A 500 that stays is the registry's fault, with its own words."""
    body = json.dumps({"errors": [{"code": "UNKNOWN", "message": "disk \x1b[31mfull"}]}).encode()
    registry.fault("GET .*/manifests/", status(500, body=body), forever=True)
    with connect() as client, pytest.raises(SystemFaultError, match=r"disk  \[31mfull"):
        client.resolve(ref(registry), AMD64)
