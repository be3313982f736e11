"""Whether a repository can be written to, found out before there is anything to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.errors import SystemFaultError
from hivebase.registry.endpoint import reason
from hivebase.transport import Retry
from hivebase.transport.targets import joined

if TYPE_CHECKING:
    from hivebase.registry.repository import Repository


def check_writable(repository: Repository) -> None:
    """Begin an upload and give it up at once (distribution-spec, "Pushing blobs"); nothing can be seen of it.

    Args:
        repository: made for pushing.

    Raises:
        AuthenticationError: the registry does not accept the credentials, or they may not write here.
        SystemFaultError: it does not take uploads here; see also `Repository.ask`.
    """
    transport = repository.transport
    answer = repository.ask("POST", "blobs/uploads/", {}, limit=transport.limits.error_body)
    location = answer.headers.get("location")
    if answer.status != 202 or not location:
        raise SystemFaultError(
            f"{repository.registry} takes no uploads to {repository.name}", why=reason(answer)
        )
    try:
        url = joined(repository.url(""), location)
        repository.send("DELETE", url, {}, None, patience=transport.limits.idle)
    except (Retry, SystemFaultError):
        pass  # registries forget uploads that nobody goes on with
