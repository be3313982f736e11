"""Blobs into repositories: never twice, never wrong, and through whatever a registry does otherwise."""

from __future__ import annotations

import os
from email.utils import formatdate

import pytest
from tests.registry.pushing import Memory, target
from tests.registry_simulator import Simulator, changed, honest, instead, reset, status
from tests.upload_simulator import PushSimulator, hasty, lost, torn

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, InterruptedByUserError, SystemFaultError
from hivebase.oci import model
from hivebase.oci.model import Descriptor
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.settings import RegistrySettings
from hivebase.registry.upload import upload_blob
from hivebase.transport import LIMITS, HostPolicy, RefusedTargetError
from hivebase.transport.errors import NoAnswerError
from hivebase.values import replace

POST = "POST .*/blobs/uploads/"
CHUNKS = replace(LIMITS, chunk=1000)


@pytest.fixture
def registry():
    with PushSimulator() as made:
        yield made


@pytest.fixture
def memory():
    return Memory()


def upload(client, registry, memory, blob, *, name="team/app", sibling="", sent=None):
    repository = target(client, registry, name)
    return upload_blob(repository, blob, lambda: memory.open(blob), sibling=sibling, sent=sent)


def sequence(registry):
    """Return the methods of the requests after the first contact."""
    return [seen.method for seen in registry.requests if seen.path != "/v2/"]


def whole(registry, memory, blob, name="team/app"):
    """Whether the repository has the blob."""
    return registry.blobs.get(blob.digest) == memory.kept[blob.digest] and registry.holds(name, blob.digest)


def waits(client):
    """Return what was slept so far."""
    return client._transport.clock.slept


# What is there, and what a sibling has.


def test_what_is_there_is_not_sent(registry, connect, memory):
    """One question, and the blob is not even opened."""
    blob = memory.noise(5000)
    registry.add_blob(memory.kept[blob.digest])
    with connect() as client:
        assert upload(client, registry, memory, blob) == "present"
    assert sequence(registry) == ["HEAD"]
    assert memory.opened == {}


def test_what_is_there_and_shorter_is_sent(registry, connect, memory):
    """A registry that kept half of a blob is not believed that it has it."""
    blob = memory.noise(5000)
    registry.fault("HEAD", status(200, {"Content-Length": "2500"}))
    with connect() as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_a_small_blob_is_one_put(registry, connect, memory, size):
    """Up to the length of a chunk."""
    blob = memory.noise(size)
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert sequence(registry) == ["HEAD", "POST", "PUT", "HEAD"]
    assert whole(registry, memory, blob)


@pytest.mark.parametrize(("size", "chunks"), [(1001, 1), (2000, 1), (2001, 2), (5500, 5)])
def test_a_long_blob_goes_in_chunks(registry, connect, memory, size, chunks):
    """Each is told where it belongs."""
    blob = memory.noise(size)
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    patches = registry.seen("PATCH")
    assert [f"{1000 * n}-{1000 * n + 999}" for n in range(chunks)] == [
        seen.headers["content-range"] for seen in patches
    ]
    assert whole(registry, memory, blob)


def test_a_sibling_s_blob_is_mounted(registry, connect, memory):
    """Nothing is sent; the sibling's name is written as it must be in a query."""
    blob = memory.noise(5000)
    with connect() as client:
        upload(client, registry, memory, blob, name="team/base")
        before = len(registry.requests)
        assert upload(client, registry, memory, blob, sibling="team/base") == "mounted"
    assert [seen.method for seen in registry.requests[before:]] == ["HEAD", "POST"]
    assert f"?mount={blob.digest.replace(':', '%3A')}&from=team%2Fbase" in registry.requests[-1].path
    assert whole(registry, memory, blob)
    assert memory.opened[blob.digest] == 1


def test_nothing_is_mounted_from_where_it_is_to_go(registry, connect, memory):
    """A repository is no sibling of itself."""
    with connect() as client:
        assert upload(client, registry, memory, memory.noise(10), sibling="team/app") == "sent"
    assert registry.seen("POST .*mount") == []


