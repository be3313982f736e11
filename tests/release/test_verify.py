"""What counts as proof, and everything that looks like it (row P-6)."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.release.conftest import PASSWORD

from hivebase.digest import Digest
from hivebase.errors import NotFoundError, SystemFaultError
from hivebase.oci.model import CONFIG, INDEX, MANIFEST, Descriptor, Manifest, canonical_json
from hivebase.registry.manifests import put_manifest
from hivebase.registry.referrers import attach, fallback_tag
from hivebase.registry.resolve import fetch
from hivebase.registry.small import read_blob
from hivebase.registry.upload import upload_blob
from hivebase.release import cosign as tags
from hivebase.release import found as finding
from hivebase.release.artifact import Artifact, Blob, attached
from hivebase.release.evidence import Sbom
from hivebase.release.proof import prove
from hivebase.release.signing import bundle, dsse, simple
from hivebase.release.statement import MEDIA_TYPE, PROVENANCE, SIGNATURE, statement
from hivebase.release.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.release.signing.keys import PublicKey
    from hivebase.release.verify import Check

pytestmark = pytest.mark.server

SBOM = Sbom("cyclonedx", b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}')
OTHER = Digest.of(b"another image")


def said(published, digest: Digest | None = None, kind: str = PROVENANCE) -> bytes:
    return statement(published.address, digest or published.digest, kind, {"buildDefinition": {}})


def checks(published, key: PublicKey | None) -> dict[str, Check]:
    return {check.subject: check for check in verify(published.repository, published.digest, key).checks}


def states(published, key: PublicKey | None) -> list[str]:
    return [check.state for check in checks(published, key).values()]


def send(published, artifact: Artifact, name: str = "") -> None:
    """Push an artifact, as the given tag or as a referrer."""
    for blob in artifact.blobs:
        upload_blob(published.repository, blob.descriptor, lambda blob=blob: io.BytesIO(blob.data))  # type: ignore[misc]
    if name:
        put_manifest(published.repository, name, artifact.data, artifact.media_type)
    else:
        attach(published.repository, published.image, artifact.data)


def change_layer(published, suffix: str, change: Callable[[bytes], bytes]) -> None:
    """Change what the only layer at one of cosign's tags says, consistently, but for what is signed."""
    tag = tags.tag(published.digest, suffix)
    document: dict[str, Any] = json.loads(fetch(published.repository, tag).data)
    (layer,) = document["layers"]
    before = read_blob(
        published.repository, Descriptor(layer["mediaType"], layer["digest"], layer["size"]), limit=1 << 20
    )
    blob = Blob.of(change(before), layer["mediaType"], layer.get("annotations"))
    assert blob.data != before
    send(published, Artifact(canonical_json(tags_only(blob)), (blob, Blob.of(b"{}", CONFIG))), tag)


def tags_only(*blobs: Blob) -> Manifest:
    return Manifest(
        schema_version=2,
        media_type=MANIFEST,
        config=Blob.of(b"{}", CONFIG).descriptor,
        layers=tuple(blob.descriptor for blob in blobs),
    )


@pytest.fixture
def proven(published, ours):
    prove(published.repository, published.image, statements=[said(published)], sboms=[SBOM], key=ours.private)
    return published


@pytest.fixture
def signed(published, ours):
    """Signed at cosign's tag only."""
    payload = simple.payload(published.address, published.digest)
    annotations = {tags.SIGNATURE: dsse.base64_of(ours.private.sign(payload))}
    artifact = tags.merged(None, [Blob.of(payload, simple.MEDIA_TYPE, annotations)], tags.same_blob)
    assert artifact is not None
    send(published, artifact, tags.tag(published.digest, tags.SIGNATURES))
    return published


@pytest.fixture
def attested(published, ours):
    """With signed provenance at cosign's tag only."""
    envelope = dsse.envelope(ours.private, MEDIA_TYPE, said(published))
    artifact = tags.merged(None, [Blob.of(envelope.document(), dsse.MEDIA_TYPE)], tags.same_blob)
    assert artifact is not None
    send(published, artifact, tags.tag(published.digest, tags.ATTESTATIONS))
    return published


def test_all_is_proven(proven, ours):
    found = verify(proven.repository, proven.digest, ours.public)
    assert [check.state for check in found.checks] == ["proven"] * 3
    assert found.findings == ()
    assert found.provenance is not None
    assert found.provenance.predicate == {"buildDefinition": {}}


def test_nothing_is_proven_by_another_key(proven, theirs):
    found = verify(proven.repository, proven.digest, theirs.public)
    assert [check.state for check in found.findings] == ["missing"] * 3
    assert found.provenance is None
    assert all("not signed by this key" in check.reasons[0] for check in found.findings)


