"""Row R-9 and R-12 for lists of tags: they end, and their pages are pages of the same list."""

from __future__ import annotations

import json
import re
import subprocess
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.registry.test_real_registry import layout, push
from tests.registry_simulator import Reply, Simulator, changed, endless, status
from tests.servers import docker_registry, need

from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.reference import Reference
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.tags import list_tags
from hivebase.transport import LIMITS, RefusedTargetError
from hivebase.values import replace

LIST = "GET /v2/team/app/tags/list"


def answer(tags, link=""):
    """Answer with these tags, and a link to more of them."""
    headers = {"Content-Type": "application/json", **({"Link": link} if link else {})}
    return status(200, headers, json.dumps({"name": "team/app", "tags": tags}).encode())


def listed(client, registry):
    return list_tags(client.repository(Reference.parse(f"{registry.host}/team/app")))


@pytest.mark.parametrize(
    "link",
    [
        '</v2/team/app/tags/list?last=2&n=2>; rel="next"',
        "<{url}/v2/team/app/tags/list?n=2&last=2>;rel=next",
        '<?last=2>; title="a, b"; rel="next"',
        '</first>; rel="first", </v2/team/app/tags/list?last=2>; rel="last next"',
        "<//{host}/elsewhere?last=2>; REL=NEXT",
    ],
)
def test_tags_of_all_pages(registry, connect, link):
    """In order, each once; the next page is the same list with another query, however it is written."""
    registry.fault(LIST, answer(["1", "2"], link.format(url=registry.url, host=registry.host)))
    registry.fault(LIST, answer(["2", "latest"]))
    with connect() as client:
        assert listed(client, registry) == ("1", "2", "latest")
    first, second = registry.seen(LIST)
    assert parse_qs(urlsplit(first.path).query) == {"n": ["1000"]}
    assert urlsplit(second.path).path == "/v2/team/app/tags/list"
    assert parse_qs(urlsplit(second.path).query)["last"] == ["2"]


@pytest.mark.parametrize(
    "link", ["", '</x?last=1>; rel="prev"', "nonsense", '<>; rel="nextpage"', "</x>; rel=nexto"]
)
def test_tags_of_one_page(registry, connect, link):
    """Only a next page is a next page."""
    registry.fault(LIST, answer(["1"], link))
    with connect() as client:
        assert listed(client, registry) == ("1",)


@pytest.mark.parametrize("tags", [[], None])
def test_no_tags(registry, connect, tags):
    """A repository whose tags were deleted has none, which Go writes as null."""
    registry.fault(LIST, answer(tags))
    with connect() as client:
        assert listed(client, registry) == ()


def test_tags_of_nothing(registry, connect):
    """That the repository does not exist is another answer."""
    with connect() as client, pytest.raises(NotFoundError, match="team/app"):
        listed(client, registry)


def test_r9_tags_without_end_end(registry, connect):
    """Each page names another one: after a known number of pages that is an error, not a shorter list."""

    def more(handler, _reply):
        number = len(registry.requests)
        answer([f"{number}"], f"</v2/team/app/tags/list?last={number}>; rel=next")(handler, None)

    registry.fault(LIST, more, forever=True)
    with (
        connect(limits=replace(LIMITS, pages=20)) as client,
        pytest.raises(SystemFaultError, match="does not end"),
    ):
        listed(client, registry)
    assert len(registry.seen(LIST)) == 20
    assert LIMITS.pages == 1000


def test_r9_tags_in_a_circle_are_left_at_once(registry, connect):
    """A page that names itself, or one before it."""
    registry.fault(LIST, answer(["1"], "<?last=1>; rel=next"), answer(["2"], "<?last=2>; rel=next"))
    registry.fault(LIST, answer(["3"], "<?last=1>; rel=next"))
    with connect() as client, pytest.raises(SystemFaultError, match="does not end"):
        listed(client, registry)
    assert len(registry.seen(LIST)) == 3