def test_r21_bytes_go_into_the_upload_that_a_registry_opens_instead_of_mounting(registry, connect, memory):
    """202 to a mount is an upload that has begun: no second one is."""
    blob = memory.noise(5000)
    registry.mounts = False
    with connect() as client:
        assert upload(client, registry, memory, blob, sibling="team/base") == "sent"
    assert sequence(registry) == ["HEAD", "POST", "PUT", "HEAD"]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 500])
def test_r21_a_refused_mount_falls_back_to_an_upload(registry, connect, memory, code):
    """Whatever a registry has against mounts, the blob gets there."""
    blob = memory.noise(5000)
    registry.auth, registry.users = "basic", {"me": "my-password"}
    challenge = {"WWW-Authenticate": 'Basic realm="simulator"'}
    registry.fault(r"POST .*mount=", status(code, challenge), forever=True)
    with connect(auths={registry.host: {"username": "me", "password": "my-password"}}) as client:
        assert upload(client, registry, memory, blob, sibling="team/base") == "sent"
    assert whole(registry, memory, blob)


def test_r21_a_token_for_both_repositories_that_is_refused_costs_no_more_than_the_mount(connect, memory):
    """The token for our own repository is still to be had."""
    with PushSimulator(auth="bearer", users={"me": "my-password"}) as registry:
        registry.fault("GET /token.*base", status(403), forever=True)
        blob = memory.noise(5000)
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client:
            assert upload(client, registry, memory, blob, sibling="team/base") == "sent"
        assert whole(registry, memory, blob)


def test_r7_a_mount_of_something_else_is_an_error(registry, connect, memory):
    """The registry says itself that it mounted another blob."""
    other = Digest.of(b"something else")
    registry.fault(r"POST .*mount=", status(201, {"Docker-Content-Digest": other}))
    with connect() as client, pytest.raises(CorruptContentError, match=other):
        upload(client, registry, memory, memory.noise(10), sibling="team/base")


# Where an upload is.


@pytest.mark.parametrize(
    "place",
    [
        lambda path: path,
        lambda path: path.rpartition("/")[2],
        lambda path: f"../uploads/{path.rpartition('/')[2]}",
    ],
)
@pytest.mark.parametrize("size", [10, 5500])
def test_a_relative_location_is_relative_to_the_request(registry, connect, memory, place, size):
    """Absolute paths, and what RFC 3986 makes of others, for the first answer and for all that follow."""
    registry.place = place
    blob = memory.noise(size)
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert whole(registry, memory, blob)


def test_a_location_without_a_query_gets_one(registry, connect, memory):
    """The digest is a parameter wherever the upload is."""
    registry.place = lambda path: path.partition("?")[0]
    blob = memory.noise(10)
    registry.fault("PUT", status(201))
    registry.fault("HEAD", honest(), status(200, {"Content-Length": "10"}))
    with connect() as client:
        upload(client, registry, memory, blob)
    path = registry.seen("PUT")[0].path
    assert path.endswith(f"/upload-1?digest={blob.digest.replace(':', '%3A')}")


def test_r11_another_host_gets_the_bytes_and_no_credentials(connect, memory):
    """A registry may let its storage take the bytes; what authorises that is in the address."""
    users = {"me": "my-password"}
    with PushSimulator(auth="basic", users=users) as registry, Simulator() as storage:
        registry.place = lambda path: f"{storage.url}{path}&signature=s"
        storage.fault("PUT", status(201))
        blob = memory.noise(5000)
        registry.fault("HEAD", honest(), status(200, {"Content-Length": "5000"}))
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client:
            assert upload(client, registry, memory, blob) == "sent"
        (seen,) = storage.requests
        assert memory.kept[blob.digest] == seen.body
        assert {"authorization", "cookie"}.isdisjoint(seen.headers)
        assert "authorization" in registry.seen("POST")[0].headers


