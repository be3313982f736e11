"""Downloads by URL, for ``ADD https://…`` and for wheels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from hivebase.transport.download import Download, Fetched
from hivebase.transport.http import Request, Response, Transport
from hivebase.transport.secrets import Secret, redact
from hivebase.transport.targets import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.digest import Digest


class Fetcher(Protocol):
    """Whatever can download a URL; what layers and wheels ask for."""

    def fetch(
        self,
        url: str,
        sink: Callable[[bytes], object],
        *,
        digest: Digest | None = None,
        size: int | None = None,
    ) -> Fetched:
        """Stream ``url`` into ``sink``; see `HttpFetcher.fetch`."""


class HttpFetcher:
    """Downloads over HTTP(S), without anybody's credentials but those in the URL itself."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def fetch(
        self,
        url: str,
        sink: Callable[[bytes], object],
        *,
        digest: Digest | None = None,
        size: int | None = None,
    ) -> Fetched:
        """Stream ``url`` into ``sink``, which gets each byte once and in order.

        Args:
            url: ``http`` or ``https``; ``user:password@`` becomes HTTP Basic for that origin alone.
            sink: takes the bytes. It must not trust them before this returns.
            digest: what they must have, if known.
            size: how many there must be, if known.

        Raises:
            UsageError: not a usable URL.
            NotFoundError: the server has nothing there.
            NoAnswerError: no connection, or too many broken ones.
            CorruptContentError: other bytes than ``digest`` or ``size`` say.
            SystemFaultError: the server refused.
        """
        origin = Origin.of(url)
        parts = urlsplit(url)
        authorization = None
        if parts.username is not None:
            password = Secret(unquote(parts.password or ""))
            authorization = Secret.basic(unquote(parts.username), password)

        def opener(headers: Mapping[str, str]) -> Response:
            return self._transport.open(Request("GET", url, headers, authorization))

        download = Download(self._transport, opener, sink, what=redact(url), digest=digest, size=size)
        return download.run(origin)
