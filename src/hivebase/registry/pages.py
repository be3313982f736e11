"""Lists that come in pages (distribution-spec, "Listing Tags" and "Listing Referrers"), to a known end.

Where a page names the next one (``Link``, RFC 8288), only the query of that address is used: the request goes to our
own address of the list, whatever else the server wrote.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hivebase.errors import SystemFaultError, UsageError
from hivebase.transport import Origin, RefusedTargetError, redact
from hivebase.transport.targets import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hivebase.registry.repository import Repository
    from hivebase.transport import Answer

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next(?=[\s;,]|\Z))", re.IGNORECASE)
_LONGEST_LINK = 8 * 1024


def pages(
    repository: Repository, path: str, query: str, headers: Mapping[str, str], what: str
) -> Iterator[Answer]:
    """Yield the answers for all pages of a list, whatever their status; the caller ends with one that is no page.

    Args:
        repository: that it is of.
        path: below the repository.
        query: of the first page, or empty.
        headers: of each request.
        what: the list, for messages.

    Raises:
        RefusedTargetError: the list goes on at another host.
        SystemFaultError: it does not end within ``Limits.pages``; see also `Repository.ask`.
    """
    limits = repository.transport.limits
    asked: set[str] = set()
    for _ in range(limits.pages):
        asked.add(query)
        address = f"{path}?{query}" if query else path
        answer = repository.ask("GET", address, headers, limit=limits.manifest)
        yield answer
        following = _next_query(answer.headers, repository, path, what)
        if following is None:
            return
        if following in asked:
            raise SystemFaultError(f"{what} does not end", why="it goes on where it has been already")
        query = following
    raise SystemFaultError(f"{what} does not end", why=f"there were {limits.pages} pages and no last one")


def _next_query(headers: Mapping[str, str], repository: Repository, path: str, what: str) -> str | None:
    """Return the query of the next page, or None after the last one."""
    header = headers.get("link", "")[:_LONGEST_LINK]
    target = next((link[1] for link in _LINK.finditer(header) if _NEXT.search(link[2])), None)
    if target is None:
        return None
    url = joined(repository.url(path), target)
    try:
        there = Origin.of(url)
    except UsageError as error:
        raise RefusedTargetError(f"{what} goes on nowhere", why=error.why) from None
    if there.host != repository.origin.host:
        raise RefusedTargetError(
            f"{what} goes on at another host, which is refused", why=f"the next page is {redact(url[:300])}"
        )
    return urlsplit(url).query
