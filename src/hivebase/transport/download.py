"""One large body into a sink: checked while it streams, continued with Range after a cut.

The sink is called with the bytes in order and once each, whatever happens on the wire; so it can be a file, a
hash, or the store's ingest. A server that ignores Range sends the beginning again; that is read and dropped,
which is sound because the digest (or, without one, the server's own validator) ties the parts together.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.transport.errors import NoAnswerError
from hivebase.transport.http import Response, Retry, Transport
from hivebase.transport.waiting import RETRIED_STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.transport.targets import Origin

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)\s*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a download was.

    Attributes:
        url: where it came from in the end, without credentials.
        digest: of all bytes.
        size: in bytes.
        media_type: as the server says, without parameters.
        last_modified: seconds since 1970, when the server says so.
        disposition: the Content-Disposition header, unchecked.
    """

    url: str
    digest: Digest
    size: int
    media_type: str = ""
    last_modified: int | None = None
    disposition: str = ""


class Download:
    """One download in progress."""

    def __init__(
        self,
        transport: Transport,
        opener: Callable[[Mapping[str, str]], Response],
        sink: Callable[[bytes], object],
        *,
        what: str,
        digest: Digest | None = None,
        size: int | None = None,
    ) -> None:
        """Prepare.

        Args:
            transport: for its limits and its pauses.
            opener: sends the request with additional headers.
            sink: takes the bytes.
            what: what is downloaded, for messages; without credentials.
            digest: what the bytes must have, if known.
            size: how many there must be, if known.
        """
        self._transport = transport
        self._opener = opener
        self._sink = sink
        self._what = what
        self._digest = digest
        self._size = size
        self._most = transport.limits.download if size is None else size
        self._hash = hashlib.sha256()
        self._done = 0
        self._validator = ""
        self._ranges = True
        self._seconds = transport.limits.grace + self._most / transport.limits.slowest

    def run(self, origin: Origin) -> Fetched:
        """Download, and return what it was.

        Raises:
            CorruptContentError: the bytes are not those of ``digest`` and ``size``.
            NotFoundError: the server has nothing there.
            NoAnswerError: connections broke off too often.
            SystemFaultError: the server refused, or sends or announces more than anybody sends.
        """
        if self._most > self._transport.limits.download:
            raise self._too_long(self._transport.limits.download)
        response = self._transport.persist(origin, self._attempt)
        actual = Digest.from_hash(self._hash)
        if self._size is not None and self._done != self._size:
            raise self._corrupt(f"has {self._done} bytes and digest {actual}")
        if self._digest is not None and actual != self._digest:
            raise self._corrupt(f"has digest {actual}")
        headers = response.headers
        return Fetched(
            url=response.url,
            digest=actual,
            size=self._done,
            media_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
            last_modified=_moment(headers.get("last-modified", "")),
            disposition=headers.get("content-disposition", ""),
        )

    def _attempt(self) -> Response:
        before = self._done
        headers = {"Range": f"bytes={before}-"} if before and self._ranges else {}
        if headers and self._digest is None and self._validator:
            headers["If-Range"] = self._validator
        try:
            with self._opener(headers) as response:
                self._receive(response)
                return response
        except Retry as retry:
            retry.progressed = self._done - before >= self._transport.limits.progress
            raise

    def _receive(self, response: Response) -> None:
        skip = self._begin(response)
        most = self._most
        for piece in response.chunks(most + 1 - (self._done - skip), self._seconds):
            chunk = piece
            if skip:
                chunk, skip = chunk[skip:], max(0, skip - len(piece))
            if self._done + len(chunk) > most:
                raise (
                    self._corrupt(f"goes on after {most} bytes")
                    if self._size is not None
                    else self._too_long(most)
                )
            self._hash.update(chunk)
            self._sink(chunk)
            self._done += len(chunk)
        if skip:
            raise self._corrupt("became shorter while it was downloaded")

    def _begin(self, response: Response) -> int:
        """Check the head of an answer; return how many bytes of its body we have already."""
        status = response.status
        if status in RETRIED_STATUSES:
            raise self._transport.retry_status(status, response.headers, response.url)
        if status == 206:
            found = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
            if found is None or int(found[1]) != self._done:
                raise self._without_ranges(response)
            return 0
        if status == 416:
            raise self._without_ranges(response)
        if status != 200:
            raise refusal(response, self._what)
        validator = _validator(response.headers)
        if self._done and self._digest is None and (not validator or validator != self._validator):
            raise SystemFaultError(
                f"the download of {self._what} broke off and cannot be continued",
                why="the server does not say whether it still has the same content",
                hint="try again",
            )
        self._validator = validator
        announced = response.headers.get("content-length", "")
        if self._size is not None and announced.isdigit() and int(announced) != self._size:
            raise self._corrupt(f"is announced with {announced} bytes")
        return self._done

    def _without_ranges(self, response: Response) -> Retry:
        self._ranges = False
        return Retry(
            NoAnswerError(
                f"the download of {self._what} broke off and cannot be continued",
                cause="cut",
                why=f"{response.url} answers {response.status} to a request for the rest",
            )
        )

    def _too_long(self, most: int) -> SystemFaultError:
        return SystemFaultError(
            f"{self._what} is longer than {most} bytes", why="nothing that is downloaded here is that long"
        )

    def _corrupt(self, found: str) -> CorruptContentError:
        expected = " and ".join(
            ([f"{self._size} bytes"] if self._size is not None else [])
            + ([f"digest {self._digest}"] if self._digest else [])
        )
        return CorruptContentError(
            f"{self._what} {found}, expected {expected or 'the same as before'}",
            why="the server, or something on the way, sent other bytes than were announced",
            hint="try again; if it stays so, the server's copy is damaged",
        )


def refusal(response: Response, what: str) -> SystemFaultError:
    """Return the error for an answer that is neither a success nor to be tried again."""
    status = response.status
    if status in {404, 410}:
        return NotFoundError(
            f"{what} does not exist", why=f"{response.url} answered {status}", hint="check the address"
        )
    hint = "it needs credentials" if status in {401, 403} else ""
    return SystemFaultError(
        f"{what} cannot be downloaded", why=f"{response.url} answered {status}", hint=hint
    )


def _validator(headers: Mapping[str, str]) -> str:
    """Return a validator that is strong enough to join parts (RFC 9110, 13.1.5)."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') else headers.get("last-modified", "")


def _moment(header: str) -> int | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 -- slow to load and rarely needed

    try:
        return int(parsedate_to_datetime(header).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
