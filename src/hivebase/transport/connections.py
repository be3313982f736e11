"""urllib3's connections with the three properties it lacks: bounded, guarded, and silent.

*Bounded*: a name look-up, all addresses of the name and the TLS handshake share one deadline, and so do the
lines of an answer's head (a socket's time-out starts again with every byte that drips in). *Guarded*: a host
named by a server is connected to only at public addresses, checked on the very addresses that are used, so
that a name cannot change its mind in between. *Silent*: urllib3's debug log passes through the redaction.

Imported when the first request is made, never before: loading an HTTP client takes longer than most commands.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from hivebase.transport.body import Outgoing
from hivebase.transport.errors import RefusedTargetError
from hivebase.transport.secrets import redact
from hivebase.transport.targets import Address, is_public, literal_address

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from urllib3._base_connection import BaseHTTPConnection
    from urllib3.response import HTTPResponse

# One unanswered address must not use up the time of the next one.
_PER_ADDRESS = 2.0


class Watchdog:
    """Ends a blocking read of a socket at a deadline, by closing both directions under it.

    Attributes:
        bitten: whether the time was up.
    """

    def __init__(self, watched: Callable[[], object], seconds: float) -> None:
        self._watched = watched
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True
        self.bitten = False

    def _bite(self) -> None:
        self.bitten = True
        if isinstance(sock := self._watched(), socket.socket):
            with contextlib.suppress(OSError):  # the peer was faster
                # Past ssl.SSLSocket.shutdown, which would change the object that another thread is reading.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def start(self) -> None:
        """Begin to count."""
        self._timer.start()

    def stop(self) -> None:
        """Let the socket be, if it is not too late."""
        self._timer.cancel()

    def __enter__(self) -> None:
        self.start()

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.bitten:
            raise TimeoutError("the time is up") from error


class _Bounded(HTTPConnection):
    public_only = False

    def _new_conn(self) -> socket.socket:
        host, port = self._dns_host, self.port
        timeout = self.timeout if isinstance(self.timeout, int | float) else None
        deadline = None if timeout is None else time.monotonic() + timeout
        late = ConnectTimeoutError(self, f"no connection to {host} within {timeout} s")
        try:
            addresses = _look_up(host, port, timeout)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        if addresses is None:
            raise late
        problem: OSError | None = None
        for position, (family, target) in enumerate(addresses):
            if self.public_only:
                _require_public(self.host, target[0])
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None:
                if remaining <= 0:
                    raise late from problem
                last = position == len(addresses) - 1
                remaining = remaining if last else min(remaining, _PER_ADDRESS)
            try:
                return self._connect(family, target, remaining)
            except OSError as error:
                problem = error
        if isinstance(problem, TimeoutError):
            raise late from problem
        raise NewConnectionError(self, str(problem)) from problem

    def _connect(self, family: int, target: tuple[Any, ...], timeout: float | None) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(timeout)
            sock.connect(target)
        except BaseException:
            sock.close()
            raise
        return sock

    def request(self, method: str, url: str, body: Any = None, *arguments: Any, **options: Any) -> None:
        if isinstance(body, Outgoing):
            # A long body is not sent within the time that a connection may take: only silence counts.
            if self.sock is None:
                self.connect()
            self.timeout = body.idle
        super().request(method, url, body, *arguments, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        # Kept for the body: the connection forgets its socket where the server will close it.
        watched = self.sock
        if isinstance(self.timeout, int | float):
            with Watchdog(lambda: self.sock, self.timeout):
                response = super().getresponse()
        else:
            response = super().getresponse()
        response.watched = watched  # type: ignore[attr-defined]
        return response


class _BoundedTLS(_Bounded, HTTPSConnection):
    _twin: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        # During the handshake the descriptor belongs to a TLS socket that nobody else can see yet.
        self._twin = sock.dup()
        return sock

    def connect(self) -> None:
        seconds = self.timeout if isinstance(self.timeout, int | float) else threading.TIMEOUT_MAX
        try:
            with Watchdog(lambda: self._twin, seconds):
                super().connect()
        finally:
            if self._twin is not None:
                self._twin.close()
                self._twin = None


class _Guarded(_Bounded):
    public_only = True


class _GuardedTLS(_BoundedTLS):
    public_only = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _BoundedTLS

    def _validate_conn(self, conn: BaseHTTPConnection) -> None:
        # Without urllib3's warning about unchecked certificates: the transport tells the user itself.
        if conn.is_closed:
            conn.connect()


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _GuardedPoolTLS(_PoolTLS):
    ConnectionCls = _GuardedTLS


POOLS = {"http": _Pool, "https": _PoolTLS}
GUARDED_POOLS = {"http": _GuardedPool, "https": _GuardedPoolTLS}


def _look_up(host: str, port: int, timeout: float | None) -> list[tuple[int, tuple[Any, ...]]] | None:
    """Return the addresses of ``host``, or None when the resolver did not answer in time.

    The C library's resolver has time-outs of its own, of many seconds, and cannot be interrupted.
    """
    found: list[tuple[int, tuple[Any, ...]]] = []
    problems: list[OSError] = []

    def ask() -> None:
        try:
            found.extend((a[0], a[4]) for a in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except UnicodeError:
            problems.append(socket.gaierror(socket.EAI_NONAME, "not a host name"))
        except OSError as error:
            problems.append(error)

    if literal_address(host) is not None:
        ask()
    else:
        thread = threading.Thread(target=ask, daemon=True, name=f"look up {host}")
        thread.start()
        thread.join(timeout)
        if thread.is_alive():
            return None
    if problems:
        raise problems[0]
    return found


def _require_public(host: str, text: str) -> None:
    address: Address | None = literal_address(text.partition("%")[0])
    if address is None or not is_public(address):
        raise RefusedTargetError(
            f"a server sent us to {host}, which is refused",
            why=f"{text} is an address of this machine or of a private network",
            hint='if that host is yours, name it in hivebase.toml: [registry."host:port"]',
        )


class _Redacted(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Redacted())