def test_without_a_key_it_is_only_said_what_there_is(proven):
    assert states(proven, None) == ["unproven"] * 3
    assert verify(proven.repository, proven.digest).findings == ()


def test_an_image_without_proof(published, ours):
    for key in (None, ours.public):
        assert states(published, key) == ["missing"] * 3


def test_what_cosign_signed_is_accepted(published, cosign, ours, theirs):
    """A signature and an attestation of the real cosign; and not with the other key."""
    predicate = {
        "buildDefinition": {"buildType": "https://x.example", "externalParameters": {}},
        "runDetails": {"builder": {"id": "https://x.example"}},
    }
    cosign.sign(ours.private_file, published.reference, password=PASSWORD)
    cosign.attest(ours.private_file, published.reference, predicate, password=PASSWORD)
    assert states(published, ours.public) == ["proven", "proven", "missing"]
    assert states(published, theirs.public) == ["missing"] * 3


def test_what_cosign_signed_as_a_referrer_is_accepted(published, cosign, ours):
    cosign.run(
        *[
            "sign",
            "--key",
            ours.private_file,
            "--registry-referrers-mode=oci-1-1",
            "--tlog-upload=false",
            "-y",
        ],
        published.reference,
        password=PASSWORD,
        env={"COSIGN_EXPERIMENTAL": "1"},
    )
    assert states(published, ours.public) == ["proven", "missing", "missing"]


def test_a_payload_that_was_changed(signed, ours):
    """One space is another document."""
    assert states(signed, ours.public)[0] == "proven"
    change_layer(signed, tags.SIGNATURES, lambda data: data + b" ")
    assert "was changed" in checks(signed, ours.public)["signature"].reasons[0]


def test_a_signature_of_another_image(signed, ours):
    """Rightly signed, at this image's tag, and about another one; both digests can be found in the answer."""
    payload = simple.payload(signed.address, OTHER)
    annotations = {tags.SIGNATURE: dsse.base64_of(ours.private.sign(payload))}
    blob = Blob.of(payload, simple.MEDIA_TYPE, annotations)
    artifact = Artifact(canonical_json(tags_only(blob)), (blob, Blob.of(b"{}", CONFIG)))
    send(signed, artifact, tags.tag(signed.digest, tags.SIGNATURES))
    for key in (ours.public, None):
        check = checks(signed, key)["signature"]
        assert (check.state, check.reasons) == ("missing", (f"one is of {OTHER}",))


def test_a_digest_that_was_swapped(signed, ours):
    """The payload of another image, made to name this one: the signature is not over that."""
    payload = simple.payload(signed.address, OTHER)
    signature = dsse.base64_of(ours.private.sign(payload))
    forged = payload.replace(OTHER.encode(), signed.digest.encode())
    blob = Blob.of(forged, simple.MEDIA_TYPE, {tags.SIGNATURE: signature})
    artifact = Artifact(canonical_json(tags_only(blob)), (blob, Blob.of(b"{}", CONFIG)))
    send(signed, artifact, tags.tag(signed.digest, tags.SIGNATURES))
    assert states(signed, ours.public)[0] == "missing"


@pytest.mark.parametrize("signature", ["", "AAAA", "§", "MEQCIA=="])
def test_signatures_that_are_none(signed, ours, signature):
    payload = simple.payload(signed.address, signed.digest)
    blob = Blob.of(payload, simple.MEDIA_TYPE, {tags.SIGNATURE: signature} if signature else None)
    artifact = Artifact(canonical_json(tags_only(blob)), (blob, Blob.of(b"{}", CONFIG)))
    send(signed, artifact, tags.tag(signed.digest, tags.SIGNATURES))
    assert states(signed, ours.public)[0] == "missing"


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"critical": {"type": "x"}}', b"\xff", b"{" * 10_000]
)
def test_payloads_that_are_none(signed, ours, payload):
    """Signed or not, what is not about an image is no signature of one."""
    annotations = {tags.SIGNATURE: dsse.base64_of(ours.private.sign(payload))}
    blob = Blob.of(payload, simple.MEDIA_TYPE, annotations)
    artifact = Artifact(canonical_json(tags_only(blob)), (blob, Blob.of(b"{}", CONFIG)))
    send(signed, artifact, tags.tag(signed.digest, tags.SIGNATURES))
    check = checks(signed, ours.public)["signature"]
    assert check.state == "missing"
    assert "signed payload" in check.reasons[0]


def test_provenance_that_was_changed(attested, ours):
    """In the envelope, with the signature left as it was."""
    assert states(attested, ours.public)[1] == "proven"

    def forge(data: bytes) -> bytes:
        document = json.loads(data)
        payload = base64.b64decode(document["payload"])
        document["payload"] = base64.b64encode(
            payload.replace(b'"buildDefinition":{}', b'"evil":{}')
        ).decode()
        return json.dumps(document).encode()

    change_layer(attested, tags.ATTESTATIONS, forge)
    assert "was changed" in checks(attested, ours.public)["provenance"].reasons[0]


