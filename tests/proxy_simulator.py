"""An HTTP proxy on a loopback port of this process, to stand between a client and `registry_simulator`.

::

    with ForwardProxy(refuse="403 Forbidden") as proxy:
        ...  # HTTPS_PROXY=proxy.url
        assert ["CONNECT registry.example:443"] == proxy.requests
"""

from __future__ import annotations

import base64
import select
import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class ForwardProxy:
    """An HTTP proxy: tunnels and absolute URLs; with ``refuse`` it answers with that status line instead."""

    def __init__(self, *, refuse: str = "", user: str = "") -> None:
        self.refuse = refuse
        self.user = user
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            _at_once(client)
            head = b""
            while b"\r\n\r\n" not in head:
                if not (part := client.recv(65536)):
                    return
                head += part
            line, _, rest = head.partition(b"\r\n")
            method, target, _ = line.decode().split(" ")
            self.requests.append(f"{method} {target}")
            basic = base64.b64encode(self.user.encode()).decode()
            wanted = f"Proxy-Authorization: Basic {basic}".lower()
            refuse = self.refuse or (
                "407 Proxy Authentication Required"
                if self.user and wanted.encode() not in rest.lower()
                else ""
            )
            if refuse:
                client.sendall(
                    f"HTTP/1.1 {refuse}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                return
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                first = b""
            else:
                parts = urlsplit(target)
                host, port = parts.hostname or "", str(parts.port or 80)
                first = f"{method} {parts.path}?{parts.query} HTTP/1.1\r\n".replace("? ", " ").encode() + rest
            # Any name leads to this machine, so that tests may use names that do not exist.
            with socket.create_connection(("127.0.0.1", int(port))) as server:
                _at_once(server)
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                server.sendall(first)
                self._relay(client, server, host)

    def _relay(self, client: socket.socket, server: socket.socket, _host: str) -> None:
        pair = {client: server, server: client}
        while True:
            for source in select.select(list(pair), [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                pair[source].sendall(data)


def _at_once(connection: socket.socket) -> None:
    """Let small pieces go without waiting for others: 40 ms a request otherwise."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
