"""Blobs into the store: in parallel, checked, continued, or not at all."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.registry_simulator import Simulator, changed, cut, drip, endless, honest, redirect, reset, status

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError, UnreachableError
from hivebase.oci import model
from hivebase.oci.model import Platform
from hivebase.reference import Reference
from hivebase.registry.errors import RegistryUnreachableError
from hivebase.transport import LIMITS, RefusedTargetError
from hivebase.values import replace

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.oci.model import Descriptor
    from hivebase.oci.store import Store

AMD64 = Platform(os="linux", architecture="amd64")


def ref(registry: Simulator, text: str = "team/app:1.0") -> Reference:
    return Reference.parse(f"{registry.host}/{text}")


def noise(size: int) -> bytes:
    """Return bytes that gzip cannot make small."""
    return os.urandom(size)


def blobs_of(registry: Simulator, image: Descriptor) -> tuple[Descriptor, ...]:
    manifest = msgspec.json.decode(registry.manifests[image.digest][1], type=model.Manifest)
    return manifest.config, *manifest.layers


def temporary_files(store: Store) -> list[Path]:
    return list((store.state / "ingest").iterdir())


def test_an_image_arrives_whole(registry, connect, store, events):
    """All blobs, the manifest and the index, byte for byte."""
    image = registry.add_image("team/app", layers=[noise(300_000), b"two", b"three"])
    index = registry.add_index("team/app", "1.0", [(image, AMD64)])
    with connect() as client, store.lease():
        resolved = client.pull(ref(registry), store, platform=AMD64)
    assert (index.digest, image.digest) == (resolved.top.digest, resolved.manifest.digest)
    assert registry.manifests[index.digest][1] == store.read(index.digest)
    assert registry.manifests[image.digest][1] == store.read(image.digest)
    for blob in blobs_of(registry, image):
        assert registry.blobs[blob.digest] == store.read(blob.digest)
    assert [event.status for event in events] == ["started", "log", "log", "log", "log", "done"]
    store.tag("team/app:1.0", resolved.top)
    assert len(store.image("team/app:1.0", AMD64).manifest.layers) == 3


def test_what_the_store_has_is_not_fetched(registry, connect, store, events):
    """A second pull asks for no blob; a sibling only for its own."""
    registry.add_image("team/app", "1.0", layers=[b"shared", b"one"])
    registry.add_image("team/other", "1.0", layers=[b"shared", b"two"])
    with connect() as client:
        client.pull(ref(registry), store, platform=AMD64)
        before = len(registry.seen("GET .*/blobs/"))
        client.pull(ref(registry), store, platform=AMD64)
        assert before == len(registry.seen("GET .*/blobs/"))
        assert events[-1].status == "cached"
        client.pull(ref(registry, "team/other:1.0"), store, platform=AMD64)
    assert before + 2 == len(registry.seen("GET .*/blobs/"))


def test_blobs_come_in_parallel(registry, connect, store):
    """Several layers are on their way at the same time."""
    registry.add_image("team/app", "1.0", layers=[noise(10), noise(10), noise(10)])
    meeting = threading.Barrier(3, timeout=5)

    def together(handler, reply):
        meeting.wait()
        handler.send(reply)

    registry.fault("GET .*/blobs/", honest(), together, together, together)
    with connect() as client:
        client.pull(ref(registry), store, platform=AMD64)
    assert not meeting.broken


def test_the_same_layer_twice_is_fetched_once(registry, connect, store):
    """Images may repeat a layer."""
    registry.add_image("team/app", "1.0", layers=[b"same", b"same"])
    with connect() as client:
        client.pull(ref(registry), store, platform=AMD64)
    assert len(registry.seen("GET .*/blobs/")) == 2


def test_r2_blobs_are_fetched_again_after_faults(registry, connect, store):
    """503, reset and 429 are overcome."""
    image = registry.add_image("team/app", "1.0", layers=[noise(1000)])
    registry.fault("GET .*/blobs/", status(503), reset(), status(429, {"Retry-After": "1"}))
    with connect() as client:
        client.pull(ref(registry), store, platform=AMD64)
    assert store.has(image.digest)


def test_r3_a_cut_blob_is_continued(registry, connect, store):
    """After cuts at the beginning, in the middle and before the last byte only the rest is asked for."""
    image = registry.add_image("team/app", "1.0", layers=[noise(100_000)])
    layer = blobs_of(registry, image)[1]
    registry.fault(f"GET .*/{layer.digest}", cut(0), cut(1), cut(50_000), cut(layer.size - 50_002))
    with connect() as client:
        client.pull(ref(registry), store, platform=AMD64)
    ranges = [seen.headers.get("range", "") for seen in registry.seen(f"GET .*/{layer.digest}")]
    assert ["", "", "bytes=1-", "bytes=50001-", f"bytes={layer.size - 1}-"] == ranges
    assert registry.blobs[layer.digest] == store.read(layer.digest)


def test_r8_wrong_bytes_are_refused_and_leave_nothing(registry, connect, store):
    """The error names both digests; the store keeps no trace."""
    image = registry.add_image("team/app", "1.0", layers=[noise(1000)])
    layer = blobs_of(registry, image)[1]
    flipped = bytes([registry.blobs[layer.digest][0] ^ 1]) + registry.blobs[layer.digest][1:]
    registry.fault(f"GET .*/{layer.digest}", changed(lambda _: flipped))
    with connect() as client, pytest.raises(CorruptContentError) as caught:
        client.pull(ref(registry), store, platform=AMD64)
    assert layer.digest in str(caught.value)
    assert str(Digest.of(flipped)) in str(caught.value)
    assert not isinstance(caught.value, UnreachableError)
    assert not store.has(layer.digest)
    assert not store.has(image.digest)
    assert temporary_files(store) == []


def test_r8_longer_blobs_are_refused_at_one_byte_more(registry, connect, store):
    """Also where no length is announced and the body never ends."""
    image = registry.add_image("team/app", "1.0", layers=[noise(1000)])
    layer = blobs_of(registry, image)[1]
    sent: list[int] = []
    noticed = threading.Event()

    def forever(handler, reply):
        try:
            endless()(handler, reply)
        finally:
            sent.append(handler.sent)
            noticed.set()

    registry.fault(f"GET .*/{layer.digest}", changed(lambda body: body + b"x"), forever)
    for _ in range(2):
        with connect() as client, pytest.raises(CorruptContentError, match=f"{layer.size} bytes"):
            client.pull(ref(registry), store, platform=AMD64)
    assert noticed.wait(5)
    assert sent[0] < 20 << 20
    assert temporary_files(store) == []


def test_r8_shorter_blobs_are_refused(registry, connect, store):
    """A complete but shorter answer is not a cut: it is wrong."""
    image = registry.add_image("team/app", "1.0", layers=[noise(1000)])
    layer = blobs_of(registry, image)[1]
    registry.fault(f"GET .*/{layer.digest}", changed(lambda body: body[:-1]))
    with connect() as client, pytest.raises(CorruptContentError, match=f"{layer.size} bytes"):
        client.pull(ref(registry), store, platform=AMD64)
    assert len(registry.seen(f"GET .*/{layer.digest}")) == 1


def test_r10_a_dripping_blob_is_given_up(registry, connect, store):
    """Bytes come often enough and never enough: the total time decides."""
    registry.add_image("team/app", "1.0", layers=[noise(100_000)])
    registry.fault("GET .*/blobs/", honest(), drip(0.001), forever=True)
    limits = replace(LIMITS, grace=50.0, slowest=100_000, tries=2)
    with connect(limits=limits) as client:
        # The clock of these tests stands still but for its steps: each look at it is a second.
        client._transport.clock._step = 1.0
        with pytest.raises(RegistryUnreachableError) as caught:
            client.pull(ref(registry), store, platform=AMD64)
    assert caught.value.cause == "timeout"


def test_r11_blobs_kept_elsewhere_get_no_credentials(store, connect):
    """The registry's storage is asked with what its URL carries, and nothing else."""
    with Simulator(auth="basic", users={"me": "my-password"}) as registry, Simulator() as storage:
        image = registry.add_image("team/app", "1.0", layers=[noise(100)])
        layer = blobs_of(registry, image)[1]
        storage.files[f"/{layer.digest}"] = registry.blobs[layer.digest]
        registry.fault(f"GET .*/{layer.digest}", redirect(f"{storage.url}/{layer.digest}?sig=1"))
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client:
            client.pull(ref(registry), store, platform=AMD64)
        assert "authorization" in registry.seen(f"GET .*/{layer.digest}")[0].headers
        assert len(storage.requests) == 1
        assert {"authorization", "cookie"}.isdisjoint(storage.requests[0].headers)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/x", "http://10.0.0.1/x", "file:///etc/passwd", "http://0x0a000001/"]
)
def test_r12_foreign_layers_are_not_fetched_from_inside(registry, connect, store, url):
    """``urls`` of a manifest are a server's word like any redirect."""
    digest = Digest.of(b"kept elsewhere")
    layer = {"mediaType": model.LAYER_GZIP, "digest": digest, "size": 14, "urls": [url]}
    image = registry.add_image("team/app", "1.0", layers=[b"x"])
    document = msgspec.json.decode(registry.manifests[image.digest][1])
    registry.add_manifest({**document, "layers": [layer]}, "team/app", "1.0")
    with connect() as client, pytest.raises(RefusedTargetError):
        client.pull(ref(registry), store, platform=AMD64)


