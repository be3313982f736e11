"""Tags that many write to, each adding something of their own: lists of referrers, signatures, attestations.

Registries have no compare-and-set, so such a tag is read, changed, written, and read again a moment later; what
another writer overwrote meanwhile is merged once more. Within one process writers take turns. Of several processes,
one would have to take longer from reading to writing than `SETTLE` for something to be lost.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import NotFoundError, SystemFaultError
from hivebase.registry.manifests import SETTLE, put_manifest
from hivebase.registry.resolve import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hivebase.registry.repository import Repository
    from hivebase.registry.resolve import Document

ROUNDS = 20
"""How often a tag is written at most until it stays as it was written."""

_turns: defaultdict[tuple[str, str, str], threading.Lock] = defaultdict(threading.Lock)
_guard = threading.Lock()


class Merge(msgspec.Struct, frozen=True):
    """Something to be added to what a tag names.

    Attributes:
        repository: made for pushing.
        tag: of an index or a manifest, or of nothing yet.
        change: returns, of what is there, the document to be there instead and its media type; None when nothing
            has to be added. What the document names it brings into the repository. It may be asked repeatedly.
    """

    repository: Repository
    tag: str
    change: Callable[[Document | None], tuple[bytes, str] | None]

    def write(self) -> bool:
        """Read, change and write; tell whether there was anything to write.

        Raises:
            HivebaseError: as `fetch` and `put_manifest`, and whatever ``change`` raises.
        """
        with _turn(self.repository, self.tag):
            try:
                before = fetch(self.repository, self.tag)
            except NotFoundError:
                before = None
            after = self.change(before)
            if after is None:
                return False
            put_manifest(self.repository, self.tag, *after)
            return True


def merge(merges: Iterable[Merge]) -> int:
    """Write tags until each has what is to be added; return how many had to be written.

    Raises:
        SystemFaultError: others go on overwriting one.
        HivebaseError: as `Merge.write`.
    """
    return confirm([item for item in merges if item.write()])


def confirm(written: list[Merge]) -> int:
    """Wait for tags that were written to settle, write again what was lost, and return how many there were.

    Raises:
        HivebaseError: as `merge`.
    """
    pending = written
    for _ in range(ROUNDS):
        if not pending:
            return len(written)
        # Whoever collided does not wait equally long, or they would collide again.
        pause = SETTLE * (1 + random.random())  # noqa: S311 -- no key
        pending[0].repository.transport.clock.sleep(pause)
        pending = [item for item in pending if item.write()]
    first = pending[0]
    raise SystemFaultError(
        f"the tag {first.tag} does not keep what is written to it",
        where=f"{first.repository.registry}/{first.repository.name}",
        why=f"it was overwritten {ROUNDS} times",
        hint="try again when nobody else signs or attaches anything to this image",
    )


def _turn(repository: Repository, tag: str) -> threading.Lock:
    with _guard:
        return _turns[repository.registry, repository.name, tag]
