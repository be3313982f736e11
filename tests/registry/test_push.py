"""Images into one registry: in order, each blob once, and nothing that can be seen before it is whole."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.registry.pushing import Memory, target
from tests.registry_simulator import changed, honest, instead, reset, status
from tests.upload_simulator import PushSimulator, torn

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, InterruptedByUserError, PolicyError, SystemFaultError
from hivebase.registry.manifests import SETTLE
from hivebase.registry.push import Push, Tag
from hivebase.transport import LIMITS
from hivebase.values import replace

if TYPE_CHECKING:
    from hivebase.progress import Event

CHUNKS = replace(LIMITS, chunk=1000)


@pytest.fixture
def registry():
    with PushSimulator() as made:
        yield made


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def client(connect):
    with connect(limits=CHUNKS) as made:
        yield made


@pytest.fixture
def family(client, registry, memory):
    """Three images, each on top of the one before: a layer of all, and one of each."""
    layers, items = [], []
    for size, name in enumerate(("team/base", "team/service", "team/app")):
        layers.append(memory.noise(1500 + 1000 * size))
        items.append(memory.item(target(client, registry, name), memory.image(*layers)))
    return items


def release(registry, items):
    """Push images and give each the tag 1.0.0; return the push."""
    push = Push(items)
    push.send()
    push.tag([Tag(item, "1.0.0", immutable=True) for item in items])
    return push


def writes(registry):
    """Return what was written, in order: blobs and manifests by digest, tags by name."""
    found = []
    for seen in registry.seen("(POST|PATCH|PUT) "):
        if match := re.search(r"manifests/(.+)", seen.path):
            found.append(match[1])
        elif match := re.search(r"(?:mount|digest)=(sha256)%3A(\w+)", seen.path):
            found.append(f"{match[1]}:{match[2]}")
    return found


def whole(registry, items):
    """Whether each repository has each document and blob of its image, byte for byte."""
    return all(
        registry.blobs.get(blob.digest) == item.content.kept[blob.digest]
        and registry.holds(item.repository.name, blob.digest)
        for item in items
        for blob in item.tree.blobs
    ) and all(
        registry.manifests.get(document.digest) == (document.media_type, data)
        and registry.holds(item.repository.name, document.digest)
        for item in items
        for document, data in item.tree.documents
    )


# Order.


def test_images_arrive_whole_and_in_order(registry, family):
    """Layers, then configs, then manifests with parents before children, then tags."""
    push = release(registry, family)
    assert whole(registry, family)
    order = writes(registry)
    layers = {blob.digest for item in family for blob in item.tree.blobs[:-1]}
    configs = {item.tree.blobs[-1].digest for item in family}
    tops = [item.tree.top.digest for item in family]
    kinds = "".join(
        "l" if name in layers else "c" if name in configs else "m" if name in tops else "t" for name in order
    )
    assert re.fullmatch("l{6}c{3}m{3}t{3}", kinds)
    assert [name for name in order if name in tops] == tops
    assert registry.tags == {(item.repository.name, "1.0.0"): item.tree.top.digest for item in family}
    assert push.sent.blobs == {"sent": 6, "mounted": 3}
    assert (push.sent.manifests, push.sent.tags) == (3, 3)
    assert push.sent.bytes == sum(len(seen.body) for seen in registry.seen("(PATCH|PUT) .*/blobs/"))


def test_each_blob_is_sent_once_and_mounted_elsewhere(registry, family, memory):
    """What several repositories need comes to the first of them."""
    release(registry, family)
    assert memory.opened.keys() == {blob.digest for item in family for blob in item.tree.blobs}
    sent = [seen.path for seen in registry.seen("PUT .*/blobs/")]
    assert len(sent) == len(set(sent)) == 6
    shared = family[0].tree.blobs[0].digest.replace(":", "%3A")
    (path,) = [path for path in sent if shared in path]
    assert path.startswith("/v2/team/base/")
    assert [seen.path for seen in registry.seen("POST .*mount") if shared in seen.path] == [
        f"/v2/team/service/blobs/uploads/?mount={shared}&from=team%2Fbase",
        f"/v2/team/app/blobs/uploads/?mount={shared}&from=team%2Fservice",
    ]


def test_where_nothing_is_mounted_each_repository_gets_its_own(registry, family):
    """R-21 for a whole family."""
    registry.mounts = False
    push = release(registry, family)
    assert whole(registry, family)
    assert push.sent.blobs == {"sent": 9}


def test_a_second_push_sends_nothing(registry, family):
    """It looks at each image and at each tag, and that is all."""
    release(registry, family)
    before = len(registry.requests)
    push = release(registry, family)
    assert {seen.method for seen in registry.requests[before:]} == {"HEAD"}
    assert len(registry.requests) - before == 6
    assert (push.sent.blobs, push.sent.bytes, push.sent.manifests, push.sent.tags) == ({}, 0, 0, 0)


def test_a_new_child_mounts_what_its_parent_has(registry, family, client, memory):
    """Of an image that is there whole nothing is looked at but its manifest."""
    release(registry, family)
    layers = family[1].tree.blobs[:2]
    child = memory.item(target(client, registry, "team/new"), memory.image(*layers, memory.noise(10)))
    before = len(registry.requests)
    push = release(registry, [*family, child])
    assert push.sent.blobs == {"mounted": 2, "sent": 2}
    assert {seen.path.split("/")[3] for seen in registry.requests[before:] if "/blobs/" in seen.path} == {
        "new"
    }


def test_a_named_sibling_is_mounted_from(registry, family, client, memory):
    """A copy within one registry downloads nothing and sends nothing."""
    release(registry, family)
    memory.opened.clear()
    copy = memory.item(
        target(client, registry, "prod/app"), family[2].tree.top, sibling=family[2].repository.name
    )
    push = release(registry, [copy])
    assert push.sent.blobs == {"mounted": 4}
    assert memory.opened == {}
    assert whole(registry, [copy])


def test_two_images_of_one_repository_share_their_blobs(registry, client, memory):
    """Looked for and sent once."""
    shared, repository = memory.noise(10), target(client, registry)
    items = [memory.item(repository, memory.image(shared, memory.noise(20))) for _ in range(2)]
    push = Push(items)
    push.send()
    assert push.sent.blobs == {"sent": 5}
    assert whole(registry, items)


def test_what_would_be_sent_is_told_before(registry, family):
    """Each blob once, wherever it goes; nothing is written."""
    push = Push(family)
    blobs = {blob.digest for item in family for blob in item.tree.blobs}
    assert sorted(blob.digest for blob in push.missing()) == sorted(blobs)
    assert writes(registry) == []
    Push(family[:2]).send()
    assert len(Push(family).missing()) == 2
    Push(family).send()
    assert Push(family).missing() == ()


def test_an_answer_about_another_image_is_no_image(registry, family):
    """Who answers 200 to anything does not keep an image from being pushed."""
    other = Digest.of(b"other")
    registry.fault("HEAD .*/base/manifests/sha256", changed(lambda _: b"", Docker_Content_Digest=other))
    registry.fault("HEAD .*/base/manifests/sha256", status(200, {"Docker-Content-Digest": other}))
    Push(family).send()
    assert whole(registry, family)


def test_trouble_in_the_survey_ends_the_push(registry, family):
    """Nothing is written to a registry that does not say what it has."""
    registry.fault("HEAD .*/service/manifests/", status(500), forever=True)
    with pytest.raises(SystemFaultError, match="answered 500"):
        Push(family).send()
    assert writes(registry) == []


# Several platforms.


def test_an_index_comes_after_its_manifests(registry, client, memory):
    """And the tag names the index."""
    images = [memory.image(memory.noise(10), architecture=name) for name in ("amd64", "arm64")]
    item = memory.item(target(client, registry), memory.index(*images))
    push = release(registry, [item])
    assert whole(registry, [item])
    expected = [*(image.digest for image in images), item.tree.top.digest, "1.0.0"]
    assert writes(registry)[-4:] == expected
    assert registry.tags["team/app", "1.0.0"] == item.tree.top.digest
    assert push.sent.manifests == 3


@pytest.mark.parametrize("what", ["layer", "manifest"])
def test_r23_without_one_of_its_platforms_an_index_is_not_pushed(registry, client, memory, what):
    """A failure anywhere in it leaves neither the index nor a tag; the next push completes it."""
    layers = [memory.noise(500), memory.noise(600)]
    images = [memory.image(layer, architecture=f"a{layer.size}") for layer in layers]
    item = memory.item(target(client, registry), memory.index(*images))
    failing = layers[1].digest.replace(":", "%3A") if what == "layer" else images[1].digest
    registry.fault(f"PUT .*{failing}", *[status(503)] * LIMITS.tries)
    with pytest.raises(SystemFaultError, match="503"):
        release(registry, [item])
    assert item.tree.top.digest not in registry.manifests
    assert images[1].digest not in registry.manifests
    assert registry.tags == {}
    release(registry, [item])
    assert whole(registry, [item])
    sent = [seen.path for seen in registry.seen("PUT .*/blobs/") if failing not in seen.path]
    assert len(sent) == len({path.partition("digest=")[2] for path in sent})


# Failures.


def test_r4_wherever_a_push_ends_the_next_one_sends_what_is_missing(connect, memory):
    """The n-th request and all after it fail, for every n: no tag is there before all is, no blob is taken twice."""
    layers = [memory.noise(1500), memory.noise(2500)]
    tops = [memory.image(layers[0]), memory.image(*layers)]
    for n in range(100):
        with PushSimulator() as registry, connect(limits=CHUNKS) as client:
            names = ("team/base", "team/app")
            items = [
                memory.item(target(client, registry, name), top)
                for name, top in zip(names, tops, strict=True)
            ]
            registry.fault("[A-Z]+ /v2/.", *[honest()] * n, *[status(400)] * 50)
            try:
                release(registry, items)
            except SystemFaultError:
                assert registry.tags == {} or whole(registry, items)
                registry._faults.clear()
                release(registry, items)
            else:
                break
            assert whole(registry, items)
            assert len(registry.tags) == 2
            blobs = [taken for taken in registry.taken if taken[1] in registry.blobs]
            assert len(blobs) == len(set(blobs)) == 5
    assert 25 < n < 50


def test_the_first_failure_ends_the_others(registry, client, memory):
    """A long upload that is on its way is given up, and what comes after it never begins."""
    bad, long = memory.noise(10), memory.noise(100_000)
    item = memory.item(target(client, registry), memory.image(bad, long))
    begun = threading.Event()

    def fail(handler, reply):
        begun.wait(5)
        status(400)(handler, reply)

    def slow(handler, reply):
        begun.set()
        time.sleep(0.02)
        handler.send(reply)

    wrong = bad.digest.replace(":", "%3A")
    registry.fault(f"PUT .*{wrong}", instead(fail))
    registry.fault("PATCH .*", slow, forever=True)
    with pytest.raises(SystemFaultError, match=bad.digest):
        Push([item]).send()
    assert long.digest not in registry.blobs
    assert registry.seen("PUT .*/manifests/") == []
    assert len(registry.seen("PUT .*/blobs/")) == 1


def test_blobs_go_in_parallel(registry, client, memory):
    """Three at the same time."""
    item = memory.item(target(client, registry), memory.image(*(memory.noise(10 + n) for n in range(3))))
    meeting = threading.Barrier(3, timeout=5)

    def together(handler, reply):
        meeting.wait()
        handler.send(reply)

    registry.fault("PUT .*/blobs/", together, together, together)
    Push([item]).send()
    assert not meeting.broken


def test_a_cancelled_push_ends(registry, client, memory):
    """Ctrl-C sets an event; whoever is reading what is to be sent stops there."""
    item = memory.item(target(client, registry), memory.image(memory.noise(50_000)))
    cancel = client._transport.cancel

    def stop(handler, reply):
        cancel.set()
        handler.send(reply)

    registry.fault("PATCH", honest(), stop)
    with pytest.raises(InterruptedByUserError):
        Push([item]).send()
    # Of a third one at most the head is on its way.
    assert len(registry.seen("PATCH")) <= 3
    assert all(seen.body == b"" for seen in registry.seen("PATCH")[2:])
    assert registry.blobs == {}


def test_a_registry_that_stores_something_else_ends_the_push(registry, family):
    """No manifest names what it did not confirm."""
    other = Digest.of(b"other")
    registry.fault("PUT .*/blobs/", status(201, {"Docker-Content-Digest": other}))
    with pytest.raises(CorruptContentError, match=other):
        Push(family).send()
    assert registry.seen("PUT .*/manifests/") == []


def test_a_bad_line_costs_time_only(registry, family):
    """Every third request breaks, answers that are lost included."""
    faults = [honest(), honest(), reset(), honest(), honest(), torn(0)]
    registry.fault("(PATCH|PUT|HEAD) ", *faults * 10)
    release(registry, family)
    assert whole(registry, family)
    assert len(registry.tags) == 3


# Tags.


def test_r19_a_released_version_is_not_written_again(registry, family, client, memory):
    """Refused with both digests; the tag stays."""
    release(registry, family)
    other = memory.item(family[0].repository, memory.image(memory.noise(10)))
    with pytest.raises(PolicyError) as caught:
        release(registry, [other])
    assert family[0].tree.top.digest in str(caught.value)
    assert other.tree.top.digest in str(caught.value)
    assert registry.tags["team/base", "1.0.0"] == family[0].tree.top.digest


def test_r20_tags_settle_together_before_they_are_believed(registry, family, client):
    """One wait for all of them, after the last is written; then each is read again."""
    slept = client._transport.clock.slept
    release(registry, family)
    assert slept == [SETTLE]
    last = [str(seen).replace("/manifests/1.0.0", "") for seen in registry.requests[-9:]]
    each = [item.repository.name for item in family]
    assert last == [
        *(f"{method} /v2/{name}" for name in each for method in ("HEAD", "PUT")),
        *(f"HEAD /v2/{name}" for name in each),
    ]


def test_r20_the_later_of_two_publishers_wins(registry, family, client, memory):
    """The earlier one reads the other's digest after its wait, and says so."""
    other = memory.item(family[1].repository, memory.image(memory.noise(10)))
    Push([other]).send()
    clock = client._transport.clock
    settle = clock.sleep

    def meanwhile(seconds):
        registry.tags["team/service", "1.0.0"] = other.tree.top.digest
        settle(seconds)

    clock.sleep = meanwhile
    with pytest.raises(PolicyError, match="at the same time") as caught:
        release(registry, family)
    assert other.tree.top.digest in str(caught.value)
    assert family[1].tree.top.digest in str(caught.value)


