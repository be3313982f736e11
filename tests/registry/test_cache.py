"""The shared cache: what is written is found elsewhere, and nothing else that lies in a repository is believed."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from tests.oci.images import layer_tar, put_layer
from tests.registry_simulator import changed, cut, endless, reset, status
from tests.servers import docker_registry
from tests.upload_simulator import PushSimulator

from hivebase.digest import Digest
from hivebase.errors import InterruptedByUserError
from hivebase.oci import model
from hivebase.oci.model import Descriptor, canonical_json
from hivebase.oci.store import Store
from hivebase.reference import Reference
from hivebase.registry import cache_entry
from hivebase.registry.cache import RegistryCache
from hivebase.registry.cache_entry import tag_of
from hivebase.transport import LIMITS, Secret
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "team/cache"
KEY = Digest.of(b"a key")
OTHER = Digest.of(b"another key")
SECRET = Secret("a secret of at least sixteen")
TAG = tag_of("step", KEY)


@pytest.fixture
def registry():
    with PushSimulator() as made:
        yield made


@pytest.fixture
def other(tmp_path):
    """The store of another machine."""
    return Store.open(tmp_path / "other")


@pytest.fixture
def opened(connect, registry, events):
    """Return a maker of caches: ``with opened(store) as cache``; it is finished at the end."""

    @contextmanager
    def make(store: Store, *, write: bool = True, host: str = "", **options: Any) -> Iterator[RegistryCache]:
        limits = options.pop("limits", replace(LIMITS, tries=2))
        finish = options.pop("finish", True)
        with connect(limits=limits, **options.pop("client", {})) as client, store.lease():
            reference = Reference.parse(f"{host or registry.host}/{NAME}")
            writing = client.repository(reference, push=True) if write else None
            cache = RegistryCache(
                client.repository(reference), store, writing=writing, listener=events.append, **options
            )
            yield cache
            if finish:
                cache.finish()

    return make


def fill(opened, store, *, key=KEY, content=b"content", **options) -> Descriptor:
    """Write one entry with one layer; return the layer."""
    layer, _ = put_layer(store, layer_tar({"file": content}))
    with opened(store, **options) as cache:
        cache.put("step", key, {"says": "this"}, [layer])
    return layer


def notes(events):
    """Return what was told, counts excepted."""
    return [event.text for event in events if event.status == "note" and "results read" not in event.text]


def entry_manifest(registry, tag=TAG) -> dict[str, Any]:
    """Return the manifest of an entry."""
    document: dict[str, Any] = json.loads(registry.manifests[registry.tags[NAME, tag]][1])
    return document


def put_entry(registry, content=None, **members) -> None:
    """Change the manifest of the entry, and perhaps the content of its configuration, consistently."""
    manifest = entry_manifest(registry)
    if content is not None:
        digest = registry.add_blob(content)
        manifest["config"] = {**manifest["config"], "digest": digest, "size": len(content)}
    registry.add_manifest({**manifest, **members}, NAME, TAG)


def config_of(registry) -> dict[str, Any]:
    """Return the configuration of an entry."""
    document: dict[str, Any] = json.loads(registry.blobs[entry_manifest(registry)["config"]["digest"]])
    return document


# What it is for.


def test_what_one_machine_writes_another_reads(registry, opened, store, other, events):
    """The record and the layer, which is in the store then."""
    layer = fill(opened, store)
    with opened(other) as cache:
        assert cache.get("step", KEY) == {"says": "this"}
    assert other.read(layer.digest) == store.read(layer.digest)
    assert notes(events) == []
    assert events[-1].text == "1 results read (0.0 MB fetched), 0 written (0.0 MB sent)"


def test_an_entry_is_one_artifact_of_our_own_type(registry, opened, store):
    """Tagged by its key, which it names itself; its blobs are the manifest's layers; nothing is annotated."""
    layer = fill(opened, store)
    assert list(registry.tags) == [(NAME, f"cache-step-{KEY.hex}")]
    manifest = entry_manifest(registry)
    about = {"mediaType": model.LAYER_GZIP, "digest": layer.digest, "size": layer.size}
    assert manifest["layers"] == [about]
    assert manifest["artifactType"] == cache_entry.ARTIFACT
    assert "annotations" not in manifest
    assert config_of(registry) == {
        "format": 1,
        "namespace": "step",
        "key": KEY,
        "value": {"says": "this"},
        "blobs": [about],
    }


