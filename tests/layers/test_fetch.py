"""Downloads for ADD, from a server of this process."""

from __future__ import annotations

import hashlib
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.layers.copying import do, is_private, make
from tests.layers.test_unpack import SAMPLE, UNPACKED

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, HivebaseError, PolicyError, UsageError
from hivebase.layers import fetch as module
from hivebase.layers.fetch import RemoteFiles
from hivebase.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server(ThreadingHTTPServer):
    """Serves ``files`` by path; ``asked`` is what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[str] = []
        self.etags = True
        self.head = True

    def url(self, path: str) -> str:
        """Return the URL of ``path``."""
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        if self.path in self.server.redirects:
            self.send_response(302)
            self.send_header("Location", self.server.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.server.files.get(self.path.partition("?")[0])
        if body is None or (not with_body and not self.server.head):
            self.send_response(404 if body is None else 405)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Tue, 15 Nov 1994 12:45:26 GMT")
        if self.server.etags:
            self.send_header("ETag", f'W/"{hashlib.md5(body).hexdigest()}"')
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a running server."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def fetcher(tmp_path, server):
    """Return a function that makes what one run of the program has."""
    with Transport(environ={}) as transport:
        yield lambda **options: RemoteFiles(transport, tmp_path / "state", **options)


def read(files: RemoteFiles, url: str, checksum: str = "") -> bytes:
    """Return what is downloaded."""
    with files.download(url, checksum).open() as stream:
        return stream.read()


def test_a_file_is_added_with_mode_0600(tmp_path, server, fetcher):
    """Named by its URL in a directory; owned by root; the server's time is not believed."""
    server.files["/dir/tool.bin"] = b"tool"
    line = f"ADD {server.url('/dir/tool.bin?x=1')} /opt/"

    image = do(make(tmp_path, {}), line, remote=fetcher(), epoch=5)

    assert image.rows() == ["d 0755 0:0 opt", "f 0600 0:0 opt/tool.bin [tool]"]
    assert {entry.mtime for entry, _ in image.entries[0]} == {5}


def test_flags_apply_to_a_download(tmp_path, server, fetcher):
    """And a destination without a slash is its name."""
    server.files["/f"] = b"F"

    rows = do(
        make(tmp_path, {}), f"ADD --chown=7 --chmod=755 {server.url('/f')} /bin/f", remote=fetcher()
    ).rows()

    assert rows == ["d 0755 7:7 bin", "f 0755 7:7 bin/f [F]"]


def test_a_downloaded_archive_is_a_file_unless_told_otherwise(tmp_path, server, fetcher):
    """As in Docker; ``--unpack`` is BuildKit's."""
    server.files["/t.tar"] = SAMPLE
    context = make(tmp_path, {})

    assert do(context, f"ADD {server.url('/t.tar')} /x", remote=fetcher()).entries[0][0][1] == SAMPLE
    assert do(context, f"ADD --unpack=true {server.url('/t.tar')} /x", remote=fetcher()).rows() == UNPACKED


def test_downloads_and_files_can_be_mixed(tmp_path, server, fetcher):
    """In the order in which they are written."""
    server.files["/a"] = b"remote"

    rows = do(make(tmp_path, {"a": "local"}), f"ADD a {server.url('/a')} /x/", remote=fetcher()).rows()

    assert rows == ["d 0755 0:0 x", "f 0600 0:0 x/a [remote]"]


def test_the_key_is_the_content(server, fetcher):
    """Two URLs of the same bytes are the same."""
    server.files |= {"/a": b"same", "/b": b"same"}
    files = fetcher()

    assert files.key(server.url("/a")) == files.key(server.url("/b")) == Digest.of(b"same")


def test_with_a_checksum_planning_asks_nobody(server, fetcher):
    """The checksum is the key; the file comes when it is copied."""
    server.files["/a"] = b"A"
    files, checksum = fetcher(), Digest.of(b"A")

    assert checksum == files.key(server.url("/a"), checksum)
    assert server.asked == []
    assert read(files, server.url("/a"), checksum) == b"A"
    assert read(fetcher(), server.url("/a"), checksum) == b"A"
    assert server.asked == ["GET /a"]


def test_an_unchanged_file_is_not_downloaded_again(server, fetcher):
    """The next run asks for the ETag and takes what it has."""
    server.files["/a"] = b"A"
    fetcher().key(server.url("/a"))
    server.asked.clear()
    files = fetcher()

    assert Digest.of(b"A") == files.key(server.url("/a"))
    assert read(files, server.url("/a")) == b"A"
    assert server.asked == ["HEAD /a"]


def test_a_changed_file_is_downloaded_again(server, fetcher):
    """Another ETag, another content."""
    server.files["/a"] = b"A"
    fetcher().key(server.url("/a"))
    server.files["/a"] = b"B"

    assert Digest.of(b"B") == fetcher().key(server.url("/a"))


@pytest.mark.parametrize("lacking", ["etags", "head"])
def test_a_server_without_etags_is_downloaded_from_every_time(server, fetcher, lacking):
    """There is nothing to go by."""
    setattr(server, lacking, False)
    server.files["/a"] = b"A"
    fetcher().key(server.url("/a"))
    server.files["/a"] = b"B"

    assert Digest.of(b"B") == fetcher().key(server.url("/a"))


