"""Requests and answers: connections, redirects, attempts. What an answer *means* is the caller's business.

A request is sent by `Transport.open` (once, streaming) or `Transport.ask` (small answers; tried again after
429, 5xx and broken connections). Redirects are followed here, for GET and HEAD only, each after the check of
`hivebase.transport.targets`; the ``Authorization`` header stays with the origin it was made for. There are no
cookies at all.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from hivebase import __version__
from hivebase.errors import HivebaseError, InterruptedByUserError, SystemFaultError
from hivebase.progress import Event, Listener, silent
from hivebase.transport.body import Body, Outgoing
from hivebase.transport.errors import NoAnswerError
from hivebase.transport.limits import LIMITS, Limits
from hivebase.transport.proxies import Proxies, Proxy
from hivebase.transport.secrets import Secret, redact
from hivebase.transport.targets import Origin, check_target, joined, normalised
from hivebase.transport.waiting import RETRIED_STATUSES, Clock, Pauses, SystemClock, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from urllib3 import PoolManager
    from urllib3.response import BaseHTTPResponse

T = TypeVar("T")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Found out by waiting; to wait twice for a server that nobody has seen would hold up its stand-in.
_SLOW_CAUSES = frozenset({"name", "timeout"})
_CHUNK = 256 * 1024


class HostPolicy(msgspec.Struct, frozen=True):
    """What the user said about one ``host:port``.

    Attributes:
        insecure: its certificate is not checked, and it may be spoken to without TLS.
        ca: PEM file of a CA that is believed for this host, besides the system's.
    """

    insecure: bool = False
    ca: Path | None = None


class Request(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        url: absolute; user information in it is not sent.
        authorization: the header's value, sent to the origin of ``url`` and nowhere else.
        body: what is sent, in memory or part of a file.
        public_only: the host was named by a server, so its addresses must be public.
        patience: seconds until the answer's head must be complete; the idle limit if None.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    authorization: Secret | None = None
    body: bytes | Body | None = None
    public_only: bool = False
    patience: float | None = None

    def __repr__(self) -> str:
        # The body may be a credential (a refresh token), and so may headers and the query of the URL.
        return f"Request({self.method} {redact(self.url)})"


class Answer(msgspec.Struct, frozen=True):
    """A small answer, read to its end. Header names are lower-case; ``url`` is the last one, redacted."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def __repr__(self) -> str:
        return f"Answer({self.status} of {self.url}, {len(self.body)} bytes)"  # which may be a token