def test_a_record_without_blobs(registry, opened, store, other):
    """A step may leave nothing."""
    with opened(store) as cache:
        cache.put("step", KEY, {"layers": []}, [])
    with opened(other) as cache:
        assert cache.get("step", KEY) == {"layers": []}
    assert [layer["digest"] for layer in entry_manifest(registry)["layers"]] == [Digest.of(b"{}")]


def test_what_nobody_wrote_is_asked_for_once(registry, opened, store, events):
    """A miss is remembered, and is nothing to tell."""
    with opened(store) as cache:
        assert [cache.get("step", KEY) for _ in range(3)] == [None] * 3
        assert cache.get("step", OTHER) is None
    assert len(registry.seen("GET .*/manifests/")) == 2
    assert notes(events) == []


def test_many_who_want_one_entry_ask_once(registry, opened, store, other):
    """And its blob comes once, whoever else wants it."""
    layer = fill(opened, store)
    fill(opened, store, key=OTHER)
    with opened(other) as cache:
        found: list[Any] = []
        asking = [
            threading.Thread(target=lambda key=key: found.append(cache.get("step", key)))
            for key in (KEY, OTHER) * 4
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    assert found == [{"says": "this"}] * 8
    assert len(registry.seen("GET .*/manifests/")) == 2
    assert len(registry.seen(f"GET .*/blobs/{layer.digest}")) == 1


def test_blobs_that_are_there_are_not_fetched(registry, opened, store):
    """Only the two documents are."""
    layer = fill(opened, store)
    with opened(store) as cache:
        assert cache.get("step", KEY)
    assert registry.seen(f"GET .*/blobs/{layer.digest}") == []


def test_what_the_registry_has_is_not_sent(registry, opened, store, other):
    """Neither an entry nor a blob; and the first one stays."""
    layer = fill(opened, store)
    first = registry.tags[NAME, TAG]
    before = len(registry.seen("PUT|POST"))
    with opened(store) as cache:
        cache.put("step", KEY, {"says": "that"}, [layer])
    assert len(registry.seen("PUT|POST")) == before
    assert registry.tags[NAME, TAG] == first
    with opened(store) as cache:
        cache.put("step", OTHER, {"says": "that"}, [layer])
    assert len(registry.seen(f"PUT .*{layer.digest.replace(':', '%3A')}")) == 1
    with opened(other) as cache:
        assert cache.get("step", OTHER) == {"says": "that"}


def test_a_blob_of_many_entries_is_sent_once(registry, opened, store):
    """Also where they are written at the same time."""
    layer, _ = put_layer(store, layer_tar({"file": b"content"}))
    with opened(store) as cache:
        for number in range(12):
            cache.put("step", Digest.of(b"%d" % number), {}, [layer])
    assert len(registry.tags) == 12
    assert len(registry.seen(f"PUT .*{layer.digest.replace(':', '%3A')}")) == 1


def test_what_is_done_anew_takes_the_place(registry, opened, store, other):
    """Where the caller says so."""
    layer = fill(opened, store)
    with opened(store) as cache:
        cache.put("step", KEY, {"says": "that"}, [layer], replace=True)
    with opened(other) as cache:
        assert cache.get("step", KEY) == {"says": "that"}


def test_who_only_reads_writes_nothing(registry, opened, store, events):
    """Not even a question with that right is asked."""
    fill(opened, store, write=False)
    assert registry.seen("PUT|POST|PATCH|HEAD") == []
    assert registry.tags == {}


def test_a_registry_that_keeps_its_tags_is_not_an_error(registry, opened, store, events):
    """Another machine was faster, between our look and our writing."""
    fill(opened, store)
    registry.immutable = True
    with opened(store) as cache:
        cache.put("step", KEY, {"says": "that"}, [], replace=True)
    assert notes(events) == []


# What is not believed.


def other_entry(**changes):
    """Return what puts an entry in place that says something else in its configuration."""

    def other_content(registry):
        put_entry(registry, content=canonical_json({**config_of(registry), **changes}))

    return other_content


def image(registry):
    """An ordinary image under the tag of an entry."""
    registry.add_image(NAME, TAG)


def index(registry):
    """An index with the entry in it."""
    data = registry.manifests[registry.tags[NAME, TAG]][1]
    registry.add_index(NAME, TAG, [(Descriptor(model.MANIFEST, Digest.of(data), len(data)), None)])


def copied(registry):
    """The entry of another key."""
    registry.tags[NAME, tag_of("step", OTHER)] = registry.tags[NAME, TAG]


def swapped_layer(registry):
    """A manifest with a layer that the configuration does not know."""
    digest = registry.add_blob(b"evil")
    put_entry(registry, layers=[{"mediaType": model.LAYER_GZIP, "digest": digest, "size": 4}])


def wrong_size(registry):
    """A blob of another size, both documents agreeing."""
    blob = {**config_of(registry)["blobs"][0], "size": 5}
    put_entry(registry, content=canonical_json({**config_of(registry), "blobs": [blob]}), layers=[blob])


def wrong_content(registry):
    """Bytes that are not those of the digest."""
    digest = entry_manifest(registry)["layers"][0]["digest"]
    registry.blobs[digest] = bytes(len(registry.blobs[digest]))


def truncated(registry):
    """Half of a blob."""
    digest = entry_manifest(registry)["layers"][0]["digest"]
    registry.blobs[digest] = registry.blobs[digest][:-9]


def gone(registry):
    """A blob that the registry has removed."""
    del registry.blobs[entry_manifest(registry)["layers"][0]["digest"]]


def config_gone(registry):
    """No configuration."""
    del registry.blobs[entry_manifest(registry)["config"]["digest"]]


def config_of_another_kind(registry):
    """The manifest says that its configuration is an image's."""
    config = {**entry_manifest(registry)["config"], "mediaType": model.CONFIG}
    put_entry(registry, config=config)


def other_type(registry):
    """An artifact of another type."""
    put_entry(registry, artifactType="application/vnd.example")


def deep(registry):
    """JSON that is nested without end."""
    text = canonical_json(config_of(registry)).replace(b'"this"', b"[" * 5000 + b"]" * 5000)
    put_entry(registry, content=text)


def twice(registry):
    """JSON that says two things."""
    text = canonical_json(config_of(registry)).replace(b'"format":1', b'"format":1,"format":1')
    put_entry(registry, content=text)


def huge_config(registry):
    """A configuration of eight megabytes, announced as what it is."""
    put_entry(registry, content=b" " * (8 << 20))


def huge_blob(registry):
    """A layer that no disk holds."""
    blob = {**config_of(registry)["blobs"][0], "size": 1 << 60}
    put_entry(registry, content=canonical_json({**config_of(registry), "blobs": [blob]}), layers=[blob])


def many(registry):
    """More layers than anybody makes."""
    blobs = config_of(registry)["blobs"] * 501
    put_entry(registry, content=canonical_json({**config_of(registry), "blobs": blobs}), layers=blobs)


def with_urls(registry):
    """A layer that is to be fetched elsewhere."""
    blob = {**config_of(registry)["blobs"][0], "urls": ["http://127.0.0.1/x"]}
    put_entry(registry, content=canonical_json({**config_of(registry), "blobs": [blob]}), layers=[blob])


def not_json(registry):
    """Something else."""
    put_entry(registry, content=b"\x1f\x8bnonsense")


POISON = [
    (image, "it is no entry of a cache"),
    (index, "neither|is of the wrong kind|no entry"),
    (swapped_layer, "its manifest names other blobs than its configuration"),
    (wrong_size, "its blob [0-9a-f]{12} is announced with"),
    (wrong_content, "its blob [0-9a-f]{12} has"),
    (truncated, "its blob [0-9a-f]{12} is announced with"),
    (gone, "its blob [0-9a-f]{12} does not exist"),
    (config_gone, "its blob [0-9a-f]{12} does not exist"),
    (config_of_another_kind, "it is no entry of a cache"),
    (other_type, "it is no entry of a cache"),
    (deep, "its configuration is not usable JSON"),
    (twice, "its configuration is not usable JSON"),
    (not_json, "its configuration is not usable JSON"),
    (huge_config, "its configuration has more than 4194304 bytes"),
    (huge_blob, "do not fit on the disk"),
    (many, "more than 500 (layers|blobs)"),
    (with_urls, "its configuration is not usable JSON"),
    (other_entry(key=OTHER), "it is for another key"),
    (other_entry(namespace="wheel-layer"), "it is for another key"),
    (other_entry(format=2), "its format is 2, not 1"),
    (other_entry(value=[1]), "its configuration is not usable JSON"),
    (other_entry(more=1), "its configuration is not usable JSON"),
]


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison[0].__name__)
def test_what_is_not_an_entry_for_the_key_is_told_and_written_anew(
    registry, opened, store, other, events, poison
):
    """It counts as not there; what is made in its place takes its place, and the next machine finds that."""
    layer, (spoil, why) = fill(opened, store), poison
    spoil(registry)
    with opened(other) as cache:
        assert cache.get("step", KEY) is None
        assert cache.get("step", KEY) is None
        put_layer(other, layer_tar({"file": b"content"}))
        cache.put("step", KEY, {"says": "that"}, [layer])
    (note,) = notes(events)
    assert note.startswith(f"the entry {TAG[:23]} of {registry.host}/{NAME} is not used: ")
    assert re.search(why, note), note
    if spoil != wrong_content:  # the simulator has the right size, and so is believed to have the blob
        with opened(Store.open(other.root.parent / "third")) as cache:
            assert cache.get("step", KEY) == {"says": "that"}


