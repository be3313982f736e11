"""HTTP, and the only place that speaks it.

For registries::

    with Transport(hosts, listener=listener) as transport:
        answer = transport.ask(Request("GET", url, {"Accept": …}, authorization), limit=LIMITS.manifest)

For files by URL, anything that satisfies `Fetcher`::

    class Fetcher(Protocol):
        def fetch(self, url, sink, *, digest=None, size=None) -> Fetched: ...

    with Transport() as transport:
        fetched = HttpFetcher(transport).fetch("https://host/file.whl", file.write, digest=expected)

`fetch` streams into ``sink`` (each byte once, in order), continues with Range after a cut, checks size and
digest, and returns where the bytes came from (`Fetched`). The environment's proxies and CA files apply to all
requests; limits on sizes, waiting and redirects are in `hivebase.transport.limits`.

=================  ==================================================================
`errors`           what can go wrong on the way
`limits`           every bound, in one place
`secrets`          credentials that do not print; `redact`
`targets`          where a server may send us
`waiting`          when to try again
`trust`            which certificates are believed
`proxies`          which proxy leads where
`connections`      urllib3's connections, bounded and guarded
`body`             part of a file, sent while it is read
`translate`        urllib3's errors in plain words
`http`             requests, answers, redirects, attempts
`download`         one large body, continued after a cut
`fetch`            the same by URL
=================  ==================================================================

Nothing here imports urllib3 or ssl before the first request: a command that needs no network starts without
them.
"""

from __future__ import annotations

from hivebase.transport.body import Body
from hivebase.transport.download import Download, Fetched
from hivebase.transport.errors import NoAnswerError, RefusedTargetError
from hivebase.transport.fetch import Fetcher, HttpFetcher
from hivebase.transport.http import Answer, HostPolicy, Request, Response, Retry, Transport
from hivebase.transport.limits import LIMITS, Limits
from hivebase.transport.secrets import Secret, redact
from hivebase.transport.targets import Origin

__all__ = [
    "LIMITS",
    "Answer",
    "Body",
    "Download",
    "Fetched",
    "Fetcher",
    "HostPolicy",
    "HttpFetcher",
    "Limits",
    "NoAnswerError",
    "Origin",
    "RefusedTargetError",
    "Request",
    "Response",
    "Retry",
    "Secret",
    "Transport",
    "redact",
]
