"""The small hive of the build tests, for the faults that are tried from the outside, and a server that is silent."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field

import pytest
from tests.build.conftest import busybox_file, hive

__all__ = ["busybox_file", "hive", "silent_server"]


@dataclass
class SilentServer:
    """Takes connections and never says a word."""

    address: str
    asked: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def silent_server():
    """Start a server on loopback that tells when it was asked, and answers nothing."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = SilentServer(f"127.0.0.1:{listener.getsockname()[1]}")

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
