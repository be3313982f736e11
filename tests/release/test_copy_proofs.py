"""Proof that goes along with a copy: all of it, once, and beside what the target has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.release.conftest import PASSWORD

from hivebase.digest import Digest
from hivebase.oci import model
from hivebase.oci.model import Descriptor
from hivebase.oci.store import Store
from hivebase.registry.manifests import digest_of
from hivebase.registry.referrers import referrers
from hivebase.release import copy_proofs as copying
from hivebase.release import cosign as tags
from hivebase.release.copy_proofs import copy_proofs
from hivebase.release.evidence import Sbom
from hivebase.release.proof import prove
from hivebase.release.statement import PROVENANCE, statement
from hivebase.release.verify import verify

if TYPE_CHECKING:
    from hivebase.progress import Event

pytestmark = pytest.mark.server

SBOM = Sbom("cyclonedx", b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}')


@pytest.fixture
def source(publish, ours):
    made = publish()
    said = statement(made.address, made.digest, PROVENANCE, {})
    prove(made.repository, made.image, statements=[said], sboms=[SBOM], key=ours.private)
    return made


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "store")


def states(published, pair):
    return [check.state for check in verify(published.repository, published.digest, pair.public).checks]


def test_all_of_it_goes_along(source, published, store, cosign, ours):
    """And a second time there is nothing to do."""
    written = copy_proofs(source.repository, published.repository, [source.image], store)
    assert states(published, ours) == ["proven"] * 3
    there = {item.digest for item in referrers(published.repository, published.digest)}
    assert there == {item.digest for item in referrers(source.repository, source.digest)}
    assert written == len(there) + 4  # the list, and cosign's three tags
    for suffix in (tags.SIGNATURES, tags.ATTESTATIONS, tags.SBOM):
        tag = tags.tag(source.digest, suffix)
        assert digest_of(published.repository, tag) == digest_of(source.repository, tag)
    cosign.verify(ours.public_file, published.reference)
    assert copy_proofs(source.repository, published.repository, [source.image], store) == 0


def test_what_the_target_has_stays(source, published, cosign, pairs, tmp_path):
    """Somebody else has signed the image there and attached an SBOM of their own."""
    (ours, theirs), store = pairs, Store.open(tmp_path / "store")
    cosign.sign(theirs.private_file, published.reference, password=PASSWORD)
    (tmp_path / "theirs.json").write_text('{"theirs": true}')
    options = ["--type", "cyclonedx", "--input-format", "json"]
    cosign.run("attach", "sbom", "--sbom", tmp_path / "theirs.json", *options, published.reference)
    copy_proofs(source.repository, published.repository, [source.image], store)
    for pair in (ours, theirs):
        cosign.verify(pair.public_file, published.reference)
    assert states(published, ours) == ["proven"] * 3
    assert cosign.run("download", "sbom", published.reference).stdout == '{"theirs": true}'
    assert copy_proofs(source.repository, published.repository, [source.image], store) == 0


def test_what_is_listed_and_not_there_is_told(source, published, store, ours, monkeypatch):
    """A list that anybody can write must not keep the rest from being copied."""
    missing = Descriptor(model.MANIFEST, Digest.of(b"never pushed"), 12)

    def listed(repository, digest):
        more = (missing,) if repository is source.repository else ()
        return (*more, *referrers(repository, digest))

    monkeypatch.setattr(copying, "referrers", listed)
    events: list[Event] = []
    copy_proofs(source.repository, published.repository, [source.image], store, events.append)
    assert states(published, ours) == ["proven"] * 3
    assert [event for event in events if "listed, and not copied" in event.text] != []


def test_an_image_without_proof(published, publish, store):
    assert copy_proofs(publish().repository, published.repository, [published.image], store) == 0
