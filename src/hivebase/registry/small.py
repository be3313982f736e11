"""Blobs that are small enough to be held: signatures, statements, SBOMs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, SystemFaultError
from hivebase.registry.endpoint import reason

if TYPE_CHECKING:
    from hivebase.oci.model import Descriptor
    from hivebase.registry.repository import Repository


def read_blob(repository: Repository, descriptor: Descriptor, *, limit: int) -> bytes:
    """Return a blob, verified.

    Args:
        repository: where it is.
        descriptor: what a manifest says of it.
        limit: bytes of the longest blob that is read.

    Raises:
        NotFoundError: it is not there.
        CorruptContentError: it is longer than ``limit``, or not what the descriptor says.
        SystemFaultError: see `Repository.ask`.
    """
    what = f"the blob {descriptor.digest} of {repository.registry}/{repository.name}"
    if descriptor.size > limit:
        raise CorruptContentError(
            f"{what} is too long", why=f"it has {descriptor.size} bytes; at most {limit} are read"
        )
    answer = repository.ask("GET", f"blobs/{descriptor.digest}", {}, limit=descriptor.size)
    if answer.status == 404:
        raise NotFoundError(f"{what} does not exist", why=reason(answer))
    if answer.status != 200:
        raise SystemFaultError(f"{what} cannot be read", why=reason(answer))
    if len(answer.body) != descriptor.size:
        raise CorruptContentError(f"{what} has {len(answer.body)} bytes, expected {descriptor.size}")
    return Digest.parse(descriptor.digest).check(answer.body, what)
