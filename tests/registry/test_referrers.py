"""Referrers: listed by the registry or by ourselves, complete, and never taken from anybody (rows R-9 and R-22)."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.registry.referrers import Listing
from tests.registry.test_real_registry import layout, push
from tests.registry_simulator import changed, status
from tests.servers import docker_registry

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.oci import model
from hivebase.oci.model import Descriptor, Manifest, canonical_json
from hivebase.reference import Reference
from hivebase.registry import merge as merging
from hivebase.registry import referrers as referring
from hivebase.registry.client import RegistryClient
from hivebase.registry.credentials import Keychain
from hivebase.registry.manifests import put_manifest
from hivebase.registry.referrers import attach, fallback_tag, referrers
from hivebase.registry.resolve import fetch
from hivebase.registry.upload import upload_blob
from hivebase.release.artifact import Artifact, attached
from hivebase.transport import RefusedTargetError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hivebase.registry.repository import Repository

SUBJECT = Descriptor(model.MANIFEST, Digest.of(b"the image"), 9)
IMAGE = Digest.of(b"the image")


def document(text: str, subject: Descriptor = SUBJECT, **annotations: str) -> bytes:
    return attached(subject, "application/x-proof", text.encode(), annotations=annotations).data


def digests(items: Iterable[Descriptor | Artifact]) -> set[str]:
    """Return digests, and refuse that one is there twice."""
    found = [str(item.digest) for item in items]
    assert len(found) == len(set(found))
    return set(found)


@pytest.fixture
def listing():
    with Listing() as made:
        yield made


@pytest.fixture
def repository(listing, connect):
    with connect() as client:
        yield client.repository(Reference.parse(f"{listing.host}/team/app"), push=True)


def test_a_registry_that_lists_itself_is_left_to_it(listing, repository):
    """Manifests go there by digest, and no tag is written."""
    one, two = document("one", note="yes"), document("two")
    entries = attach(repository, SUBJECT, one, two)
    assert [item.digest for item in entries] == [Digest.of(one), Digest.of(two)]
    assert digests(referrers(repository, IMAGE)) == digests(entries)
    assert entries[0].artifact_type == "application/x-proof"
    assert entries[0].annotations == {"note": "yes"}
    assert listing.tags == {}
    assert attach(repository, SUBJECT, one, two) == entries
    assert len(listing.seen("PUT ")) == 2


def test_what_refers_to_nothing_we_know(repository):
    assert referrers(repository, IMAGE) == ()


def test_one_type_alone(repository):
    attach(repository, SUBJECT, document("one"))
    assert referrers(repository, IMAGE, "application/x-other") == ()
    assert len(referrers(repository, IMAGE, "application/x-proof")) == 1


def test_all_pages_are_read(listing, repository):
    listing.page = 2
    attach(repository, SUBJECT, *(document(str(number)) for number in range(5)))
    assert len(referrers(repository, IMAGE)) == 5
    assert len(listing.seen("GET .*/referrers/.*last=4")) == 1


def test_a_list_without_end_is_given_up(listing, repository, monkeypatch):
    """Row R-9: pages that go on, and lists that are longer than any honest one."""
    listing.page = 1
    monkeypatch.setattr(referring, "MOST", 3)
    attach(repository, SUBJECT, *(document(str(number)) for number in range(3)))
    assert len(referrers(repository, IMAGE)) == 3
    attach(repository, SUBJECT, document("3"))
    with pytest.raises(SystemFaultError, match="more than 3 entries"):
        referrers(repository, IMAGE)


def test_a_list_that_goes_on_elsewhere_is_refused(listing, repository):
    link = changed(lambda body: body, Link='<http://169.254.169.254/v2/x>; rel="next"')
    listing.fault("GET .*/referrers/", link, forever=True)
    with pytest.raises(RefusedTargetError):
        referrers(repository, IMAGE)


@pytest.mark.parametrize("code", [400, 404, 405, 501])
def test_registries_without_the_list(listing, repository, code):
    """Whatever they answer to the question, the list is kept at the tag, and both entries are in it."""
    listing.api = False
    listing.fault(
        "GET .*/referrers/", status(code, {"Docker-Distribution-Api-Version": "registry/2.0"}), forever=True
    )
    one, two = attach(repository, SUBJECT, document("one")), attach(repository, SUBJECT, document("two"))
    assert digests(referrers(repository, IMAGE)) == digests((*one, *two))
    assert list(listing.tags) == [("team/app", fallback_tag(IMAGE))]


def test_a_web_page_is_no_list(listing, repository):
    """A registry behind a website answers everything with its front page."""
    page = status(200, {"Content-Type": "text/html"}, b"<html>")
    listing.api = False
    listing.fault("GET .*/referrers/", page, forever=True)
    entries = attach(repository, SUBJECT, document("one"))
    assert referrers(repository, IMAGE) == entries


@pytest.mark.parametrize("code", [403, 500])
def test_a_registry_in_trouble_has_no_empty_list(listing, repository, code):
    """What could not be asked must not be taken for absent, or a list would be begun anew."""
    listing.fault("GET .*/referrers/", status(code), forever=True)
    with pytest.raises(SystemFaultError):
        attach(repository, SUBJECT, document("one"))
    assert listing.seen("PUT ") == []


def test_a_registry_that_says_nothing_of_the_subject(listing, repository):
    """Without ``OCI-Subject`` the client keeps the list, whether the registry has one or not."""
    listing.subject_header = False
    entries = attach(repository, SUBJECT, document("one"))
    assert referring._at_fallback(repository, IMAGE) == entries


def test_what_others_wrote_into_the_list_stays(listing, repository):
    """Row R-22: entries, annotations and members that are not known here."""
    listing.api = False
    foreign = {
        "mediaType": model.MANIFEST,
        "digest": Digest.of(b"theirs"),
        "size": 6,
        "artifactType": "application/x-theirs",
        "data": "dGhlaXJz",
        "x-unknown": [1, 2],
    }
    before: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": model.INDEX,
        "manifests": [foreign],
        "x": {"y": 1},
    }
    listing.add_manifest(before, "team/app", fallback_tag(IMAGE))
    attach(repository, SUBJECT, document("one"))
    after = json.loads(fetch(repository, fallback_tag(IMAGE)).data)
    assert after["manifests"][0] == foreign
    assert after["x"] == {"y": 1}
    assert len(after["manifests"]) == 2
    written = len(listing.seen("PUT "))
    attach(repository, SUBJECT, document("one"))
    assert len(listing.seen("PUT ")) == written


def test_an_image_at_the_tag_of_the_list_is_not_overwritten(listing, repository):
    listing.api = False
    listing.add_image("team/app", fallback_tag(IMAGE))
    before = dict(listing.tags)
    with pytest.raises(CorruptContentError, match="something else at the tag"):
        attach(repository, SUBJECT, document("one"))
    assert listing.tags == before


def test_a_manifest_about_something_else_is_not_attached(listing, repository):
    other = Descriptor(model.MANIFEST, Digest.of(b"another"), 7)
    with pytest.raises(CorruptContentError, match="does not refer to"):
        attach(repository, SUBJECT, document("one", other))
    bare = Manifest(schema_version=2, config=SUBJECT, layers=())
    with pytest.raises(CorruptContentError, match="does not refer to"):
        attach(repository, SUBJECT, canonical_json(bare))
    assert listing.seen("PUT ") == []


def test_a_list_that_was_overwritten_meanwhile_is_merged_again(listing, repository):
    """Another writer read before we wrote, and wrote after: both entries are in the end."""
    listing.api = False
    theirs = document("theirs")
    listing.add_manifest(theirs)
    overwritten = []

    def overwrite(handler, reply):
        """Answer our write, and put the list there as somebody made it who has not seen ours."""
        handler.send(reply)
        entry = model.Descriptor(model.MANIFEST, Digest.of(theirs), len(theirs))
        index = model.Index(schema_version=2, media_type=model.INDEX, manifests=(entry,))
        listing.add_manifest(index, "team/app", fallback_tag(IMAGE))
        overwritten.append(True)

    listing.fault(f"PUT .*/{fallback_tag(IMAGE)}", overwrite, overwrite)
    (ours,) = attach(repository, SUBJECT, document("ours"))
    assert len(overwritten) == 2
    assert digests(referrers(repository, IMAGE)) == {ours.digest, Digest.of(theirs)}


def test_a_list_that_is_overwritten_again_and_again_is_given_up(listing, repository, monkeypatch):
    listing.api = False
    monkeypatch.setattr(merging, "ROUNDS", 3)

    def lose(handler, reply):
        handler.send(reply)
        listing.tags.clear()

    listing.fault("PUT .*/sha256-", lose, forever=True)
    with pytest.raises(SystemFaultError, match="does not keep what is written"):
        attach(repository, SUBJECT, document("one"))
    assert len(listing.seen("PUT .*/sha256-")) == 4


# Against the real one, which has no list of its own.


@pytest.fixture
def image(tmp_path):
    """A real registry with a small image: the address of the repository, and the image's descriptor."""
    digest = layout(tmp_path / "image")
    size = len((tmp_path / "image/blobs/sha256" / digest[7:]).read_bytes())
    with docker_registry(tmp_path) as host:
        push(tmp_path / "image", host, "--dest-tls-verify=false")
        yield f"{host}/team/app", Descriptor(model.MANIFEST, digest, size)


