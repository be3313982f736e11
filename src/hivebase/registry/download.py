"""One blob out of a repository (distribution-spec, "Pulling blobs"), checked while it streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.transport import Download

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.oci.model import Descriptor
    from hivebase.registry.repository import Repository
    from hivebase.transport import Response


def download_blob(
    repository: Repository, blob: Descriptor, sink: Callable[[bytes], object], what: str
) -> None:
    """Hand a blob to ``sink``, which must not trust the bytes before this returns.

    Args:
        repository: where it is.
        blob: what its manifest says of it.
        sink: takes the bytes, in order and once each.
        what: what it is called in messages.

    Raises:
        NotFoundError: it is not there.
        CorruptContentError: digest or size are not as announced.
        HivebaseError: as `Repository.open`.
    """
    digest = Digest.parse(blob.digest)

    def opener(headers: Mapping[str, str]) -> Response:
        return repository.open("GET", f"blobs/{digest}", headers)

    download = Download(repository.transport, opener, sink, what=what, digest=digest, size=blob.size)
    download.run(repository.origin)