def test_r12_foreign_layers_are_fetched_as_a_stranger(store, connect):
    """From its publisher's host, without the credentials of the registry, checked like any blob."""
    with Simulator(auth="basic", users={"me": "my-password"}) as registry, Simulator() as elsewhere:
        image = registry.add_image("team/app", "1.0", layers=[noise(100)])
        document = msgspec.json.decode(registry.manifests[image.digest][1])
        layer = document["layers"][0]
        elsewhere.files["/layer"] = registry.blobs.pop(layer["digest"])
        layer["urls"] = [f"{elsewhere.url}/layer"]
        registry.add_manifest(document, "team/app", "1.0")
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client:
            client.pull(ref(registry), store, platform=AMD64)
        assert store.has(layer["digest"])
        assert "authorization" not in elsewhere.requests[0].headers


def test_a_blob_that_is_missing_is_told(registry, connect, store):
    """A registry that lost a blob is named, with the blob."""
    image = registry.add_image("team/app", "1.0")
    layer = blobs_of(registry, image)[1]
    del registry.blobs[layer.digest]
    with connect() as client, pytest.raises(NotFoundError, match=layer.digest):
        client.pull(ref(registry), store, platform=AMD64)
    assert not store.has(image.digest)


def test_an_image_for_another_platform_is_refused_before_its_layers(registry, connect, store):
    """Without an index only the config knows."""
    registry.add_image("team/app", "1.0", architecture="riscv64")
    with connect() as client, pytest.raises(NotFoundError, match="linux/riscv64"):
        client.pull(ref(registry), store, platform=AMD64)
    assert len(registry.seen("GET .*/blobs/")) == 1


