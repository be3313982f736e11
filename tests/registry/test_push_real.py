"""Pushing to Debian's docker-registry, over lines that break, with processes that are killed."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path

import pytest
from tests.fault_proxy import Cut, Deaf, FaultProxy
from tests.registry.pusher import items_of, publish
from tests.servers import Authority, docker_registry, need

from hivebase.digest import Digest
from hivebase.oci import model
from hivebase.oci.model import Descriptor, Platform
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.manifests import digest_of
from hivebase.registry.settings import RegistrySettings
from hivebase.transport import LIMITS, HostPolicy
from hivebase.values import replace

pytestmark = pytest.mark.server

USER = ("me", "real-registry-password")
CHUNK = 100_000
CHUNKS = replace(LIMITS, chunk=CHUNK)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with docker_registry(tmp_path_factory.mktemp("server")) as host:
        yield host


@pytest.fixture
def line(server):
    with FaultProxy(server) as made:
        yield made


@pytest.fixture
def prefix(request):
    """A name that no other test pushes to."""
    return f"t{sha256(request.node.nodeid.encode()).hexdigest()[:16]}"


def layer(store, size):
    """Return a layer like no other; what is in it does not matter to a registry."""
    return Descriptor(model.LAYER_GZIP, store.put(os.urandom(size)), size)


def image(store, *layers, architecture="amd64"):
    config = model.ImageConfig(
        architecture=architecture,
        os="linux",
        rootfs=model.RootFS(diff_ids=tuple(found.digest for found in layers)),
    )
    return store.put_image(config, layers)


@pytest.fixture
def family(store, prefix):
    """Two images by repository, the second on top of the first: of two chunks and a bit, of less, of exactly one."""
    layers = [layer(store, 2 * CHUNK + 5000), layer(store, 20_000), layer(store, CHUNK)]
    return {
        f"{prefix}/base": image(store, *layers[:2]).digest,
        f"{prefix}/app": image(store, *layers).digest,
    }


def get(host, path, method="GET", body=None, **headers):
    """Ask the registry without the client that is tested."""
    name, _, port = host.rpartition(":")
    connection = http.client.HTTPConnection(name, int(port), timeout=20)
    accept = {"Accept": f"{model.INDEX}, {model.MANIFEST}"}
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    connection.request(method, path, body, {**accept, **named})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def read_whole(host, repository, name):
    """Return the digest of what a name stands for, if it is there; all that it needs is read and hashed."""
    status, _, data = get(host, f"/v2/{repository}/manifests/{name}")
    if status == 404:
        return None
    assert status == 200
    document = json.loads(data)
    for entry in document.get("manifests", ()):
        assert read_whole(host, repository, entry["digest"]) == entry["digest"]
    for blob in [document["config"], *document["layers"]] if "config" in document else ():
        status, _, content = get(host, f"/v2/{repository}/blobs/{blob['digest']}")
        assert status == 200
        assert f"sha256:{sha256(content).hexdigest()}" == blob["digest"]
    return f"sha256:{sha256(data).hexdigest()}"


def tags_of(host, repository):
    status, _, data = get(host, f"/v2/{repository}/tags/list")
    return json.loads(data)["tags"] or [] if status == 200 else []


def assert_published(host, images, tag="1.0.0"):
    for repository, digest in images.items():
        assert read_whole(host, repository, tag) == digest


def assert_nothing_twice(line):
    """No blob and no upload of it was finished twice in one repository."""
    done = Counter(passed.request for passed in line.seen("PUT .*/blobs/uploads/") if passed.status == 201)
    named = Counter((request.split("/blobs/")[0], request.rpartition("digest=")[2]) for request in done)
    assert named
    assert set(named.values()) == {1}


# Regular pushes.


def test_what_is_pushed_is_there_and_skopeo_reads_it(server, connect, store, family, prefix, tmp_path):
    """An image, its child, and an index over both; byte for byte."""
    need("skopeo")
    entries = [
        Descriptor(
            model.MANIFEST, digest, len(store.read(digest)), platform=Platform(os="linux", architecture=a)
        )
        for digest, a in zip(family.values(), ("amd64", "arm64"), strict=True)
    ]
    index = model.Index(schema_version=2, media_type=model.INDEX, manifests=tuple(entries))
    family[f"{prefix}/both"] = store.put(model.canonical_json(index))
    with connect(limits=CHUNKS) as client:
        push = publish(items_of(client, store, server, family), "1.0.0")
    assert push.sent.blobs == {"sent": 5, "mounted": 7}
    assert_published(server, family)
    for repository, digest in family.items():
        target = tmp_path / repository.rpartition("/")[2]
        command = ["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", "--all"]
        command += ["--preserve-digests", f"docker://{server}/{repository}:1.0.0", f"dir:{target}"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        assert Digest.of((target / "manifest.json").read_bytes()) == digest
        blobs = [path for path in target.iterdir() if len(path.name) == 64]
        assert len(blobs) >= 3
        assert all(sha256(path.read_bytes()).hexdigest() == path.name for path in blobs)


def test_a_second_push_sends_no_body(line, connect, store, family):
    """Each image and each tag is looked at, and that is all; also by a client that knows nothing of the first."""
    for _ in range(2):
        with connect(limits=CHUNKS) as client:
            publish(items_of(client, store, line.host, family), "1.0.0")
        first, line.passed = line.passed, []
    assert {passed.request.split()[0] for passed in first} == {"GET", "HEAD"}
    assert len(first) == 1 + 2 * len(family)


def test_tls_and_password(connect, store, family, tmp_path):
    """With the CA from the settings and the password; a wrong one writes nothing and is not told."""
    authority = Authority(tmp_path)
    with docker_registry(tmp_path, tls=authority.issue("localhost"), user=USER) as host:
        settings = RegistrySettings({host: HostPolicy(ca=authority.ca)})
        wrong = "a-wrong-password"
        for password in (wrong, USER[1]):
            auths = {host: {"auth": base64.b64encode(f"{USER[0]}:{password}".encode()).decode()}}
            with connect(auths=auths, settings=settings, limits=CHUNKS) as client:
                items = items_of(client, store, host, family)
                if password == wrong:
                    with pytest.raises(AuthenticationError) as caught:
                        publish(items, "1.0.0")
                    assert wrong not in str(caught.value)
                    assert not list(tmp_path.glob("registry-*/docker"))
                else:
                    publish(items, "1.0.0")
                    assert [digest_of(i.repository, "1.0.0") for i in items] == list(family.values())


# Lines that break.


def test_what_this_registry_says_of_a_broken_chunk(server, line):
    """2.8 forgets the upload, so what was confirmed before is lost as well; 0 bytes of a chunk do no harm."""
    chunk, half = bytes(CHUNK), CHUNK // 2
    for after, kept in ((0, True), (half, False)):
        _, headers, _ = get(line.host, "/v2/what/ever/blobs/uploads/", "POST")
        place = headers["location"].partition(line.host)[2]
        _, headers, _ = get(line.host, place, "PATCH", chunk, Content_Range=f"0-{CHUNK - 1}")
        place = headers["location"].partition(line.host)[2]
        line.fault("PATCH", Cut(after))
        with suppress(OSError, http.client.HTTPException):
            get(line.host, place, "PATCH", chunk, Content_Range=f"{CHUNK}-{2 * CHUNK - 1}")
        status, headers, _ = get(line.host, place)
        for _ in range(100):
            if kept or status != 204:
                break
            time.sleep(0.05)  # it notices only by and by that nobody is there any more
            status, headers, _ = get(line.host, place)
        assert (status, headers.get("range")) == ((204, f"0-{CHUNK - 1}") if kept else (404, None))


@pytest.mark.parametrize("request_", ["PATCH", "PUT .*/blobs/"])
@pytest.mark.parametrize("after", [0, 1, CHUNK // 2, CHUNK - 1])
def test_r3_a_blob_whose_line_breaks_is_sent_again(line, connect, store, prefix, request_, after):
    """Cut at the beginning, in the middle and before the last byte of a chunk and of the end."""
    blob = layer(store, 3 * CHUNK)
    images = {f"{prefix}/app": image(store, blob, layer(store, 1000)).digest}
    line.fault(request_, Cut(after))
    with connect(limits=CHUNKS) as client:
        publish(items_of(client, store, line.host, images), "1.0.0")
    assert_published(line.host, images)
    assert_nothing_twice(line)
    # This registry forgets what was confirmed before the chunk that broke: at most everything goes twice.
    assert line.bytes("(PATCH|PUT) .*/blobs/") < 2 * (blob.size + 1000) + 1000


@pytest.mark.parametrize("broken", [Cut(0), Cut(1), Deaf()])
def test_r3_every_request_may_break(line, connect, store, family, broken):
    """Each kind of them once, and twice in a row; what was confirmed is not sent again, what was written stays."""
    for kind in (
        "HEAD .*/manifests/",
        "HEAD .*/blobs/",
        "POST ",
        "PATCH ",
        "PUT .*/blobs/",
        "PUT .*/manifests/",
    ):
        line.fault(kind, broken, broken)
    line.fault("HEAD .*/manifests/1.0.0", broken)
    line.fault("PUT .*/manifests/1.0.0", broken)
    with connect(limits=CHUNKS) as client:
        publish(items_of(client, store, line.host, family), "1.0.0")
    assert_published(line.host, family)
    assert_nothing_twice(line)


def test_r3_a_line_with_tls_that_breaks(connect, store, family, tmp_path):
    """In the handshake, in a head, in a body: the same, for the client sees only that it is closed."""
    authority = Authority(tmp_path)
    with ExitStack() as stack:
        host = stack.enter_context(docker_registry(tmp_path, tls=authority.issue("localhost"), user=USER))
        cuts = (2500, 1, 300, 1500, 30_000, 100_000, 2000, 100_500, 60_000, 5000, 103_000)
        line = stack.enter_context(FaultProxy(host, raw=cuts))
        auths = {line.host: {"auth": base64.b64encode(":".join(USER).encode()).decode()}}
        settings = RegistrySettings({line.host: HostPolicy(ca=authority.ca)})
        client = stack.enter_context(connect(auths=auths, settings=settings, limits=replace(CHUNKS, tries=8)))
        items = items_of(client, store, line.host, family)
        publish(items, "1.0.0")
        assert [digest_of(item.repository, "1.0.0") for item in items] == list(family.values())
        assert line.cuts >= 8


def test_r5_a_registry_that_was_restarted_has_forgotten_the_upload(connect, store, family, tmp_path):
    """With another secret it does not know its own address any more: a new upload."""
    with ExitStack() as stack:
        running = ExitStack()
        stack.callback(lambda: running.close())  # noqa: PLW0108 -- it will be another one
        host = running.enter_context(docker_registry(tmp_path))
        line = stack.enter_context(FaultProxy(host))
        once, gate = threading.Lock(), threading.RLock()

        def restart():
            nonlocal running
            with gate:
                if len(line.seen("PATCH .*/base/")) != 2 or not once.acquire(blocking=False):
                    return
                running.close()
                running = ExitStack()
                running.enter_context(docker_registry(tmp_path, port=int(host.rpartition(":")[2])))

        line.hook(".*", restart)
        with connect(limits=CHUNKS) as client:
            publish(items_of(client, store, line.host, family), "1.0.0")
        assert once.locked()
        assert 404 in {passed.status for passed in line.seen("PATCH .*/base/")}
        assert_published(line.host, family)
        assert_nothing_twice(line)


# Processes that are killed, and such that race.


def start(store, host, images, tags):
    """Start a process that pushes."""
    words = {"store": str(store.root), "host": host, "images": images, "tags": tags, "chunk": CHUNK}
    command = [sys.executable, "-m", "tests.registry.pusher", json.dumps(words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def finish(process):
    """Wait for a process and return what it told."""
    told, _ = process.communicate(timeout=60)
    return [json.loads(text) for text in told.splitlines()]


@pytest.mark.parametrize("where", ["before", "after"])
def test_r4_a_push_that_was_killed_anywhere_is_completed(server, connect, store, family, prefix, where):
    """Killed at every fifth request, before it goes on or after it is answered: the next push completes it.

    Until then no tag names what is not there whole; what was finished is not sent again.
    """
    stages = 0
    for n in range(1 if where == "before" else 4, 200, 5):
        images = {f"{prefix}{where}{n}/{name.rpartition('/')[2]}": digest for name, digest in family.items()}
        with FaultProxy(server) as line:
            process = start(store, line.host, images, ["1.0.0"])
            counted = threading.Lock()

            def kill(process=process, line=line, n=n, counted=counted):
                with counted:
                    if len(line.passed) >= n and process.poll() is None:
                        process.kill()
                        process.wait(10)

            line.hook(".*", kill) if where == "before" else line.hook_after(".*", kill)
            told = finish(process)
            killed = process.returncode != 0
            assert process.returncode == (-signal.SIGKILL if killed else 0)
            assert killed or told[0]["exit"] == 0, told
            for repository, digest in images.items():
                if tags_of(server, repository):
                    assert read_whole(server, repository, "1.0.0") == digest
            line.clear()
            with connect(limits=CHUNKS) as client:
                publish(items_of(client, store, line.host, images), "1.0.0")
            assert_published(server, images)
            assert_nothing_twice(line)
            stages += killed
            if not killed:
                break
    assert stages >= 6


def test_r20_of_two_publishers_of_one_version_one_wins(server, connect, store, prefix):
    """Both see the tag free, every time; whoever loses names both digests."""
    name, rounds = f"{prefix}/app", 8
    tags = [f"1.0.{number}" for number in range(rounds)]
    ours = [image(store, layer(store, 1000)).digest for _ in range(2)]
    with FaultProxy(server) as line:
        # Each round begins with a look at the image; who waited for the other one there did not lose the time later.
        line.hook("HEAD .*/manifests/sha256:", threading.Barrier(2, timeout=20).wait)
        for number, tag in enumerate(tags):
            meeting = threading.Barrier(2, timeout=20)
            looks = iter((meeting.wait, meeting.wait))

            def meet(looks=looks):
                with suppress(StopIteration):
                    next(looks)()

            def dawdle(delays=iter((0.0, 0.03 * number))):  # noqa: B008 -- one for each tag
                time.sleep(next(delays, 0.0))

            line.hook(f"HEAD .*/manifests/{tag}$", meet)
            line.hook(f"PUT .*/manifests/{tag}$", dawdle)
        processes = [start(store, line.host, {name: digest}, tags) for digest in ours]
        told = [finish(process) for process in processes]
        assert all(len(line.seen(f"PUT .*/manifests/{tag}$")) == 2 for tag in tags)
    for number, tag in enumerate(tags):
        outcomes = [mine[number] for mine in told]
        assert sorted(outcome["exit"] for outcome in outcomes) == [0, 4], outcomes
        winner = 0 if outcomes[0]["exit"] == 0 else 1
        assert read_whole(server, name, tag) == ours[winner]
        assert all(digest in outcomes[1 - winner]["error"] for digest in ours)