def test_another_host_s_refusal_is_not_a_matter_of_logging_in(connect, memory):
    """An address that is not good any more is told as what it is."""
    with PushSimulator() as registry, Simulator() as storage:
        registry.place = lambda path: f"{storage.url}{path}"
        storage.fault("PUT", status(403), forever=True)
        with connect() as client, pytest.raises(SystemFaultError, match="answered 403") as caught:
            upload(client, registry, memory, memory.noise(10))
        assert not isinstance(caught.value, AuthenticationError)
        assert storage.host in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/x",
        "http://10.0.0.1/x",
        "http://192.168.7.7/x",
        "http://2130706433/x",
        "http://0x0a000001/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://[fd00::1]/x",
        "http://metadata.google.internal/x",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "http://example.org:0/x",
    ],
)
@pytest.mark.parametrize("size", [10, 1500])
def test_r12_uploads_do_not_lead_inside(registry, connect, memory, url, size):
    """At the first answer, and at one in the middle."""
    blob = memory.noise(size)
    if size < 1000:
        registry.place = lambda _: url
    else:
        registry.fault("PATCH", status(202, {"Location": url}))
    with connect(limits=CHUNKS) as client, pytest.raises(RefusedTargetError):
        upload(client, registry, memory, blob)


def test_r12_a_private_host_that_the_user_named_may_take_uploads(connect, memory):
    """Whoever runs registry and storage himself says so."""
    with PushSimulator() as registry, Simulator(host="127.0.0.2") as storage:
        registry.place = lambda path: f"{storage.url}{path}"
        storage.fault("PUT", status(201))
        blob = memory.noise(10)
        settings = RegistrySettings({storage.host: HostPolicy(insecure=True)})
        with connect() as client, pytest.raises(RefusedTargetError):
            upload(client, registry, memory, blob)
        registry.fault("HEAD", honest(), status(200, {"Content-Length": "10"}))
        with connect(settings=settings) as client:
            assert upload(client, registry, memory, blob) == "sent"


# Trouble on the way.


@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_r2_trouble_is_waited_out_at_every_request(registry, connect, memory, method, code):
    """One such answer costs a wait."""
    blob = memory.noise(3500)
    registry.fault(f"{method} .*/blobs/", status(code))
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
        assert len(waits(client)) == 1
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
def test_r1_retry_after_is_obeyed_at_every_request(registry, connect, memory, method):
    """In seconds, and as a date, which is as far away as the cap lets it."""
    blob = memory.noise(3500)
    with connect(limits=CHUNKS) as client:
        clock = client._transport.clock
        date = formatdate(clock.time() + 120, usegmt=True)
        registry.fault(f"{method} .*/blobs/", status(429, {"Retry-After": "7"}))
        registry.fault(f"{method} .*/blobs/", status(503, {"Retry-After": date}))
        assert upload(client, registry, memory, blob) == "sent"
        first, second = waits(client)[:2]
    assert 7.0 <= first <= 7.7
    assert LIMITS.longest_wait <= second <= LIMITS.longest_wait * 1.1


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        *(
            (method, fault)
            for method in ("POST", "PATCH", "PUT")
            for fault in (status(503), status(429), reset())
        ),
        *((method, torn(1)) for method in ("PATCH", "PUT")),
    ],
)
def test_r1_tries_end(registry, connect, memory, method, fault):
    """What never works is given up, and says what was the matter."""
    blob = memory.noise(3500)
    registry.fault(f"{method} .*/blobs/", fault, forever=True)
    with connect(limits=CHUNKS) as client, pytest.raises(SystemFaultError):
        upload(client, registry, memory, blob)
    assert len(registry.seen(method)) == LIMITS.tries
    assert not whole(registry, memory, blob)


@pytest.mark.parametrize(
    ("method", "codes"), [("POST", (400, 401, 403, 404, 405, 409)), ("PUT", (400, 401, 403, 405, 422))]
)
def test_r2_refusals_are_not_tried_again(registry, connect, memory, method, codes):
    """The registry's words are in the error."""
    body = b'{"errors": [{"code": "DENIED", "message": "not today"}]}'
    for code in codes:
        registry.fault(f"{method} .*/blobs/", status(code, {"WWW-Authenticate": "Basic"}, body))
        before = len(registry.seen(method))
        words = "there are none" if code == 401 else "not today"
        with connect() as client, pytest.raises(SystemFaultError, match=words) as caught:
            upload(client, registry, memory, memory.noise(10))
        assert len(registry.seen(method)) == before + 1
        assert isinstance(caught.value, AuthenticationError) == (code in {401, 403})
        assert waits(client) == []


