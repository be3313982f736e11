"""Manifests and tags: written once where they must not move, and never because a registry was in trouble."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from tests.registry.pushing import Memory, target
from tests.registry_simulator import honest, instead, reset, status
from tests.upload_simulator import PushSimulator, lost

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, PolicyError, SystemFaultError
from hivebase.oci import model
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.manifests import (
    SETTLE,
    claim_tag,
    confirm_tag,
    digest_of,
    put_manifest,
    write_tag,
)
from hivebase.transport import LIMITS

TAG = "1.0.0"
PUT_TAG = f"PUT .*/manifests/{TAG}"
HEAD_TAG = f"HEAD .*/manifests/{TAG}"


@pytest.fixture
def registry():
    with PushSimulator() as made:
        yield made


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def repository(registry, connect):
    with connect() as client:
        yield target(client, registry)


def document(registry, memory, name="one"):
    """Return a manifest whose blobs are in the registry."""
    top = memory.image(memory.blob(name.encode()))
    for data in memory.kept.values():
        registry.add_blob(data)
    return memory.kept[top.digest]


def tag_now(registry):
    return registry.tags.get(("team/app", TAG))


def put_by_another(registry, data):
    """Answer as usual, and just before let another publisher write the tag."""

    def act(handler, reply):
        registry.add_manifest(data, "team/app", TAG)
        handler.send(reply)

    return act


def asked(registry):
    """Return the methods of the requests for the tag."""
    return [seen.method for seen in registry.seen(f".* /v2/team/app/manifests/{TAG}")]


# What a tag is.


def test_a_tag_and_a_digest_are_looked_up(registry, repository, memory):
    """By their digest; what is not there is None."""
    data = document(registry, memory)
    digest = Digest.of(data)
    assert digest_of(repository, TAG) is None
    registry.add_manifest(data, "team/app", TAG)
    assert digest_of(repository, TAG) == digest == digest_of(repository, digest)


@pytest.mark.parametrize("code", [400, 500, 502, 503, 504, 429, 301, 204])
def test_trouble_is_never_taken_for_a_free_tag(registry, repository, code):
    """Only 404 says that there is nothing."""
    registry.fault(HEAD_TAG, status(code), forever=True)
    with pytest.raises(SystemFaultError, match=f"answered {code}"):
        digest_of(repository, TAG)


@pytest.mark.parametrize("code", [400, 401, 403, 500, 503])
@pytest.mark.parametrize("write", [write_tag, claim_tag])
def test_a_tag_that_cannot_be_looked_up_is_not_written(registry, repository, memory, write, code):
    """Neither one that may move nor one that must not."""
    data = document(registry, memory)
    registry.fault(HEAD_TAG, status(code, {"WWW-Authenticate": 'Basic realm="x"'}), forever=True)
    with pytest.raises(SystemFaultError):
        write(repository, TAG, data, model.MANIFEST)
    assert registry.seen("PUT") == []


def test_a_registry_that_names_no_digest_is_asked_for_the_document(registry, repository, memory):
    """The header is not obligatory for HEAD: then what is there tells."""
    data = document(registry, memory)
    registry.add_manifest(data, "team/app", TAG)
    registry.fault(HEAD_TAG, status(200))
    assert digest_of(repository, TAG) == Digest.of(data)


# Manifests.


def test_a_manifest_is_written_as_it_is(registry, repository, memory):
    """Its bytes and its type."""
    data = document(registry, memory)
    put_manifest(repository, Digest.of(data), data, model.MANIFEST)
    assert registry.manifests[Digest.of(data)] == (model.MANIFEST, data)


def test_r7_a_manifest_that_became_another_is_an_error(registry, repository, memory):
    """Both digests are told."""
    data, other = document(registry, memory), Digest.of(b"other")
    for write in (put_manifest, claim_tag):
        registry.fault("PUT", status(201, {"Docker-Content-Digest": other}))
        with pytest.raises(CorruptContentError) as caught:
            write(repository, TAG, data, model.MANIFEST)
        assert other in str(caught.value)
        assert Digest.of(data) in str(caught.value)


@pytest.mark.parametrize("write", [put_manifest, write_tag, claim_tag])
@pytest.mark.parametrize("code", [400, 403, 404, 405, 409, 413])
def test_r2_refusals_are_not_tried_again(registry, repository, memory, write, code):
    """The registry's words are in the error."""
    body = b'{"errors": [{"code": "DENIED", "message": "not today"}]}'
    registry.fault("PUT", status(code, {}, body), forever=True)
    with pytest.raises(SystemFaultError, match="not today") as caught:
        write(repository, TAG, document(registry, memory), model.MANIFEST)
    assert len(registry.seen("PUT")) == 1
    assert isinstance(caught.value, AuthenticationError) == (code == 403)
    assert not isinstance(caught.value, PolicyError)