def test_a_config_that_does_not_fit_its_manifest_is_refused(registry, connect, store):
    """One layer less in the manifest than in the config: somebody changed one of them."""
    registry.add_image("team/app", "1.0", layers=[b"one", b"two"])
    image = registry.add_image("team/app", "1.0", layers=[b"one", b"two"])
    document = msgspec.json.decode(registry.manifests[image.digest][1])
    registry.add_manifest({**document, "layers": document["layers"][:1]}, "team/app", "1.0")
    with connect() as client, pytest.raises(CorruptContentError, match="does not fit"):
        client.pull(ref(registry), store, platform=AMD64)


def test_r9_too_many_layers_and_a_huge_config_are_refused(registry, connect, store):
    """Both are announced by the manifest and refused before anything is fetched."""
    image = registry.add_image("team/app")
    document = msgspec.json.decode(registry.manifests[image.digest][1])
    registry.add_manifest({**document, "layers": document["layers"] * 501}, "team/app", "many")
    registry.add_manifest({**document, "config": {**document["config"], "size": 5 << 20}}, "team/app", "huge")
    with connect() as client:
        for tag in ("many", "huge"):
            with pytest.raises(CorruptContentError):
                client.pull(ref(registry, f"team/app:{tag}"), store, platform=AMD64)
    assert registry.seen("GET .*/blobs/") == []


def test_r9_a_layer_that_no_disk_holds_is_not_fetched(registry, connect, store):
    """Its size is the manifest's own word, so a server could make it anything and send for ever."""
    image = registry.add_image("team/app", layers=[b"one"])
    document = msgspec.json.decode(registry.manifests[image.digest][1])
    layer = {**document["layers"][0], "size": LIMITS.download + 1}
    registry.add_manifest({**document, "layers": [layer]}, "team/app", "1.0")
    with connect() as client, pytest.raises(SystemFaultError, match=f"longer than {LIMITS.download} bytes"):
        client.pull(ref(registry), store, platform=AMD64)
    assert registry.seen(f"GET .*/{layer['digest']}") == []


def test_one_bad_layer_stops_the_others(registry, connect, store):
    """The first error ends the pull; layers that are still coming are given up."""
    image = registry.add_image("team/app", "1.0", layers=[noise(100), noise(5_000_000)])
    _, bad, slow = blobs_of(registry, image)
    registry.fault(f"GET .*/{bad.digest}", changed(lambda body: b"X" + body[1:]))
    registry.fault(f"GET .*/{slow.digest}", drip(0.02, size=10_000))
    with connect() as client, pytest.raises(CorruptContentError, match=bad.digest):
        client.pull(ref(registry), store, platform=AMD64)
    assert not store.has(slow.digest)
    assert temporary_files(store) == []


def test_events_tell_of_a_failure(registry, connect, store, events):
    """The listener hears of the end in any case."""
    with connect() as client, pytest.raises(SystemFaultError):
        client.pull(ref(registry), store, platform=AMD64)
    assert [event.status for event in events] == ["started", "failed"]