def test_an_answer_that_opens_no_upload_is_an_error(registry, connect, memory):
    """Neither 200 nor a 202 that leads nowhere."""
    for fault in (status(200), status(202)):
        registry.fault(POST, fault)
        with connect() as client, pytest.raises(SystemFaultError, match="does not take"):
            upload(client, registry, memory, memory.noise(10))


@pytest.mark.parametrize("size", [10, 3500])
def test_a_lost_answer_to_the_last_request_costs_nothing(registry, connect, memory, size):
    """The blob is there: it is looked for before anything is sent again."""
    blob = memory.noise(size)
    registry.fault("PUT", lost())
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert len(registry.seen("PUT")) == 1
    assert len(registry.seen("POST")) == 1


def test_a_lost_answer_to_a_chunk_costs_nothing(registry, connect, memory):
    """The registry says that it has the chunk, and the next one is sent."""
    blob = memory.noise(3500)
    registry.fault("PATCH", honest(), lost())
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob)
    assert [seen.headers["content-range"] for seen in registry.seen("PATCH")] == [
        "0-999",
        "1000-1999",
        "2000-2999",
    ]
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("fault", [reset(), torn(0), torn(1), torn(999), status(503)])
def test_a_chunk_that_left_nothing_is_sent_again(registry, connect, memory, fault):
    """The upload goes on where it stood."""
    blob = memory.noise(3500)
    registry.fault("PATCH", honest(), fault)
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob)
    assert len(registry.seen("POST")) == 1
    assert [seen.headers["content-range"] for seen in registry.seen("PATCH")] == [
        "0-999",
        "1000-1999",
        "1000-1999",
        "2000-2999",
    ]
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("after", [2, 500, 999])
@pytest.mark.parametrize("before", [0, 1])
def test_what_came_of_a_chunk_is_continued(registry, connect, memory, after, before):
    """A registry that keeps the beginning of a broken chunk gets the rest of it."""
    blob = memory.noise(3500)
    registry.fault("PATCH", *[honest()] * before, torn(after, keep=True))
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob)
    assert len(registry.seen("POST")) == 1
    assert registry.seen("PATCH")[before + 1].headers["content-range"].startswith(f"{before * 1000 + after}-")
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("after", [5, 499, 500])
def test_what_came_of_the_last_request_is_continued(registry, connect, memory, after):
    """Up to the case that all of it came and nothing is left to send."""
    blob = memory.noise(2500)
    registry.fault("PUT", torn(after, keep=True))
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob)
    assert len(registry.seen("POST")) == 1
    again = registry.seen("PUT")[1]
    assert len(again.body) == 500 - after
    assert ("content-range" in again.headers) == (after < 500)
    assert whole(registry, memory, blob)