SPOILT = changed(lambda data: data[:-1]), cut(3), endless()


@pytest.mark.parametrize("answer", list(product(("manifests/cache", "config", "layer"), SPOILT)))
def test_an_answer_that_is_not_what_was_asked_for(registry, opened, store, other, events, answer):
    """Cut, shorter than announced, or without end: nothing of it is kept."""
    layer, (what, spoiling) = fill(opened, store), answer
    places = {"config": entry_manifest(registry)["config"]["digest"], "layer": layer.digest}
    registry.fault(f"GET .*{places.get(what, what)}", spoiling, forever=True)
    with opened(other, limits=replace(LIMITS, tries=2, manifest=1 << 20)) as cache:
        assert cache.get("step", KEY) is None
    assert not other.has(layer.digest)
    assert len(notes(events)) == 1


def test_only_the_first_refusals_are_told(registry, opened, store, other, events):
    """Of a repository that is full of something else; the others are counted."""
    fill(opened, store)
    keys = [Digest.of(b"%d" % number) for number in range(20)]
    for key in keys:
        registry.add_image(NAME, tag_of("step", key))
    with opened(other) as cache:
        assert [cache.get("step", key) for key in keys] == [None] * 20
    assert len(notes(events)) == 5
    assert "20 not used" in events[-1].text


