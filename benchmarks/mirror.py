"""One loopback server for all sides: a package index over downloaded wheels, and a caching proxy for apt.

With it the network is the same for everybody, and out of the measurement.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from benchmarks.index import (
    HTML_TYPE,
    JSON_TYPE,
    Entry,
    accepts_json,
    by_project,
    html_page,
    json_page,
    read_entry,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

_UPSTREAM_SECONDS = 60.0
_NEVER_CHANGES = ("/pool/", "/by-hash/")


@dataclass
class AptCache:
    """What the proxy fetched: package files for ever, lists for one run.

    Attributes:
        directory: where the bodies are.
    """

    directory: Path
    _fresh: dict[str, int] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def get(self, url: str) -> tuple[int, Path]:
        """Return the status and the file of what is at ``url``."""
        path = self.directory / hashlib.sha256(url.encode()).hexdigest()
        with self._guard:
            lock = self._locks.setdefault(url, threading.Lock())
        with lock:
            if url in self._fresh:
                return self._fresh[url], path
            if any(part in url for part in _NEVER_CHANGES) and path.exists():
                self._fresh[url] = HTTPStatus.OK
                return HTTPStatus.OK, path
            status, body = _fetch(url)
            partial = path.with_suffix(".part")
            partial.write_bytes(body)
            partial.replace(path)
            if status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
                self._fresh[url] = status
            return status, path


def _fetch(url: str) -> tuple[int, bytes]:
    try:
        # The scheme is http: a proxy is asked for nothing else.
        with urllib.request.urlopen(url, timeout=_UPSTREAM_SECONDS) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""
    except (OSError, http.client.HTTPException) as error:
        return HTTPStatus.BAD_GATEWAY, str(error).encode()


class Mirror(ThreadingHTTPServer):
    """The server.

    Attributes:
        entries: the wheels, by project.
    """

    daemon_threads = True

    def __init__(self, wheels: Path, apt: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        apt.mkdir(parents=True, exist_ok=True)
        self.wheels = wheels
        self.apt = AptCache(apt)
        self.entries: dict[str, list[Entry]] = by_project(read_entry(path) for path in wheels.glob("*.whl"))
        self.files = {entry.wheel.file_name: entry for found in self.entries.values() for entry in found}

    @property
    def address(self) -> str:
        """The server's URL without a path; as it is, it is the proxy for apt."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def index(self) -> str:
        """The URL of the package index."""
        return f"{self.address}/simple/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def mirror(self) -> Mirror:
        return cast("Mirror", self.server)

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._answer(body=True)

    def do_HEAD(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Say nothing: a build asks hundreds of times."""

    def _answer(self, *, body: bool) -> None:
        if self.path.startswith("http://"):
            self._file(*self.mirror.apt.get(self.path), body=body)
            return
        path = urlsplit(self.path).path
        kind, _, name = path.strip("/").partition("/")
        entries = self.mirror.entries.get(name)
        if kind == "simple" and entries:
            if accepts_json(self.headers.get("Accept", "")):
                self._text(json_page(name, entries), JSON_TYPE, body=body)
            else:
                self._text(html_page(entries), HTML_TYPE, body=body)
        elif kind == "files" and name in self.mirror.files:
            self._file(HTTPStatus.OK, self.mirror.wheels / name, body=body)
        elif kind == "files" and name.removesuffix(".metadata") in self.mirror.files:
            metadata = self.mirror.files[name.removesuffix(".metadata")].metadata
            self._text(metadata, "application/octet-stream", body=body)
        else:
            self._text(b"", HTML_TYPE, body=body, status=HTTPStatus.NOT_FOUND)

    def _head(self, status: int, size: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def _text(self, content: bytes, kind: str, *, body: bool, status: int = HTTPStatus.OK) -> None:
        self._head(status, len(content), kind)
        if body:
            self.wfile.write(content)

    def _file(self, status: int, path: Path, *, body: bool) -> None:
        with path.open("rb") as file:
            self._head(status, os.fstat(file.fileno()).st_size, "application/octet-stream")
            if body:
                cast("socket.socket", self.connection).sendfile(file)


@contextlib.contextmanager
def serve(wheels: Path, apt: Path) -> Iterator[Mirror]:
    """Run the mirror for the length of a ``with``."""
    with Mirror(wheels, apt) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)