def test_r3_a_broken_chunk_of_a_registry_that_does_not_say_where_it_stands(registry, connect, memory):
    """Then from the start."""
    registry.resumes = False
    blob = memory.noise(3500)
    registry.fault("PATCH", honest(), torn(300))
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob)
    assert len(registry.seen("POST")) == 2
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("said", ["0-2500", "0-98", "0-0", "nonsense", "1000-1999", ""])
def test_r6_an_upload_that_stands_where_it_cannot_is_begun_anew(registry, connect, memory, said):
    """Beyond what was sent, before what was confirmed, or nowhere."""
    blob = memory.noise(3500)
    registry.fault("PATCH", honest(), reset())
    registry.fault("GET .*/uploads/", changed(lambda _: b"", Range=said))
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob)
    assert len(registry.seen("POST")) == 2
    sent = [seen.headers["content-range"] for seen in registry.seen("(PATCH|PUT) ")]
    assert {"0-999", "1000-1999", "2000-2999", "3000-3499"} == set(sent)
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("code", [404, 416])
@pytest.mark.parametrize("request_", ["PATCH", "PUT"])
def test_r5_an_upload_that_expired_is_begun_anew(registry, connect, memory, code, request_):
    """In the middle of the chunks, and at the end."""
    blob = memory.noise(3500)
    if code == 404:

        def expire(handler, reply):
            registry.sessions.clear()
            handler.send(registry.reply(registry.requests[-1]))

        fault = instead(expire)
    else:
        fault = status(416, {"Range": "0-12"})
    registry.fault(request_, fault)
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert len(registry.seen("POST")) == 2
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("wrong", ["0-998", "0-1000", "0-0", "0-99999999999"])
def test_r6_a_chunk_confirmed_wrongly_is_begun_anew(registry, connect, memory, wrong):
    """The registry is believed neither that it has less nor that it has more."""
    blob = memory.noise(3500)
    registry.fault("PATCH", changed(lambda _: b"", Range=wrong))
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert len(registry.seen("POST")) == 2
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("said", [{}, {"Range": "bytes=0-999"}, {"Range": "what"}])
def test_a_chunk_confirmed_without_figures_is_believed(registry, connect, memory, said):
    """The digest decides at the end."""
    blob = memory.noise(1500)

    def confirm(handler, reply):
        reply.headers = {"Location": reply.headers["Location"], **said}
        handler.send(reply)

    registry.fault("PATCH", confirm)
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob)
    assert len(registry.seen("POST")) == 1
    assert whole(registry, memory, blob)


def test_r6_pieces_put_together_wrongly_are_sent_once_more_as_one(registry, connect, memory):
    """A registry that confirms chunks and keeps something else: its own check of the digest tells."""
    blob = memory.noise(3500)

    def spoil(handler, reply):
        for session in registry.sessions.values():
            session.data[0] ^= 1
        handler.send(reply)

    registry.fault("PATCH", honest(), spoil)
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert len(registry.seen("PATCH")) == 3
    assert [len(seen.body) for seen in registry.seen("PUT")] == [500, 3500]
    assert whole(registry, memory, blob)


def test_a_registry_that_loses_every_second_chunk_gets_the_blob_as_one(registry, connect, memory):
    """Several registries behind one name that do not know of each other's uploads."""
    blob = memory.noise(3500)
    registry.fault("PATCH", honest(), status(404), honest(), status(404), honest(), status(404), honest())
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert len(registry.seen("PATCH")) == 4
    assert len(registry.seen("PUT")[-1].body) == 3500


@pytest.mark.parametrize("fault", [reset(), torn(10), status(503)])
def test_a_registry_that_never_takes_a_second_chunk_is_given_up(registry, connect, memory, fault):
    """The first chunk, taken again and again, is no progress."""
    registry.resumes = False
    blob = memory.noise(3500)
    registry.fault("PATCH .*state=1000", fault, forever=True)
    with connect(limits=CHUNKS) as client, pytest.raises(SystemFaultError):
        upload(client, registry, memory, blob)
    assert len(registry.seen("PATCH .*state=1000")) <= LIMITS.tries + 1


def test_progress_starts_the_count_of_tries_anew(registry, connect, memory):
    """A long blob over a bad line: more failures in all than tries, never so many in one place."""
    blob = memory.noise(9500)
    registry.fault("PATCH", *[torn(400, keep=True), torn(350)] * 8)
    with connect(limits=replace(CHUNKS, progress=300)) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert len(registry.seen("POST")) == 1
    assert whole(registry, memory, blob)


def test_crumbs_are_no_progress(registry, connect, memory):
    """A registry that keeps three bytes of each attempt does not keep us for ever."""
    blob = memory.noise(5500)
    registry.fault("PATCH", torn(3, keep=True), forever=True)
    with connect(limits=replace(CHUNKS, progress=300)) as client, pytest.raises(SystemFaultError):
        upload(client, registry, memory, blob)
    assert len(registry.seen("PATCH")) == LIMITS.tries