def artifacts(subject: Descriptor, *texts: str) -> list[Artifact]:
    return [attached(subject, "application/x-proof", text.encode()) for text in texts]


def send(repository: Repository, artifact: Artifact) -> None:
    import io  # noqa: PLC0415 -- also run by the program below

    for blob in artifact.blobs:
        upload_blob(repository, blob.descriptor, lambda blob=blob: io.BytesIO(blob.data))  # type: ignore[misc]


def client_of() -> RegistryClient:
    return RegistryClient(keychain=Keychain({"REGISTRY_AUTH_FILE": "/nonexistent"}))


@pytest.mark.server
def test_two_pushes_to_the_real_registry(image):
    """Row R-22: the second SBOM does not take the place of the first."""
    address, subject = image
    with client_of() as client:
        repository = client.repository(Reference.parse(address), push=True)
        for artifact in artifacts(subject, "one", "two"):
            send(repository, artifact)
            attach(repository, subject, artifact.data)
        found = digests(referrers(repository, Digest.parse(subject.digest)))
        assert found == digests(artifacts(subject, "one", "two"))
        with pytest.raises(SystemFaultError):
            put_manifest(repository, "x", artifacts(subject, "not sent")[0].data, model.MANIFEST)


PROGRAM = """
import sys
from tests.registry.test_referrers import *
address, digest, size, name = sys.argv[1:]
subject = Descriptor(model.MANIFEST, digest, int(size))
with client_of() as client:
    repository = client.repository(Reference.parse(address), push=True)
    (artifact,) = artifacts(subject, name)
    send(repository, artifact)
    attach(repository, subject, artifact.data)
"""


@pytest.mark.server
def test_parallel_pushes_to_the_real_registry(image):
    """Row R-22: threads and processes at once, and each finds its entry in the list afterwards."""
    address, subject = image
    names = [f"process {number}" for number in range(4)]
    words = [sys.executable, "-c", PROGRAM, address, subject.digest, str(subject.size)]
    running = [subprocess.Popen([*words, name]) for name in names]
    with client_of() as client, ThreadPoolExecutor(4) as pool:
        repository = client.repository(Reference.parse(address), push=True)
        made = artifacts(subject, *(f"thread {number}" for number in range(4)))
        for artifact in made:
            send(repository, artifact)
        list(pool.map(lambda artifact: attach(repository, subject, artifact.data), made))
        assert [process.wait(60) for process in running] == [0] * len(names)
        found = digests(referrers(repository, Digest.parse(subject.digest)))
    assert found == digests((*made, *artifacts(subject, *names)))
