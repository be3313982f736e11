"""The tags of a repository (distribution-spec, "Listing Tags"): page by page, to a known end.

Where a page names the next one (``Link``, RFC 8288), only the query of that address is used: the request goes to our
own address of the list, whatever else the server wrote.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError, UsageError
from hivebase.reference import is_tag
from hivebase.registry.endpoint import reason
from hivebase.transport import Origin, RefusedTargetError, redact
from hivebase.transport.targets import joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.registry.repository import Repository
    from hivebase.transport import Answer

_PAGE = 1000
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next(?=[\s;,]|\Z))", re.IGNORECASE)
_LONGEST_LINK = 8 * 1024


def list_tags(repository: Repository) -> tuple[str, ...]:
    """Return all tags of ``repository``, each once, in the registry's order; none if it has none.

    Raises:
        NotFoundError: the registry does not have the repository.
        CorruptContentError: it sent something else than tags.
        RefusedTargetError: it says that the list goes on at another host.
        SystemFaultError: the list does not end within ``Limits.pages`` and ``Limits.tags``; see also `Repository.ask`.
    """
    limits, what = repository.transport.limits, f"the list of tags of {repository.registry}/{repository.name}"
    found: dict[str, None] = {}
    asked: set[str] = set()
    query = f"n={_PAGE}"
    for _ in range(limits.pages):
        asked.add(query)
        answer = repository.ask(
            "GET", f"tags/list?{query}", {"Accept": "application/json"}, limit=limits.manifest
        )
        found |= dict.fromkeys(_tags(answer, what))
        if len(found) > limits.tags:
            raise SystemFaultError(
                f"{what} has more than {limits.tags} tags", why="no repository has that many"
            )
        following = _next_query(answer.headers, repository, what)
        if following is None:
            return tuple(found)
        if following in asked:
            raise SystemFaultError(f"{what} does not end", why="it goes on where it has been already")
        query = following
    raise SystemFaultError(f"{what} does not end", why=f"there were {limits.pages} pages and no last one")


def _tags(answer: Answer, what: str) -> list[str]:
    from hivebase.oci import strict_json  # noqa: PLC0415 -- only where a registry is asked

    if answer.status == 404:
        raise NotFoundError(
            f"{what} does not exist", why=reason(answer), hint="check the name of the repository"
        )
    if answer.status != 200:
        hint = "try later" if answer.status in {429, *range(500, 600)} else ""
        raise SystemFaultError(f"{what} cannot be read", why=reason(answer), hint=hint)
    document: Any = strict_json.loads(answer.body, what=what)
    tags = document.get("tags") if isinstance(document, dict) else ()
    tags = [] if tags is None else tags  # what Go writes for an empty list
    if not isinstance(tags, list):
        raise CorruptContentError(f"{what} is none", why=f"{answer.url} answered something else")
    for tag in tags:
        if not isinstance(tag, str) or not is_tag(tag):
            raise CorruptContentError(f"{what} has something that is no tag", why=f"it is {str(tag)[:150]!r}")
    return tags


def _next_query(headers: Mapping[str, str], repository: Repository, what: str) -> str | None:
    """Return the query of the next page, or None after the last one."""
    header = headers.get("link", "")[:_LONGEST_LINK]
    target = next((link[1] for link in _LINK.finditer(header) if _NEXT.search(link[2])), None)
    if target is None:
        return None
    url = joined(repository.url("tags/list"), target)
    try:
        there = Origin.of(url)
    except UsageError as error:
        raise RefusedTargetError(f"{what} goes on nowhere", why=error.why) from None
    if there.host != repository.origin.host:
        raise RefusedTargetError(
            f"{what} goes on at another host, which is refused", why=f"the next page is {redact(url[:300])}"
        )
    return urlsplit(url).query