def test_moving_tags_are_written_without_a_wait(registry, family, client):
    """In the order that they were given in; those that are right already stay."""
    push = Push(family)
    push.send()
    tags = [Tag(family[0], "1.0", immutable=False), Tag(family[0], "1", immutable=False)]
    assert push.tag(tags) == tuple(tags)
    assert writes(registry)[-2:] == ["1.0", "1"]
    assert push.tag(tags) == ()
    assert client._transport.clock.slept == []


def test_listeners_hear_of_every_blob_and_image(registry, family):
    """Nine blobs in their repositories, and three manifests."""
    heard: list[Event] = []
    Push(family, heard.append).send()
    assert [event.text.split()[1] for event in heard].count("manifest") == 3
    assert len(heard) == 12
    assert {event.subject for event in heard} == {item.name for item in family}


# What an earlier release says.


def test_what_an_earlier_release_consists_of_is_not_asked_for(registry, family, memory):
    """Of the next release, one layer is new; the rest is known from the manifest before it, and mounted from there."""
    release(registry, family)
    parent, _, child = family
    layers = list(child.tree.blobs[:-1])
    patched = memory.item(child.repository, memory.image(*layers[:-1], memory.noise(700)))
    added = memory.item(parent.repository, memory.image(*parent.tree.blobs[:-1], layers[1]))
    registry.requests.clear()
    push = Push([added, patched])
    push.learn(patched, "1.0.0")
    push.send()
    assert whole(registry, [added, patched])
    asked = {seen.path.rpartition("/")[2] for seen in registry.seen("HEAD /v2/team/app/blobs/")}
    assert asked.isdisjoint(layer.digest for layer in layers[:-1])
    # The parent's repository did not have that layer; the child's was known to.
    (mount,) = registry.seen("POST .*mount")
    assert mount.path.endswith("from=team%2Fapp")
    assert push.sent.blobs == {"present": 3, "mounted": 1, "sent": 3}


def test_an_earlier_release_that_is_not_whole_any_more_is_not_believed(registry, family, memory):
    """The registry lost a blob of which a manifest still speaks: each is looked for, and the push succeeds."""
    release(registry, family)
    child = family[-1]
    layers = list(child.tree.blobs[:-1])
    patched = memory.item(child.repository, memory.image(*layers[:-1], memory.noise(700)))
    registry.lose(child.repository.name, layers[0].digest)
    push = Push([patched])
    push.learn(patched, "1.0.0")
    push.send()
    assert whole(registry, [patched])


def test_an_earlier_release_that_cannot_be_read_says_nothing(registry, family):
    """Neither one that is not there nor one that is damaged keeps the push from looking for itself."""
    registry.fault("GET .*/manifests/", status(500), forever=True)
    push = Push(family)
    push.learn(family[0], "0.9.0")
    push.send()
    assert whole(registry, family)