# Registries that do otherwise.


@pytest.mark.parametrize("code", [400, 405, 411, 501])
def test_a_registry_that_takes_no_chunks_gets_one_put(registry, connect, memory, code):
    """Said at the first chunk; the rest goes as one."""
    registry.chunks = code
    blob = memory.noise(3500)
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert len(registry.seen("PATCH")) == 1
    assert [len(seen.body) for seen in registry.seen("PUT")] == [3500]


def test_chunks_are_as_long_as_the_registry_wants_them(registry, connect, memory):
    """A minimum above ours is kept to; the last one may be shorter."""
    registry.minimum = 1700
    blob = memory.noise(4000)
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob)
    assert [seen.headers["content-range"] for seen in registry.seen("PATCH")] == ["0-1699", "1700-3399"]
    assert whole(registry, memory, blob)


@pytest.mark.parametrize("text", ["999999999999999999999999", "-5", "many", "²"])
def test_a_minimum_that_is_none_does_no_harm(registry, connect, memory, text):
    """Neither a number beyond all blobs nor a word."""
    blob = memory.noise(2500)

    def begin(handler, reply):
        reply.headers["OCI-Chunk-Min-Length"] = text
        handler.send(reply)

    registry.fault(POST, begin)
    with connect(limits=CHUNKS) as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert whole(registry, memory, blob)


def test_requests_are_as_short_as_a_proxy_wants_them(registry, connect, memory):
    """413 to a blob as one, and to a chunk: the next ones are shorter."""
    registry.longest = 2 << 20
    blob = memory.noise(9 << 20)
    with connect() as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert max(len(seen.body) for seen in registry.requests[-5:]) <= registry.longest
    assert whole(registry, memory, blob)


def test_a_proxy_that_lets_nothing_through_is_named(registry, connect, memory):
    """No chunk below a megabyte is tried."""
    registry.longest = 1000
    with connect() as client, pytest.raises(SystemFaultError, match="413") as caught:
        upload(client, registry, memory, memory.noise(3 << 20))
    assert "bounds the size" in caught.value.hint
    assert len(registry.seen("PUT")) == 1


# What the registry says of what it stored.


def test_r7_another_digest_is_an_error(registry, connect, memory):
    """A 201 that names something else is no success; both digests are told."""
    blob, other = memory.noise(10), Digest.of(b"something else")
    registry.fault("PUT", status(201, {"Docker-Content-Digest": other}))
    with connect() as client, pytest.raises(CorruptContentError) as caught:
        upload(client, registry, memory, blob)
    assert other in str(caught.value)
    assert blob.digest in str(caught.value)
    assert len(registry.seen("PUT")) == 1


@pytest.mark.parametrize("answer", [status(404), status(200, {"Content-Length": "9"})])
def test_r6_what_is_confirmed_and_not_there_is_not_believed(registry, connect, memory, answer):
    """A look after the upload: at the end an error, and before that another try."""
    blob = memory.noise(10)
    registry.fault("PUT", status(201), forever=True)
    registry.fault("HEAD", answer, forever=True)
    with connect() as client, pytest.raises(SystemFaultError, match="does not have the blob"):
        upload(client, registry, memory, blob)
    assert len(registry.seen("PUT")) == LIMITS.tries


def test_a_registry_that_needs_a_moment_gets_it(registry, connect, memory):
    """A blob that is seen only later is not sent again."""
    registry.fault("HEAD", honest(), status(404))
    blob = memory.noise(10)
    with connect() as client:
        assert upload(client, registry, memory, blob) == "sent"
    assert len(registry.seen("PUT")) == 1


# Credentials, and what is sent.


