"""What the faults that are tried from the outside need: the small hive of the build tests, and bad servers."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.build.conftest import busybox_file, busybox_store, hive
from tests.registry.conftest import connect, events, home, small_ca, store

__all__ = [
    "busybox_file",
    "busybox_store",
    "connect",
    "events",
    "hive",
    "home",
    "silent_server",
    "small_ca",
    "store",
    "web_server",
]

METADATA = "http://169.254.169.254/latest/meta-data/"
"""Where clouds keep the credentials of a machine."""


@dataclass
class Server:
    """Where a server is, and whether it was asked."""

    address: str
    asked: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def silent_server():
    """Start a server on loopback that tells when it was asked, and answers nothing."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(f"127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    taken.append(connection)
                    if connection.recv(1):
                        server.asked.set()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in taken:
        connection.close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Serve ``/file``; send everybody else to the metadata of the machine."""
        body = b"content\n" if self.path == "/file" else b""
        self.send_response(200 if body else 302)
        if not body:
            self.send_header("Location", METADATA)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def web_server():
    """Start a server on loopback that has one file, and redirects to a metadata address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Server(f"127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
