"""What we attach is what the real cosign reads, and nobody's work is lost."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from tests.release.conftest import PASSWORD

from hivebase.digest import Digest
from hivebase.registry.referrers import referrers
from hivebase.registry.resolve import fetch
from hivebase.release import cosign as tags
from hivebase.release.evidence import Sbom
from hivebase.release.proof import prove
from hivebase.release.statement import PROVENANCE, statement
from hivebase.release.verify import verify

if TYPE_CHECKING:
    from hivebase.progress import Event

pytestmark = pytest.mark.server

CYCLONEDX = Sbom("cyclonedx", b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}')
SPDX = Sbom("spdx", b'{"spdxVersion": "SPDX-2.3", "name": "app", "SPDXID": "SPDXRef-DOCUMENT"}')
PREDICATE = {
    "buildDefinition": {"buildType": "https://x.example/build", "externalParameters": {"image": "app"}},
    "runDetails": {"builder": {"id": "https://x.example/builder"}},
}
TYPES = {
    "slsaprovenance1": PREDICATE,
    "cyclonedx": json.loads(CYCLONEDX.data),
    "spdxjson": json.loads(SPDX.data),
}


def provenance(published):
    return statement(published.address, published.digest, PROVENANCE, PREDICATE)


@pytest.fixture(scope="module")
def proven(publish, pairs):
    """An image with all that we attach, to be looked at only."""
    published = publish()
    prove(
        published.repository,
        published.image,
        statements=[provenance(published)],
        sboms=[CYCLONEDX, SPDX],
        key=pairs[0].private,
    )
    return published


def layers(published, suffix):
    return json.loads(fetch(published.repository, tags.tag(published.digest, suffix)).data)["layers"]


def test_cosign_verifies_the_signature(proven, cosign, ours, theirs):
    done = cosign.verify(ours.public_file, proven.reference)
    (payload,) = json.loads(done.stdout)
    assert payload["critical"]["image"]["docker-manifest-digest"] == proven.digest
    assert payload["critical"]["identity"]["docker-reference"] == proven.address
    assert "no matching signatures" in cosign.verify(theirs.public_file, proven.reference, code=-1).stderr


@pytest.mark.parametrize("kind", TYPES)
def test_cosign_verifies_each_attestation(proven, cosign, ours, theirs, kind):
    """At its own tag, and as a bundle among the referrers; what it is over is what was attached."""
    done = cosign.verify_attestation(ours.public_file, proven.reference, kind)
    said = json.loads(base64.b64decode(json.loads(done.stdout)["payload"]))
    assert said["predicate"] == TYPES[kind]
    cosign.verify_attestation(theirs.public_file, proven.reference, kind, code=-1)
    done = cosign.verify_bundle(ours.public_file, proven.reference, kind)
    assert json.loads(base64.b64decode(json.loads(done.stdout)["payload"]))["predicate"] == TYPES[kind]
    cosign.verify_bundle(theirs.public_file, proven.reference, kind, code=-1)


def test_the_signature_is_a_bundle_as_well(proven, cosign, ours):
    """As cosign 3 signs: a statement without content."""
    cosign.verify_bundle(ours.public_file, proven.reference, "https://sigstore.dev/cosign/sign/v1")


def test_cosign_downloads_what_we_attached(proven, cosign):
    assert cosign.run("download", "sbom", proven.reference).stdout == CYCLONEDX.data.decode()
    lines = cosign.run("download", "attestation", proven.reference).stdout.splitlines()
    kinds = {json.loads(base64.b64decode(json.loads(line)["payload"]))["predicateType"] for line in lines}
    assert len(kinds) == 3
    assert PROVENANCE in kinds


def test_what_is_listed_as_a_referrer(proven):
    """SBOMs and provenance as they are, and a bundle for each of the three and for the signature."""
    found = sorted(item.artifact_type for item in referrers(proven.repository, proven.digest))
    assert found == [
        *["application/spdx+json", "application/vnd.cyclonedx+json"],
        *["application/vnd.dev.sigstore.bundle.v0.3+json"] * 4,
        "application/vnd.in-toto+json",
    ]


def test_proving_again_writes_nothing(proven, ours):
    again = {"statements": [provenance(proven)], "sboms": [CYCLONEDX, SPDX], "key": ours.private}
    assert prove(proven.repository, proven.image, **again) == 0


def test_without_a_key_nothing_is_signed(published, cosign):
    written = prove(published.repository, published.image, statements=[provenance(published)], sboms=[SPDX])
    assert written == 4  # the SBOM, the provenance, their list, cosign's tag
    assert cosign.run("download", "sbom", published.reference).stdout == SPDX.data.decode()
    cosign.run("download", "attestation", published.reference, code=-1)


def test_what_cosign_wrote_stays(published, cosign, ours, theirs):
    """Signatures and attestations of somebody else, before and after ours: all verify in the end."""
    cosign.sign(theirs.private_file, published.reference, password=PASSWORD)
    cosign.attest(theirs.private_file, published.reference, PREDICATE, password=PASSWORD)
    everything = {"statements": [provenance(published)], "sboms": [CYCLONEDX], "key": ours.private}
    prove(published.repository, published.image, **everything)
    cosign.sign(theirs.private_file, published.reference, "-a", "more=yes", password=PASSWORD)
    assert prove(published.repository, published.image, **everything) == 0
    for pair in (ours, theirs):
        cosign.verify(pair.public_file, published.reference)
        cosign.verify_attestation(pair.public_file, published.reference, "slsaprovenance1")
    assert len(layers(published, tags.SIGNATURES)) == 3
    assert len(layers(published, tags.ATTESTATIONS)) == 3


def test_a_signature_that_cosign_made_with_our_key_is_ours(published, cosign, ours):
    """The same key and the same image: it is not signed a second time."""
    cosign.sign(ours.private_file, published.reference, password=PASSWORD)
    prove(published.repository, published.image, key=ours.private)
    assert len(layers(published, tags.SIGNATURES)) == 1


def test_bundles_that_cosign_wrote_stay(published, cosign, ours, theirs):
    """And each is found and verified by the other side."""
    options = ("--new-bundle-format",)
    cosign.attest(theirs.private_file, published.reference, PREDICATE, *options, password=PASSWORD)
    prove(published.repository, published.image, statements=[provenance(published)], key=ours.private)
    for pair in (ours, theirs):
        cosign.verify_bundle(pair.public_file, published.reference, "slsaprovenance1")
        checks = {
            check.subject: check
            for check in verify(published.repository, published.digest, pair.public).checks
        }
        assert checks["provenance"].state == "proven"


def test_an_sbom_of_somebody_else_stays_at_its_tag(published, cosign, ours, tmp_path):
    events: list[Event] = []
    (tmp_path / "theirs.json").write_text('{"theirs": true}')
    options = ["--type", "cyclonedx", "--input-format", "json"]
    cosign.run("attach", "sbom", "--sbom", tmp_path / "theirs.json", *options, published.reference)
    prove(published.repository, published.image, sboms=[CYCLONEDX], key=ours.private, listener=events.append)
    assert cosign.run("download", "sbom", published.reference).stdout == '{"theirs": true}'
    assert any("somebody else's SBOM" in event.text for event in events)
    cosign.verify_attestation(ours.public_file, published.reference, "cyclonedx")


def test_our_own_sbom_is_replaced_by_a_newer_one(published, cosign, ours):
    newer = Sbom("cyclonedx", b'{"bomFormat":"CycloneDX","version":2}')
    prove(published.repository, published.image, sboms=[CYCLONEDX], key=ours.private)
    prove(published.repository, published.image, sboms=[newer], key=ours.private)
    assert cosign.run("download", "sbom", published.reference).stdout == newer.data.decode()


def test_statements_about_something_else_are_not_attached(published, ours):
    other = statement(published.address, Digest.of(b"other"), PROVENANCE, PREDICATE)
    with pytest.raises(ValueError, match="is not about"):
        prove(published.repository, published.image, statements=[other], key=ours.private)
    assert referrers(published.repository, published.digest) == ()


def test_no_tag_names_what_is_not_there(published, ours, monkeypatch):
    """A publisher that dies before the tags leaves no signature behind."""
    from hivebase.registry.merge import Merge  # noqa: PLC0415 -- broken here alone

    def die(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Merge, "write", die)
    with pytest.raises(KeyboardInterrupt):
        prove(published.repository, published.image, sboms=[CYCLONEDX], key=ours.private)
    monkeypatch.undo()
    assert verify(published.repository, published.digest, ours.public).checks[0].state == "missing"
    prove(published.repository, published.image, sboms=[CYCLONEDX], key=ours.private)
    assert verify(published.repository, published.digest, ours.public).checks[0].state == "proven"