def test_what_the_build_refuses_is_not_there_any_more(registry, opened, store, other, events):
    """It is told and written anew."""
    layer = fill(opened, store)
    with opened(other) as cache:
        assert cache.get("step", KEY)
        cache.refuse("step", KEY, "it lies")
        assert cache.get("step", KEY) is None
        cache.put("step", KEY, {"says": "that"}, [layer])
    assert notes(events) == [f"the entry {TAG[:23]} of {registry.host}/{NAME} is not used: it lies"]
    with opened(other) as cache:
        assert cache.get("step", KEY) == {"says": "that"}


# With a key.


def test_with_the_key_of_the_cache_only_sealed_entries_count(registry, opened, store, other, events):
    """What others write, sealed or not, is not taken; who has no key takes all."""
    fill(opened, store)
    with opened(other, secret=SECRET) as cache:
        assert cache.get("step", KEY) is None
        cache.put("step", KEY, {"says": "that"}, [])
    assert notes(events)[0].endswith("it is not sealed with the key of this cache")
    for secret, found in ((SECRET, True), (Secret("another secret, just as long"), False), (None, True)):
        with opened(other, secret=secret) as cache:
            assert cache.get("step", KEY) == ({"says": "that"} if found else None)


@pytest.mark.parametrize(
    "changes", [{"value": {"says": "evil"}}, {"blobs": []}, {"key": OTHER}, {"namespace": "wheel-layer"}]
)
def test_a_seal_is_over_all_that_an_entry_says(registry, opened, store, other, changes):
    """Changed by one who has not the key, it is none; nor is it one for another key."""
    fill(opened, store, secret=SECRET)
    document = {**config_of(registry), **changes}
    empty = entry_layers(document)
    put_entry(registry, content=canonical_json(document), layers=empty)
    namespace, key = document["namespace"], Digest.parse(document["key"])
    registry.tags[NAME, tag_of(namespace, key)] = registry.tags[NAME, TAG]
    with opened(other) as cache:
        assert cache.get(namespace, key) is not None  # in all else it is right
    with opened(other, secret=SECRET) as cache:
        assert cache.get(namespace, key) is None