def test_provenance_of_another_type(attested, ours):
    """The payload type is signed too: nothing that was signed as something else becomes a statement."""
    envelope = dsse.envelope(ours.private, "application/x-other", said(attested))
    change_layer(attested, tags.ATTESTATIONS, lambda _: envelope.document())
    assert states(attested, ours.public)[1] == "missing"
    lying = envelope.document().replace(b"application/x-other", MEDIA_TYPE.encode())
    change_layer(attested, tags.ATTESTATIONS, lambda _: lying)
    assert states(attested, ours.public)[1] == "missing"


def test_provenance_of_another_image(attested, ours):
    envelope = dsse.envelope(ours.private, MEDIA_TYPE, said(attested, OTHER))
    change_layer(attested, tags.ATTESTATIONS, lambda _: envelope.document())
    for key in (ours.public, None):
        check = checks(attested, key)["provenance"]
        assert (check.state, check.reasons) == ("missing", (f"one is about {OTHER}",))


@pytest.mark.parametrize("data", [b"", b"{}", b'{"payload":"!","payloadType":"x","signatures":[]}', b"[1]"])
def test_envelopes_that_are_none(attested, ours, data):
    change_layer(attested, tags.ATTESTATIONS, lambda _: data)
    check = checks(attested, ours.public)["provenance"]
    assert check.state == "missing"
    assert check.reasons


def test_a_signed_sbom_is_no_provenance_and_no_signature(published, ours):
    prove(published.repository, published.image, sboms=[SBOM])
    envelope = dsse.envelope(ours.private, MEDIA_TYPE, said(published, kind="https://cyclonedx.org/bom"))
    send(published, attached(published.image, bundle.MEDIA_TYPE, bundle.bundle(envelope, ours.public)))
    assert states(published, ours.public) == ["missing", "missing", "proven"]


def test_the_signature_alone_as_a_bundle(published, ours, theirs):
    """As cosign 3 signs; one that somebody else signed beside it changes nothing."""
    for pair, digest in ((theirs, published.digest), (ours, published.digest)):
        envelope = dsse.envelope(pair.private, MEDIA_TYPE, said(published, digest, SIGNATURE))
        send(published, attached(published.image, bundle.MEDIA_TYPE, bundle.bundle(envelope, pair.public)))
    assert states(published, ours.public) == ["proven", "missing", "missing"]


def test_what_is_attached_unsigned_proves_nothing(published, ours):
    prove(published.repository, published.image, statements=[said(published)], sboms=[SBOM])
    found = checks(published, ours.public)
    assert [check.state for check in found.values()] == ["missing"] * 3
    assert found["provenance"].reasons == ("one is not signed",)
    assert found["sbom"].reasons == ("one (cyclonedx) is not signed",)
    assert states(published, None) == ["missing", "unproven", "unproven"]


def test_a_referrer_that_refers_to_something_else(published, ours):
    """Listed at the tag that anybody can write, with another subject: it is put aside, with the reason."""
    other = Descriptor(MANIFEST, OTHER, 13)
    envelope = dsse.envelope(ours.private, MEDIA_TYPE, said(published))
    artifact = attached(other, bundle.MEDIA_TYPE, bundle.bundle(envelope, ours.public))
    send(published, artifact, artifact.digest)
    entry = {"mediaType": MANIFEST, "digest": artifact.digest, "size": len(artifact.data)}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    put_manifest(published.repository, fallback_tag(published.digest), canonical_json(index), INDEX)
    check = checks(published, ours.public)["provenance"]
    assert check.state == "missing"
    assert f"refers to {OTHER}" in check.reasons[0]


def test_one_that_is_damaged_does_not_hide_the_good_one(proven, ours):
    send(proven, attached(proven.image, bundle.MEDIA_TYPE, b"not a bundle"))
    assert states(proven, ours.public) == ["proven"] * 3


def test_an_image_that_is_not_there(published, ours):
    with pytest.raises(NotFoundError):
        verify(published.repository, OTHER, ours.public)


def test_too_much_to_look_at(proven, ours, monkeypatch):
    """Row R-9: whoever may push must not keep a verifier busy for ever."""
    monkeypatch.setattr(finding, "MOST_REFERRERS", 2)
    with pytest.raises(SystemFaultError, match="manifests refer to"):
        verify(proven.repository, proven.digest, ours.public)
    monkeypatch.undo()
    monkeypatch.setattr(finding, "MOST_BYTES", 1000)
    with pytest.raises(SystemFaultError, match="of proof are attached"):
        verify(proven.repository, proven.digest, ours.public)