def test_one_run_sees_one_content(server, fetcher):
    """What was planned is what is copied, even if the server changes its mind in between."""
    server.files["/a"] = b"A"
    files = fetcher()
    files.key(server.url("/a"))
    server.files["/a"] = b"B"

    assert read(files, server.url("/a")) == b"A"


@pytest.mark.parametrize("damage", [b"", b"X", b"AA"])
def test_a_damaged_copy_is_fetched_again(tmp_path, server, fetcher, damage):
    """What is kept is checked before it is used (fault S-6)."""
    server.files["/a"] = b"A"
    fetcher().key(server.url("/a"))
    (tmp_path / "state/cache/http" / Digest.of(b"A").hex).write_bytes(damage)

    assert read(fetcher(), server.url("/a")) == b"A"


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"url":"","etag":"","sha256":"../x"}'])
def test_a_damaged_record_is_no_record(tmp_path, server, fetcher, record):
    """It is replaced (fault S-9)."""
    server.files["/a"] = b"A"
    fetcher().key(server.url("/a"))
    for path in (tmp_path / "state/cache/http").glob("*.json"):
        path.write_bytes(record)

    assert Digest.of(b"A") == fetcher().key(server.url("/a"))


def test_what_is_kept_is_private_and_whole(tmp_path, server, fetcher):
    """No temporary file stays."""
    server.files["/a"] = b"A"
    fetcher().key(server.url("/a"))
    kept = list((tmp_path / "state/cache/http").iterdir())

    assert len(kept) == 2
    assert all(is_private(path) for path in [*kept, tmp_path / "state/cache/http"])


def test_a_record_does_not_keep_passwords(tmp_path, server, fetcher):
    """A URL may hold some (fault C-6)."""
    server.files["/a"] = b"A"
    url = server.url("/a").replace("http://", "http://me:s3cr3t-word@")
    fetcher().key(url)

    assert all(
        b"s3cr3t" not in path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()
    )


def test_d13_a_wrong_checksum_is_refused_and_nothing_stays(tmp_path, server, fetcher):
    """Both digests are in the message."""
    server.files["/a"] = b"A"

    with pytest.raises(CorruptContentError):
        fetcher().download(server.url("/a"), Digest.of(b"B"))
    assert list((tmp_path / "state/cache/http").iterdir()) == []


@pytest.mark.parametrize("checksum", ["md5:abc", "sha256:xyz", "abc"])
def test_a_checksum_must_be_one(server, fetcher, checksum):
    """Of sha256."""
    with pytest.raises(UsageError, match="sha256"):
        fetcher().key(server.url("/a"), checksum)


def test_d13_a_checksum_can_be_required(server, fetcher):
    """By a hive's policy, for files and for repositories."""
    server.files["/a"] = b"A"
    files = fetcher(require_checksum=True)

    for name in (server.url("/a"), "https://host.example/app.git", "git@host.example:app"):
        with pytest.raises(PolicyError, match="checksum"):
            files.key(name)
    assert Digest.of(b"A") == files.key(server.url("/a"), Digest.of(b"A"))
    assert server.asked == []


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/x", "file:///etc/passwd"]
)
def test_d13_a_redirect_to_private_places_is_refused(tmp_path, server, fetcher, target):
    """A server does not get to choose what is asked inside the network."""
    server.redirects["/a"] = target

    with pytest.raises(HivebaseError):
        fetcher().key(server.url("/a"))
    assert not list((tmp_path / "state/cache/http").glob("[0-9a-f]*"))


def test_d13_a_file_without_end_stops_at_the_limit(tmp_path, server, fetcher, monkeypatch):
    """Nothing of it stays."""
    monkeypatch.setattr(module, "MAX_DOWNLOAD", 1000)
    server.files["/a"] = bytes(2000)

    with pytest.raises(PolicyError, match="1000 bytes"):
        fetcher().key(server.url("/a"))
    assert list((tmp_path / "state/cache/http").iterdir()) == []


def test_a_missing_file_names_the_url(server, fetcher):
    """And exits as the network's fault."""
    with pytest.raises(HivebaseError, match="/none") as raised:
        fetcher().key(server.url("/none"))
    assert raised.value.exit_code == 3


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git: apt-get install git")
def test_a_repository_is_added_at_the_commit_of_the_plan(tmp_path: Path, fetcher):
    """The branch moves between planning and copying; the key and the files stay with the first commit."""
    from tests.layers.test_checkout import LOCAL, Origin  # noqa: PLC0415 -- same

    from hivebase.layers.remote import Repository  # noqa: PLC0415 -- only this test needs it

    origin = Origin(tmp_path / "origin")
    files = fetcher(protocols=LOCAL)
    url = f"file://{origin.place}"
    key = files.key(url)
    (origin.place / "later").write_text("later")
    origin.commit("three")

    with files.checkout(Repository(url, "file")) as source:
        assert source.get("new") is not None
        assert source.get("later") is None
    assert key == files.key(url)
    assert key == files.key(url, origin.second[:12])
    assert key != fetcher(protocols=LOCAL).key(url)
    with pytest.raises(UsageError, match=origin.second):
        files.key(url, origin.first)