class Retry(Exception):  # noqa: N818 -- not an error but a request to try again
    """Wraps the error of an attempt that may be repeated.

    Attributes:
        error: what to raise when there are no attempts left.
        after: seconds that the server asked for.
        progressed: whether the attempt got far enough to start counting anew.
        doubtful: whether nobody has ever answered there, so that many attempts would only delay the news.
    """

    def __init__(self, error: HivebaseError, after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after
        self.progressed = False
        self.doubtful = False


class Response:
    """An answer whose body is still on the wire. Close it, or use it as a context manager."""

    def __init__(self, raw: BaseHTTPResponse, url: str, transport: Transport) -> None:
        self._raw = raw
        self._origin = Origin.of(url)
        self._transport = transport
        self.status = raw.status
        # Merged: a server may offer its challenges (WWW-Authenticate) in one line or in several.
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in raw.headers.itermerged()}
        self.url = redact(url)

    def read(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            SystemFaultError: it is longer than ``limit`` bytes.
            Retry: it broke off, or came too slowly.
        """
        body = bytearray()
        for chunk in self.chunks(limit + 1, self._transport.limits.answer):
            body += chunk
            if len(body) > limit:
                raise SystemFaultError(
                    f"the answer of {self.url} is longer than {limit} bytes",
                    why="no honest answer is that long",
                )
        return bytes(body)

    def chunks(self, most: int, seconds: float) -> Iterator[bytes]:
        """Yield the body in pieces.

        Args:
            most: bytes after which to stop reading.
            seconds: time for all of it.

        Raises:
            Retry: the body broke off, stood still, or took longer than ``seconds``.
            InterruptedByUserError: the transport was cancelled.
        """
        from hivebase.transport.connections import Watchdog  # noqa: PLC0415 -- see there

        transport = self._transport
        deadline = transport.clock.monotonic() + seconds
        # One read may last for ever as well: sizes of chunks and trailers are read whole, however they drip.
        watchdog = Watchdog(lambda: getattr(self._raw, "watched", None), seconds)
        watchdog.start()
        try:
            while most > 0:
                try:
                    chunk = self._raw.read1(min(_CHUNK, most))
                except Exception as error:  # noqa: BLE001 -- urllib3 has no common base for what a socket can do
                    if watchdog.bitten:
                        raise self._late(seconds) from None
                    raise transport.translated(error, self._origin, None) from None
                if watchdog.bitten:
                    raise self._late(seconds)
                if not chunk:
                    return
                if transport.cancel.is_set():
                    raise InterruptedByUserError("interrupted while downloading")
                most -= len(chunk)
                yield chunk
                if transport.clock.monotonic() > deadline:
                    raise self._late(seconds)
        finally:
            watchdog.stop()

    def _late(self, seconds: float) -> Retry:
        return Retry(
            NoAnswerError(
                f"{self.url} did not send its answer within {seconds:.0f} s",
                cause="timeout",
                why="the connection is slower than any useful one",
            )
        )

    def close(self) -> None:
        """Give the connection back, or close it when something is still to come."""
        self._raw.close()
        self._raw.release_conn()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Transport:
    """An HTTP client for one run: connections, the user's settings, one pause per server.

    Thread-safe. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        hosts: Mapping[str, HostPolicy] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        limits: Limits = LIMITS,
        clock: Clock | None = None,
        cancel: threading.Event | None = None,
        listener: Listener = silent,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            hosts: what the user configured, by ``host`` or ``host:port``.
            environ: for proxies and CA files; the process's own environment if None.
            limits: see `hivebase.transport.limits`.
            clock: for tests.
            cancel: set by others to end all waiting and reading.
            listener: told once of each host whose certificate is not checked.

        Raises:
            UsageError: a proxy variable is unusable.
        """
        self.limits = limits
        self.cancel = cancel or threading.Event()
        self.clock = clock or SystemClock(self.cancel)
        self.proxies = Proxies.from_environment(os.environ if environ is None else environ)
        self._environ = dict(os.environ if environ is None else environ)
        self._hosts = dict(hosts or {})
        self._names = frozenset(Origin.of(f"https://{netloc}").host for netloc in self._hosts)
        self._plain = frozenset(
            Origin.of(f"https://{netloc}").host for netloc, policy in self._hosts.items() if policy.insecure
        )
        self._listener = listener
        self._pauses = Pauses(limits, self.clock)
        self._reached: set[Origin] = set()
        self._noted: set[str] = set()
        self._managers: dict[object, PoolManager] = {}
        self._lock = threading.Lock()

    def policy(self, origin: Origin) -> HostPolicy:
        """Return what the user said about ``origin``; no port means the scheme's own."""
        return (
            self._hosts.get(origin.netloc) or self._hosts.get(f"{origin.host}:{origin.port}") or HostPolicy()
        )

    def check(self, url: str, sent_by: Origin, what: str) -> bool:
        """Decide on a URL that a server named; see `hivebase.transport.targets.check_target`."""
        return check_target(url, sent_by=sent_by, trusted=self._names, plain=self._plain, what=what)

    def ask(self, request: Request, limit: int) -> Answer:
        """Send ``request``, try again where that may help, and return the last answer with its body.

        Args:
            request: what to send.
            limit: bytes that the body of a success may have; of other answers, the beginning is kept.

        Raises:
            NoAnswerError: no answer came.
            RefusedTargetError: a redirect led where it must not.
            SystemFaultError: the answer is too long, or redirects do not end.
        """
        refused: list[Answer] = []

        def attempt() -> Answer:
            refused.clear()
            with self.open(request) as response:
                if response.status < 400:
                    return Answer(response.status, response.headers, response.read(limit), response.url)
                answer = Answer(response.status, response.headers, self.excerpt(response), response.url)
            if answer.status in RETRIED_STATUSES:
                refused.append(answer)
                raise self.retry_status(answer.status, answer.headers, answer.url)
            return answer

        try:
            return self.persist(Origin.of(request.url), attempt)
        except SystemFaultError:
            if refused:
                return refused[0]
            raise

    def persist(self, origin: Origin, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns, calling it again when it raises `Retry`.

        Raises:
            HivebaseError: the error inside the last `Retry`.
        """
        failures = 0
        while True:
            self._pauses.wait(origin)
            try:
                return attempt()
            except Retry as retry:
                failures = 1 if retry.progressed else failures + 1
                if failures >= (min(2, self.limits.tries) if retry.doubtful else self.limits.tries):
                    raise retry.error from None
                self._pauses.hold(origin, failures, retry.after)

    def retry_status(self, status: int, headers: Mapping[str, str], url: str) -> Retry:
        """Return the wish to try again after an answer of `RETRIED_STATUSES`."""
        why = "it asks for fewer requests" if status == 429 else "it has a fault of its own"
        return Retry(
            SystemFaultError(f"{url} answered {status} {self.limits.tries} times", why=why, hint="try later"),
            retry_after(headers.get("retry-after"), self.clock.time()),
        )

    def excerpt(self, response: Response) -> bytes:
        """Return the beginning of an error's body: enough for its message, whatever its length."""
        try:
            return b"".join(response.chunks(self.limits.error_body, self.limits.answer))
        except Retry:
            return b""  # the status alone says enough

    def open(self, request: Request) -> Response:
        """Send ``request`` once, following redirects; return the answer with its body unread.

        Raises:
            Retry: the connection failed in a way that another attempt may not.
            NoAnswerError: it failed for good.
            RefusedTargetError: a redirect led where it must not.
            SystemFaultError: there was no end to the redirects.
        """
        for _ in range(self.limits.redirects + 1):
            response = self._send(request)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location or request.method not in {"GET", "HEAD"}:
                return response
            response.close()
            request = self._redirected(request, location)
        raise SystemFaultError(
            f"{Origin.of(request.url)} redirects without end",
            why=f"{self.limits.redirects} redirects led nowhere",
        )

    def _redirected(self, request: Request, location: str) -> Request:
        base = Origin.of(request.url)
        target = joined(request.url, location)
        guarded = self.check(target, base, "a redirect")
        same = Origin.of(target) == base
        return msgspec.structs.replace(
            request,
            url=target,
            authorization=request.authorization if same else None,
            public_only=guarded or (request.public_only and Origin.of(target).host == base.host),
        )

    def _send(self, request: Request) -> Response:
        url = normalised(request.url)
        origin = Origin.of(url)
        proxy = self.proxies.for_origin(origin)
        manager = self._manager(origin, proxy, public_only=request.public_only and proxy is None)
        headers = {"User-Agent": f"hivebase/{__version__}", "Accept-Encoding": "identity", **request.headers}
        if request.authorization is not None:
            headers["Authorization"] = request.authorization.reveal()
        from urllib3 import Timeout  # noqa: PLC0415 -- see hivebase.transport.connections

        patience = self.limits.idle if request.patience is None else request.patience
        body: Any = request.body
        if isinstance(body, Body):
            headers["Content-Length"] = str(body.size)
            body = Outgoing(body, self.limits.idle, self.cancel)
        try:
            raw = manager.urlopen(
                request.method,
                url,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                timeout=Timeout(connect=min(self.limits.connect, patience), read=patience),
                preload_content=False,
                decode_content=False,
            )
        except HivebaseError:
            raise
        except Exception as error:  # noqa: BLE001 -- urllib3 has no common base for what a socket can do
            raise self.translated(error, origin, proxy) from None
        finally:
            if isinstance(body, Outgoing):
                body.close()
        self._reached.add(origin)
        if raw.status == 407:
            raw.close()
            raise NoAnswerError(
                f"the proxy does not let us through to {origin.netloc}",
                cause="proxy",
                why="it answered 407 Proxy Authentication Required",
                hint="put user and password into the proxy variable, or exclude the host with NO_PROXY",
            )
        return Response(raw, url, self)

    def _manager(self, origin: Origin, proxy: Proxy | None, *, public_only: bool) -> PoolManager:
        from urllib3 import PoolManager, ProxyManager  # noqa: PLC0415 -- see hivebase.transport.connections

        from hivebase.transport import trust  # noqa: PLC0415 -- same
        from hivebase.transport.connections import GUARDED_POOLS, POOLS  # noqa: PLC0415 -- same

        policy, secure = self.policy(origin), origin.scheme == "https"
        key = (secure, proxy, policy, public_only)
        with self._lock:
            if policy.insecure and origin.netloc not in self._noted:
                self._noted.add(origin.netloc)
                text = f"certificates of {origin.netloc} are not checked: it is configured as insecure"
                self._listener(Event(origin.netloc, "note", text))
            if key in self._managers:
                return self._managers[key]
            options: dict[str, Any] = {"maxsize": 8, "blocksize": _CHUNK}
            if secure:
                tls = trust.context(self._environ, extra=policy.ca, insecure=policy.insecure)
                options |= {"ssl_context": tls, "assert_hostname": False if policy.insecure else None}
            if proxy is None:
                manager = PoolManager(**options)
            else:
                headers = {"Proxy-Authorization": proxy.authorization.reveal()} if proxy.authorization else {}
                to_proxy = trust.context(self._environ) if proxy.url.startswith("https:") else None
                manager = ProxyManager(
                    proxy.url, proxy_headers=headers, proxy_ssl_context=to_proxy, **options
                )
            manager.pool_classes_by_scheme = GUARDED_POOLS if public_only else POOLS
            self._managers[key] = manager
            return manager

    def translated(self, error: Exception, origin: Origin, proxy: Proxy | None) -> Exception:
        """Return a library's error in our words: `Retry` where another attempt may help."""
        from hivebase.transport.translate import translate  # noqa: PLC0415 -- see hivebase.transport.connections

        fault, temporary = translate(error, origin, proxy.url if proxy else "")
        if not temporary:
            return fault
        doubtful = origin not in self._reached
        if doubtful and isinstance(fault, NoAnswerError) and fault.cause in _SLOW_CAUSES:
            return fault
        retry = Retry(fault)
        retry.doubtful = doubtful
        return retry

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
