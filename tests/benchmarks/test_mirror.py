"""The loopback mirror: an index for pip and uv, and a cache for apt."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from benchmarks.index import JSON_TYPE, html_page, json_page, read_entry
from benchmarks.mirror import serve

METADATA = (
    "Metadata-Version: 2.1\nName: Some_Thing\nVersion: 1.0\nRequires-Python: >=3.8\n\nRequires-Python: no\n"
)


@pytest.fixture
def wheels(tmp_path):
    directory = tmp_path / "wheels"
    directory.mkdir()
    with zipfile.ZipFile(directory / "Some_Thing-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("Some_Thing-1.0.dist-info/METADATA", METADATA)
    return directory


def get(mirror, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", mirror.server_address[1], timeout=5)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers["Content-Type"], body


def test_an_entry_is_read_from_the_wheel(wheels) -> None:
    (path,) = wheels.iterdir()
    entry = read_entry(path)
    assert (entry.wheel.project, entry.wheel.version) == ("some-thing", "1.0")
    assert entry.wheel.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert entry.requires_python == ">=3.8"


def test_a_name_that_is_no_wheel_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="not the name of a wheel"):
        read_entry(tmp_path / "x-1.0.whl")


def test_both_pages_tell_the_same(wheels) -> None:
    entry = read_entry(next(wheels.iterdir()))
    page = html_page([entry]).decode()
    document = json.loads(json_page("some-thing", [entry]))
    (file,) = document["files"]
    assert f'href="{file["url"]}#sha256={file["hashes"]["sha256"]}"' in page
    assert 'data-requires-python="&gt;=3.8"' in page
    assert f'data-core-metadata="sha256={file["core-metadata"]["sha256"]}"' in page


def test_the_index_is_served_as_asked_for(wheels, tmp_path) -> None:
    with serve(wheels, tmp_path / "apt") as mirror:
        status, kind, body = get(mirror, "/simple/some-thing/", Accept="text/html")
        assert (status, kind.split(";")[0]) == (200, "text/html")
        status, kind, body = get(mirror, "/simple/some-thing/", Accept=f"{JSON_TYPE}, text/html;q=0.1")
        assert (status, kind) == (200, JSON_TYPE)
        url = json.loads(body)["files"][0]["url"]
        (path,) = wheels.iterdir()
        assert get(mirror, url)[2] == path.read_bytes()
        assert get(mirror, f"{url}.metadata")[2].decode() == METADATA


@pytest.mark.parametrize(
    "path", ["/simple/nothing/", "/files/nothing.whl", "/files/../wheels", "/", "/simple/"]
)
def test_what_is_not_there_is_not_found(wheels, tmp_path, path) -> None:
    with serve(wheels, tmp_path / "apt") as mirror:
        assert get(mirror, path)[0] == 404


@pytest.fixture
def upstream(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404 if "missing" in self.path else 200)
            self.end_headers()
            self.wfile.write(b"content")

        def log_message(self, *_arguments) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_the_proxy_asks_once(wheels, tmp_path, upstream) -> None:
    address, asked = upstream
    with serve(wheels, tmp_path / "apt") as mirror:
        for _ in range(2):
            assert get(mirror, f"{address}/debian/dists/x/InRelease")[::2] == (200, b"content")
            assert get(mirror, f"{address}/debian/missing")[0] == 404
    assert asked == ["/debian/dists/x/InRelease", "/debian/missing"]


def test_packages_are_kept_for_the_next_run_and_lists_are_not(wheels, tmp_path, upstream) -> None:
    address, asked = upstream
    for _ in range(2):
        with serve(wheels, tmp_path / "apt") as mirror:
            get(mirror, f"{address}/debian/pool/main/g/gcc.deb")
            get(mirror, f"{address}/debian/dists/x/InRelease")
    assert asked.count("/debian/pool/main/g/gcc.deb") == 1
    assert asked.count("/debian/dists/x/InRelease") == 2


def test_an_upstream_that_is_not_there_is_a_bad_gateway(wheels, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(wheels, tmp_path / "apt") as mirror:
        assert get(mirror, "http://127.0.0.1:9/debian/x")[0] == 502