@pytest.mark.parametrize("size", [500, 3500])
def test_r24_a_token_that_expires_on_the_way_is_renewed_and_the_body_sent_again(connect, memory, size):
    """The registry forgets all tokens at every request that carries a body."""
    with PushSimulator(auth="bearer", users={"me": "my-password"}) as registry:
        blob = memory.noise(size)
        bodies = registry.seen

        def forget(handler, reply):
            for scopes in registry.tokens.values():
                scopes.clear()
            handler.send(registry.reply(registry.requests[-1]))

        for _ in range(4):
            registry.fault("(PATCH|PUT) ", instead(forget), honest())
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths, limits=CHUNKS) as client:
            assert upload(client, registry, memory, blob) == "sent"
            assert waits(client) == []
        assert whole(registry, memory, blob)
        sent = bodies("(PATCH|PUT) ")
        for refused, taken in zip(sent[::2], sent[1::2], strict=True):
            assert refused.body == taken.body
            assert refused.headers["authorization"] != taken.headers["authorization"]


def test_r24_a_registry_that_refuses_a_token_before_it_has_read_the_body(connect, memory):
    """It answers and closes while most of the body is still to come; whether the answer is seen is a matter of luck."""
    with PushSimulator(auth="bearer", users={"me": "my-password"}) as registry:
        blob = memory.noise(20 << 20)

        def forget(handler, reply):
            for scopes in registry.tokens.values():
                scopes.clear()
            handler.send(reply)

        registry.fault("POST", forget)
        registry.fault("PUT", hasty())
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client:
            assert upload(client, registry, memory, blob) == "sent"
        assert registry.seen("PUT")[0].body == b""
        assert whole(registry, memory, blob)


def test_r24_a_wider_scope_is_asked_for_once(connect, memory):
    """A registry that wants more for an upload than its first challenge said."""
    with PushSimulator(auth="bearer", users={"me": "my-password"}) as registry:
        blob = memory.noise(500)
        more = "repository:team/app:pull,push repository:team/other:pull"
        challenge = f'Bearer realm="{registry.url}/token",service="simulator",scope="{more}"'
        registry.fault("PUT", status(401, {"WWW-Authenticate": challenge}))
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client:
            assert upload(client, registry, memory, blob) == "sent"
        assert "other" in registry.seen("GET /token")[-1].path
        assert [seen.body for seen in registry.seen("PUT")] == [memory.kept[blob.digest]] * 2


def test_a_token_that_is_refused_for_good_is_an_error(connect, memory):
    """Renewed once, not again and again."""
    with PushSimulator(auth="bearer", users={"me": "my-password"}) as registry:
        challenge = f'Bearer realm="{registry.url}/token",service="simulator"'
        registry.fault("PUT", status(401, {"WWW-Authenticate": challenge}), forever=True)
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        with connect(auths=auths) as client, pytest.raises(AuthenticationError):
            upload(client, registry, memory, memory.noise(500))
        assert len(registry.seen("PUT")) == 2


def test_a_file_that_is_too_short_is_not_the_connection_s_fault(registry, connect, memory):
    """Whoever cannot read what is to be sent does not try to send it again."""
    blob = memory.noise(100)
    longer = Descriptor(model.LAYER_GZIP, blob.digest, 150)
    memory.kept[longer.digest] = os.urandom(120)
    with connect() as client, pytest.raises(SystemFaultError, match="30 bytes are missing"):
        upload(client, registry, memory, longer)
    assert len(registry.seen("POST")) == 1


def test_progress_is_told_and_may_end_the_upload(registry, connect, memory):
    """Every byte is counted; what the listener raises is not a failure to be tried again."""
    blob = memory.noise(3500)
    counted: list[int] = []
    with connect(limits=CHUNKS) as client:
        upload(client, registry, memory, blob, sent=counted.append)
        assert sum(counted) == blob.size

        def stop(_count):
            raise InterruptedByUserError("enough")

        with pytest.raises(InterruptedByUserError):
            upload(client, registry, memory, memory.noise(3500), sent=stop)


def test_r1_an_unreachable_registry_is_an_error_of_its_own(connect, memory):
    """Not one of the blob."""
    with PushSimulator() as registry:
        pass
    with connect() as client, pytest.raises(NoAnswerError):
        upload(client, registry, memory, memory.noise(10))
