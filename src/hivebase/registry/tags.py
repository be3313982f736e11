"""The tags of a repository (distribution-spec, "Listing Tags"): page by page, to a known end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.reference import is_tag
from hivebase.registry.endpoint import reason
from hivebase.registry.pages import pages

if TYPE_CHECKING:
    from hivebase.registry.repository import Repository
    from hivebase.transport import Answer

_PAGE = 1000


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
    for answer in pages(repository, "tags/list", f"n={_PAGE}", {"Accept": "application/json"}, what):
        found |= dict.fromkeys(_tags(answer, what))
        if len(found) > limits.tags:
            raise SystemFaultError(
                f"{what} has more than {limits.tags} tags", why="no repository has that many"
            )
    return tuple(found)


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