@pytest.mark.parametrize("write", [put_manifest, write_tag, claim_tag])
@pytest.mark.parametrize("fault", [status(429), status(500), status(502), status(503), status(504), reset()])
def test_r2_trouble_is_waited_out(registry, repository, memory, write, fault):
    """One such answer costs a wait; with all of them the tries end."""
    data = document(registry, memory)
    registry.fault("PUT", fault)
    write(repository, TAG, data, model.MANIFEST)
    assert Digest.of(data) == tag_now(registry)
    assert len(repository.transport.clock.slept) == 1
    registry.tags.clear()
    registry.fault("PUT", fault, forever=True)
    with pytest.raises(SystemFaultError):
        write(repository, TAG, data, model.MANIFEST)
    assert len(registry.seen("PUT")) == 2 + LIMITS.tries


@pytest.mark.parametrize("write", [put_manifest, write_tag, claim_tag])
def test_r1_retry_after_is_obeyed(registry, repository, memory, write):
    """In seconds, and as a date."""
    clock = repository.transport.clock
    registry.fault("PUT", status(429, {"Retry-After": "7"}))
    registry.fault("PUT", status(503, {"Retry-After": formatdate(clock.time() + 40, usegmt=True)}))
    write(repository, TAG, document(registry, memory), model.MANIFEST)
    first, second = clock.slept
    assert 7.0 <= first <= 7.7
    assert 28.0 <= second <= 44.0


# Tags that may move.


def test_a_tag_that_may_move_moves(registry, repository, memory):
    """And is not written where it is already."""
    one, two = document(registry, memory), document(registry, memory, "two")
    assert write_tag(repository, TAG, one, model.MANIFEST)
    assert not write_tag(repository, TAG, one, model.MANIFEST)
    assert write_tag(repository, TAG, two, model.MANIFEST)
    assert Digest.of(two) == tag_now(registry)
    assert asked(registry) == ["HEAD", "PUT", "HEAD", "HEAD", "PUT"]


def test_a_tag_that_the_registry_keeps_is_a_matter_of_policy(registry, repository, memory):
    """Not a fault of the machine."""
    one, two = document(registry, memory), document(registry, memory, "two")
    write_tag(repository, TAG, one, model.MANIFEST)
    registry.immutable = True
    with pytest.raises(PolicyError, match="keeps this tag"):
        write_tag(repository, TAG, two, model.MANIFEST)


# Tags that must not.


def test_r19_an_immutable_tag_of_another_image_is_refused_before_anything_is_written(
    registry, repository, memory
):
    """Both digests are named."""
    one, two = document(registry, memory), document(registry, memory, "two")
    registry.add_manifest(one, "team/app", TAG)
    with pytest.raises(PolicyError) as caught:
        claim_tag(repository, TAG, two, model.MANIFEST)
    assert Digest.of(one) in str(caught.value)
    assert Digest.of(two) in str(caught.value)
    assert registry.seen("PUT") == []


def test_an_immutable_tag_is_claimed_once(registry, repository, memory):
    """The second time there is nothing to write and nothing to wait for."""
    data = document(registry, memory)
    seconds = claim_tag(repository, TAG, data, model.MANIFEST)
    assert seconds == SETTLE
    confirm_tag(repository, TAG, Digest.of(data))
    assert claim_tag(repository, TAG, data, model.MANIFEST) is None
    assert asked(registry) == ["HEAD", "PUT", "HEAD", "HEAD"]


def test_r20_whoever_wrote_last_wins(registry, repository, memory):
    """The other one reads another digest than it wrote, and says so."""
    one, two = document(registry, memory), document(registry, memory, "two")
    claim_tag(repository, TAG, one, model.MANIFEST)
    registry.add_manifest(two, "team/app", TAG)
    with pytest.raises(PolicyError, match="at the same time") as caught:
        confirm_tag(repository, TAG, Digest.of(one))
    assert Digest.of(one) in str(caught.value)
    assert Digest.of(two) in str(caught.value)


@pytest.mark.parametrize("fault", [status(503, {"Retry-After": "30"}), status(429), reset()])
def test_r20_a_tag_is_looked_at_again_after_every_pause(registry, repository, memory, fault):
    """What was free before a pause may be taken after it: then it is not overwritten."""
    one, two = document(registry, memory), document(registry, memory, "two")

    def meanwhile(handler, reply):
        registry.add_manifest(two, "team/app", TAG)
        fault(handler, reply)

    registry.fault("PUT", instead(meanwhile))
    with pytest.raises(PolicyError) as caught:
        claim_tag(repository, TAG, one, model.MANIFEST)
    assert Digest.of(two) in str(caught.value)
    assert Digest.of(two) == tag_now(registry)
    assert asked(registry) == ["HEAD", "PUT", "HEAD"]


