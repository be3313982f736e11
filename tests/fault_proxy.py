"""A line to a real server that breaks on request: a TCP proxy on a loopback port of this process.

::

    with FaultProxy(host) as line:
        line.fault("PATCH ", Cut(1000), Cut(0))   # the first chunk breaks after 1000 bytes, the second at once
        line.fault("PUT .*manifests", Deaf())     # the answer is lost
        line.hook("HEAD .*/manifests/1.0", meet)  # called before the request goes on, in its thread
        ...  # speak to line.host
        assert line.bytes("(PATCH|PUT) .*/blobs/") == 5000

It understands as much of HTTP/1.1 as it needs to tell requests apart: each goes over a connection of its own to the
server. `Passed` keeps what went through. With ``raw`` it looks at nothing, as it must with TLS: then each of the next
connections breaks after as many bytes from the client; ``cuts`` counts those that did.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLOCK = 1 << 18
_LONGEST_HEAD = 1 << 16


@dataclass(frozen=True)
class Cut:
    """Break both directions after ``after`` bytes of the body have gone on."""

    after: int


@dataclass(frozen=True)
class Deaf:
    """Let the request through, and break when the answer comes."""


@dataclass
class Passed:
    """A request that came: its method and path, the bytes of its body that went on, and the answer's status."""

    request: str
    size: int = 0
    status: int = 0


class FaultProxy:
    """The line."""

    def __init__(self, host: str, *, raw: tuple[int, ...] | None = None) -> None:
        name, _, port = host.rpartition(":")
        self.passed: list[Passed] = []
        self.cuts = 0
        self._target = (name, int(port))
        self._raw = None if raw is None else iter(raw)
        self._faults: list[tuple[re.Pattern[str], Iterator[Cut | Deaf]]] = []
        self._hooks: list[tuple[re.Pattern[str], Callable[[], object]]] = []
        self._hooks_after: list[tuple[re.Pattern[str], Callable[[], object]]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"{name}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def fault(self, pattern: str, *faults: Cut | Deaf) -> None:
        """Let the next requests that match ``pattern`` (of method and path) meet ``faults``."""
        self._faults.append((re.compile(pattern), iter(faults)))

    def hook(self, pattern: str, function: Callable[[], object]) -> None:
        """Call ``function`` before each request that matches goes on."""
        self._hooks.append((re.compile(pattern), function))

    def hook_after(self, pattern: str, function: Callable[[], object]) -> None:
        """Call ``function`` when a request that matches is answered, before the answer goes back."""
        self._hooks_after.append((re.compile(pattern), function))

    def clear(self) -> None:
        """Call no functions any more."""
        self._hooks.clear()
        self._hooks_after.clear()

    def seen(self, pattern: str) -> list[Passed]:
        """Return the requests so far that match."""
        return [passed for passed in list(self.passed) if re.match(pattern, passed.request)]

    def bytes(self, pattern: str) -> int:
        """Return how many bytes went on in the bodies of the requests that match."""
        return sum(passed.size for passed in self.seen(pattern))

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._raw is not None:
                self._pipe(client)
            else:
                self._request(client)

    def _request(self, client: socket.socket) -> None:
        start = b""
        while b"\r\n\r\n" not in start:
            block = client.recv(_BLOCK)
            if not block or len(start) > _LONGEST_HEAD or block[0] == 0x16:
                return  # also of TLS, which the server would not speak either
            start += block
        head, _, body = start.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        passed = Passed(lines[0].rpartition(" ")[0])
        length = next((int(li[15:]) for li in lines if li.lower().startswith("content-length:")), 0)
        fault = self._note(passed)
        with socket.create_connection(self._target) as server, suppress(ConnectionError):
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines = [li for li in lines if not li.lower().startswith("connection:")]
            server.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
            most = min(fault.after, length) if isinstance(fault, Cut) else length
            while body or passed.size < most:
                if not body:
                    body = client.recv(min(_BLOCK, most - passed.size))
                    if not body:
                        break  # the client is gone, and so are we
                part, body = body[: most - passed.size], b""
                server.sendall(part)
                passed.size += len(part)
            if isinstance(fault, Cut) or passed.size < length:
                _break(server, client)
            else:
                self._answer(server, client, passed, fault)

    def _note(self, passed: Passed) -> Cut | Deaf | None:
        with self._lock:
            self.passed.append(passed)
            found = None
            for pattern, faults in self._faults:
                if found is None and pattern.match(passed.request):
                    found = next(faults, None)
        _call(self._hooks, passed)
        return found

    def _answer(
        self, server: socket.socket, client: socket.socket, passed: Passed, fault: Cut | Deaf | None
    ) -> None:
        block = server.recv(_BLOCK)
        passed.status = int(block[9:12] or b"0")
        _call(self._hooks_after, passed)
        if fault is not None:
            _break(client)
            return
        while block:
            client.sendall(block)
            block = server.recv(_BLOCK)

    def _pipe(self, client: socket.socket) -> None:
        with self._lock:
            left = next(self._raw, 1 << 60) if self._raw is not None else 0
        with socket.create_connection(self._target) as server:
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            while left and (block := client.recv(min(_BLOCK, left))):
                server.sendall(block)
                left -= len(block)
            if not left:
                self.cuts += 1
                _break(server, client)
            else:
                server.shutdown(socket.SHUT_WR)
            back.join(30)


def _call(hooks: list[tuple[re.Pattern[str], Callable[[], object]]], passed: Passed) -> None:
    for pattern, function in list(hooks):
        if pattern.match(passed.request):
            function()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(_BLOCK):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


def _break(*ends: socket.socket) -> None:
    """Close connections as a line does that is cut: with a reset."""
    for end in ends:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RD)  # wakes whoever reads from it
        end.close()