def entry_layers(document) -> list[dict[str, Any]]:
    """Return the layers of a manifest that fits a configuration."""
    nothing = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest.of(b"{}"), "size": 2}
    return document["blobs"] or [nothing]


def test_the_key_of_the_cache_is_nowhere(registry, opened, store, other, events):
    """Not in a request, an entry or an event."""
    fill(opened, store, secret=SECRET)
    with opened(other, secret=SECRET) as cache:
        assert cache.get("step", KEY)
    seen = repr([(str(one), one.headers, one.body) for one in registry.requests]) + repr(events)
    assert SECRET.reveal() not in seen
    assert "seal" in config_of(registry)


# A registry that is of no use.


def test_a_registry_that_is_not_there_is_told_once(opened, store, events):
    """And asked no more, for anything."""
    with opened(store, host="127.0.0.1:1") as cache:
        assert [cache.get("step", key) for key in (KEY, OTHER)] == [None, None]
        for key in (KEY, OTHER):
            cache.put("step", key, {}, [])
    (note,) = notes(events)
    assert note.startswith(f"127.0.0.1:1/{NAME} is not read in this build: ")


@pytest.mark.parametrize(
    "fault", [status(500), status(429), reset(), status(302, {"Location": "http://10.0.0.1/"})]
)
def test_a_registry_that_fails_is_told_once(registry, opened, store, events, fault):
    """After the attempts that every request gets."""
    registry.fault("(GET|HEAD|POST|PUT) .*/(manifests|blobs)/", fault, forever=True)
    with opened(store) as cache:
        assert [cache.get("step", key) for key in (KEY, OTHER)] == [None, None]
        asked = len(registry.requests)
        cache.put("step", OTHER, {}, [])
    assert len(registry.requests) == asked
    assert len(notes(events)) == 1


def test_a_registry_that_fails_at_writing(registry, opened, store, other, events):
    """What it fails with is told once, and nothing else is tried."""
    registry.fault("POST", status(500), forever=True)
    layer, _ = put_layer(store, layer_tar({"file": b"content"}))
    with opened(store) as cache:
        for number in range(10):
            cache.put("step", Digest.of(b"%d" % number), {}, [layer])
    assert len(notes(events)) == 1
    assert "is not written to in this build" in notes(events)[0]
    assert registry.tags == {}


def test_who_may_not_write_still_reads(registry, opened, store, other, events):
    """A refusal of one is none of the other."""
    fill(opened, store)
    registry.fault("POST|PUT", status(403), forever=True)
    with opened(other) as cache:
        for number in range(10):
            cache.put("step", Digest.of(b"%d" % number), {}, [])
        cache.finish()
        assert cache.get("step", KEY) == {"says": "this"}
    (note,) = notes(events)
    assert "is not written to in this build" in note