def test_r20_slow_registries_get_more_time_to_settle(registry, repository, memory):
    """Another publisher may take as long from looking to writing as we did, and some times longer."""
    clock = repository.transport.clock

    def slow(handler, reply):
        clock.now += 3.0
        handler.send(reply)

    registry.fault(HEAD_TAG, slow)
    registry.fault(PUT_TAG, slow)
    assert claim_tag(repository, TAG, document(registry, memory), model.MANIFEST) == 24.0


def test_r20_settling_takes_no_longer_than_any_other_wait(registry, repository, memory):
    """An hour is no answer."""
    clock = repository.transport.clock

    def slow(handler, reply):
        clock.now += 900.0
        handler.send(reply)

    registry.fault(PUT_TAG, slow)
    assert claim_tag(repository, TAG, document(registry, memory), model.MANIFEST) == LIMITS.longest_wait


def test_a_lost_answer_is_found_out_and_settles_as_well(registry, repository, memory):
    """The tag is ours, and as fresh as if the answer had been heard."""
    registry.fault(PUT_TAG, lost())
    assert claim_tag(repository, TAG, document(registry, memory), model.MANIFEST) is not None
    assert asked(registry) == ["HEAD", "PUT", "HEAD"]


def test_r20_a_registry_that_heeds_conditions_lets_only_the_first_one_write(registry, repository, memory):
    """It is asked to; who comes second learns what is there."""
    registry.conditional = True
    one, two = document(registry, memory), document(registry, memory, "two")
    registry.fault(HEAD_TAG, put_by_another(registry, two))
    with pytest.raises(PolicyError, match="at the same time") as caught:
        claim_tag(repository, TAG, one, model.MANIFEST)
    assert Digest.of(two) in str(caught.value)
    assert Digest.of(two) == tag_now(registry)


def test_r20_a_registry_that_keeps_tags_lets_only_the_first_one_write(registry, repository, memory):
    """Harbor's and ECR's immutable tags, refused with 400 or 412."""
    registry.immutable = True
    one, two = document(registry, memory), document(registry, memory, "two")
    registry.fault(HEAD_TAG, put_by_another(registry, two))
    with pytest.raises(PolicyError) as caught:
        claim_tag(repository, TAG, one, model.MANIFEST)
    assert Digest.of(one) in str(caught.value)
    assert Digest.of(two) in str(caught.value)


@pytest.mark.parametrize("switch", ["conditional", "immutable"])
def test_the_same_image_of_two_publishers_is_no_conflict(registry, repository, memory, switch):
    """The tag names what it should, whoever wrote it."""
    setattr(registry, switch, True)
    data = document(registry, memory)
    registry.fault(HEAD_TAG, put_by_another(registry, data))
    assert claim_tag(repository, TAG, data, model.MANIFEST) == SETTLE


def test_a_registry_that_misunderstands_conditions_is_asked_without(registry, repository, memory):
    """412 to a tag that is free says nothing about the tag."""
    data = document(registry, memory)
    registry.fault(PUT_TAG, status(412))
    assert claim_tag(repository, TAG, data, model.MANIFEST) == SETTLE
    assert [seen.headers.get("if-none-match") for seen in registry.seen(PUT_TAG)] == ["*", None]
    assert Digest.of(data) == tag_now(registry)


def test_a_registry_that_refuses_a_free_tag_twice_is_an_error(registry, repository, memory):
    """With and without a condition."""
    registry.fault(PUT_TAG, status(412), forever=True)
    with pytest.raises(PolicyError, match="keeps this tag"):
        claim_tag(repository, TAG, document(registry, memory), model.MANIFEST)
    assert len(registry.seen(PUT_TAG)) == 2


def test_a_tag_that_was_confirmed_and_is_gone_is_an_error(registry, repository, memory):
    """Nobody else's fault."""
    data = document(registry, memory)
    claim_tag(repository, TAG, data, model.MANIFEST)
    registry.tags.clear()
    with pytest.raises(SystemFaultError, match="does not have it") as caught:
        confirm_tag(repository, TAG, Digest.of(data))
    assert not isinstance(caught.value, PolicyError)


def test_r24_a_token_that_expires_between_look_and_write_is_renewed(connect, memory):
    """The tag is still looked at before, and written once."""
    with PushSimulator(auth="bearer", users={"me": "my-password"}) as registry:

        def forget(handler, _reply):
            for scopes in registry.tokens.values():
                scopes.clear()
            handler.send(registry.reply(registry.requests[-1]))

        registry.fault(PUT_TAG, instead(forget), honest())
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client:
            data = document(registry, memory)
            claim_tag(target(client, registry), TAG, data, model.MANIFEST)
        assert [seen.body for seen in registry.seen(PUT_TAG)] == [data, data]
        assert Digest.of(data) == tag_now(registry)
