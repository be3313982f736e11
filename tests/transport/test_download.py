"""One large body, continued after a cut."""

from __future__ import annotations

import pytest
from tests.registry_simulator import Simulator, changed, cut, endless, redirect, status

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.transport import HttpFetcher


def test_fetch_streams_and_describes(registry, transport):
    """The bytes arrive in order, and the result says what they were."""
    data = bytes(range(256)) * 5000
    url = registry.serve(data)
    registry.fault(
        "GET", changed(lambda b: b, Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT", Content_Type="A/B;q=1")
    )
    parts: list[bytes] = []
    fetched = HttpFetcher(transport).fetch(f"{url}?sig=secret", parts.append)
    assert data == b"".join(parts)
    assert (Digest.of(data), len(data)) == (fetched.digest, fetched.size)
    assert (fetched.last_modified, fetched.media_type) == (1445412480, "a/b")
    assert f"{url}?sig=***" == fetched.url


def test_fetch_continues_with_range_after_a_cut(registry, transport):
    """After each cut only the rest is asked for."""
    data = bytes(range(256)) * 500
    url = registry.serve(data)
    registry.fault("GET", cut(40000), cut(1), cut(0))
    parts: list[bytes] = []
    fetched = HttpFetcher(transport).fetch(url, parts.append)
    assert data == b"".join(parts)
    assert Digest.of(data) == fetched.digest
    ranges = [seen.headers.get("range", "") for seen in registry.requests]
    assert ranges == ["", "bytes=40000-", "bytes=40001-", "bytes=40001-"]
    assert all("if-range" in seen.headers for seen in registry.requests[1:])


@pytest.mark.parametrize("known", [True, False], ids=["digest known", "etag known"])
def test_fetch_from_a_server_without_ranges(registry, transport, known):
    """The beginning that comes again is dropped."""
    data = bytes(range(256)) * 500
    registry.ranges = False
    url = registry.serve(data)
    registry.fault("GET", cut(40000))
    parts: list[bytes] = []
    HttpFetcher(transport).fetch(url, parts.append, digest=Digest.of(data) if known else None)
    assert data == b"".join(parts)


def test_fetch_does_not_join_two_contents(registry, transport):
    """Without a digest and without the server's word that nothing changed, half a file is not continued."""
    url = registry.serve(b"x" * 10000)
    registry.fault("GET", cut(4000), status(200, {"ETag": '"other"'}, b"y" * 10000))
    with pytest.raises(SystemFaultError, match="cannot be continued"):
        HttpFetcher(transport).fetch(url, lambda _: None)


@pytest.mark.parametrize(
    ("code", "headers"),
    [(416, {}), (206, {"Content-Range": "bytes 5-9/10"}), (206, {})],
    ids=["416", "other", "none"],
)
def test_fetch_without_range_where_the_server_gets_it_wrong(registry, transport, code, headers):
    """A wrong part is not taken; the whole is asked for again."""
    data = b"0123456789" * 1000
    url = registry.serve(data)
    registry.fault("GET", cut(4000), status(code, headers, b"wrong"))
    parts: list[bytes] = []
    HttpFetcher(transport).fetch(url, parts.append, digest=Digest.of(data))
    assert data == b"".join(parts)


def test_r8_fetch_checks_digest_and_size(registry, transport):
    """Other bytes are an error that names both digests."""
    url = registry.serve(b"these bytes")
    with pytest.raises(CorruptContentError) as caught:
        HttpFetcher(transport).fetch(url, lambda _: None, digest=Digest.of(b"those bytes"))
    assert str(Digest.of(b"these bytes")) in str(caught.value)
    assert str(Digest.of(b"those bytes")) in str(caught.value)
    parts: list[bytes] = []
    registry.fault("GET", endless())
    with pytest.raises(CorruptContentError, match="goes on after 11 bytes"):
        HttpFetcher(transport).fetch(url, parts.append, size=11)
    assert len(b"".join(parts)) <= 11
    with pytest.raises(CorruptContentError, match="12 bytes"):
        HttpFetcher(transport).fetch(url, lambda _: None, size=12)


def test_fetch_tells_what_is_not_there(registry, transport):
    """404 is a thing of its own; other refusals are told with their number."""
    with pytest.raises(NotFoundError):
        HttpFetcher(transport).fetch(f"{registry.url}/nothing", lambda _: None)
    registry.fault("GET", status(403))
    with pytest.raises(SystemFaultError, match="403"):
        HttpFetcher(transport).fetch(f"{registry.url}/v2/", lambda _: None)


def test_fetch_user_information_stays_with_its_origin(registry, transport):
    """A password in a URL becomes a header for that origin, and follows no redirect."""
    with Simulator() as other:
        other.serve(b"data")
        url = registry.serve(b"").replace("//", "//me:url-password@")
        registry.fault("GET", redirect(f"{other.url}/file"))
        fetched = HttpFetcher(transport).fetch(url, lambda _: None)
        assert registry.requests[0].headers["authorization"].startswith("Basic ")
        assert "authorization" not in other.requests[0].headers
    assert "url-password" not in repr(fetched)