def test_r9_too_many_tags_are_refused(registry, connect):
    """What is kept of all pages together has a limit as well."""
    registry.fault(LIST, answer(["1", "2"], "<?last=2>; rel=next"), answer(["3"]))
    with (
        connect(limits=replace(LIMITS, tags=2)) as client,
        pytest.raises(SystemFaultError, match="more than 2 tags"),
    ):
        listed(client, registry)


def test_r9_a_page_that_is_too_long_is_refused(registry, connect):
    """Each page has the limit of a manifest."""
    registry.fault(LIST, lambda handler, _: endless()(handler, Reply(200, {}, b'{"tags": [')))
    with connect() as client, pytest.raises(SystemFaultError, match=f"longer than {LIMITS.manifest} bytes"):
        listed(client, registry)


@pytest.mark.parametrize(
    "link",
    ["<http://169.254.169.254/v2/?n=1>", "<//10.0.0.1/?n=1>", "<file:///etc/passwd>", "<http://[::1/>",
     "<https://registry.example/v2/team/app/tags/list?n=1>", "<http://{host}.evil.example/?n=1>"],
)  # fmt: skip
def test_r12_tags_do_not_go_on_elsewhere(connect, link):
    """Another host is refused before it is asked, and gets no credentials."""
    with Simulator(auth="basic", users={"me": "my-password"}) as registry:
        auths = {registry.host: {"username": "me", "password": "my-password"}}
        registry.fault(LIST, answer(["1"], link.format(host=registry.host) + "; rel=next"))
        with connect(auths=auths) as client, pytest.raises(RefusedTargetError):
            listed(client, registry)
        assert len(registry.seen(LIST)) == 1


def test_r12_tags_do_not_go_on_at_another_port(connect):
    """Only the query of the link is used, so a link to the neighbour leads to the registry itself."""
    with Simulator() as registry, Simulator() as other:
        registry.fault(
            LIST, answer(["1"], f"<{other.url}/v2/team/app/tags/list?last=1>; rel=next"), answer(["2"])
        )
        with connect() as client:
            assert listed(client, registry) == ("1", "2")
        assert other.requests == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"tags": "1"}', b'{"tags": [1]}', b'{"tags": ["../x"]}', b'{"tags": ["a b"]}',
     b'{"tags": [""]}', b'{"tags": ["\\u001b[31m"]}', b'{"tags": ["1"], "tags": ["2"]}', b"<html>", b'["1"]'],
)  # fmt: skip
def test_r16_a_list_that_is_none_is_refused(registry, connect, body):
    """Names of tags become parts of addresses and of messages."""
    registry.fault(LIST, lambda handler, _: changed(lambda _: body)(handler, Reply(200, {}, b"")))
    with connect() as client, pytest.raises(CorruptContentError, match="the list of tags"):
        listed(client, registry)


@pytest.mark.parametrize(
    ("code", "error"), [(401, AuthenticationError), (403, AuthenticationError), (400, SystemFaultError)]
)
def test_refusals_are_told(registry, connect, code, error):
    """As for all other requests."""
    headers = {"WWW-Authenticate": "Basic"} if code == 401 else {}
    registry.fault(LIST, status(code, headers), forever=True)
    with connect() as client, pytest.raises(error):
        listed(client, registry)


@pytest.mark.server
def test_tags_of_a_real_registry(tmp_path, connect):
    """As skopeo lists them."""
    need("skopeo")
    layout(tmp_path / "image")
    with docker_registry(tmp_path) as host:
        push(tmp_path / "image", host, "--dest-tls-verify=false")
        command = ["skopeo", "list-tags", "--tls-verify=false", f"docker://{host}/team/app"]
        theirs = json.loads(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout)
        with connect() as client:
            repository = client.repository(Reference.parse(f"{host}/team/app"))
            assert list(list_tags(repository)) == theirs["Tags"]
            with pytest.raises(NotFoundError, match=re.escape(f"{host}/team/none")):
                list_tags(client.repository(Reference.parse(f"{host}/team/none")))