def test_who_may_not_read_still_writes(registry, opened, store, events):
    """Registries refuse to show repositories that are not there yet."""
    registry.fault("GET .*/manifests/", status(403), forever=True)
    with opened(store) as cache:
        assert cache.get("step", KEY) is None
        cache.put("step", KEY, {}, [])
    assert list(registry.tags) == [(NAME, TAG)]
    (note,) = notes(events)
    assert "is not read in this build" in note


def test_a_blob_that_is_not_intact_is_not_written(registry, opened, store, events):
    """Nor the entry; the others are."""
    layer, _ = put_layer(store, layer_tar({"file": b"content"}))
    path = store.blobs.path(layer.digest)
    path.chmod(0o600)
    path.write_bytes(bytes(layer.size))
    with opened(store) as cache:
        cache.put("step", KEY, {}, [layer])
        cache.finish()
        cache.put("step", OTHER, {}, [])
    assert list(registry.tags) == [(NAME, tag_of("step", OTHER))]
    (note,) = notes(events)
    assert note.startswith(f"{TAG[:23]} is not written to {registry.host}/{NAME}: ")


def test_a_record_without_measure_is_not_written(registry, opened, store, events):
    """Nobody would read it."""
    with opened(store) as cache:
        cache.put("step", KEY, {"says": "x" * (5 << 20)}, [])
    assert registry.tags == {}
    assert len(notes(events)) == 1


def test_after_an_interruption_nothing_is_asked(registry, opened, store, other):
    """What is being fetched ends, and what waits is not written."""
    layer = fill(opened, store)
    cancel = threading.Event()
    with opened(other, cancel=cancel, finish=False) as cache:
        cancel.set()
        with pytest.raises(InterruptedByUserError):
            cache.get("step", KEY)
        cache.put("step", OTHER, {}, [])
        cache.abandon()
    assert not other.has(layer.digest)
    assert list(registry.tags) == [(NAME, TAG)]


@pytest.mark.parametrize("what", ["manifests", "blobs"])
def test_an_interruption_does_not_wait_for_the_registry(registry, opened, store, other, what):
    """Which says nothing until the build has gone."""
    fill(opened, store)
    cancel, gone = threading.Event(), threading.Event()

    def hold(handler, reply):
        cancel.set()
        gone.wait(120)
        handler.send(reply)

    registry.fault(f"GET .*/{what}/", hold, forever=True)
    with opened(other, cancel=cancel, finish=False) as cache:
        with pytest.raises(InterruptedByUserError):
            cache.get("step", KEY)
        gone.set()


def test_writing_waits_for_the_registry_and_not_for_ever(registry, opened, store, monkeypatch):
    """A slow registry holds up who writes more than may wait; once the build is broken off nobody waits."""
    monkeypatch.setattr("hivebase.registry.cache.WAITING", 2)
    going, held = threading.Event(), threading.Event()

    def wait(handler, reply):
        going.set()
        held.wait(90)
        handler.send(reply)

    registry.fault("HEAD .*/manifests/", wait, forever=True)
    with opened(store, finish=False) as cache:

        def fill_up():
            for number in range(20):
                cache.put("step", Digest.of(b"%d" % number), {}, [])

        writing = threading.Thread(target=fill_up)
        writing.start()
        assert going.wait(30)
        writing.join(0.5)
        assert writing.is_alive()
        cache.abandon()
        writing.join(30)
        assert not writing.is_alive()
        held.set()


@pytest.mark.server
def test_with_docker_registry(tmp_path, opened, store, other, events):
    """The real one takes what is written here, and gives it back."""
    with docker_registry(tmp_path) as host:
        layer = fill(opened, store, host=host, secret=SECRET)
        with opened(store, host=host, secret=SECRET) as cache:
            cache.put("step", OTHER, {"layers": []}, [])
        with opened(other, host=host, secret=SECRET) as cache:
            assert cache.get("step", KEY) == {"says": "this"}
            assert cache.get("step", OTHER) == {"layers": []}
            assert cache.get("wheel-layer", OTHER) is None
        assert other.read(layer.digest) == store.read(layer.digest)
    assert notes(events) == []
