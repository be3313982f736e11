"""Images into one registry: blobs, configs, manifests, and tags last; nothing that is there is sent.

An image whose manifest is in its repository is there whole, since a registry takes no manifest before its blobs. Of
what is missing, each blob is sent to the first repository that needs it and mounted from there into the others.
"""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import HivebaseError, InterruptedByUserError, SystemFaultError
from hivebase.oci import documents
from hivebase.progress import Event, Listener, silent
from hivebase.registry.manifests import claim_tag, confirm_tag, digest_of, put_manifest, write_tag
from hivebase.registry.parallel import run_all
from hivebase.registry.resolve import fetch
from hivebase.registry.upload import has_blob, upload_blob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hivebase.oci.model import Descriptor
    from hivebase.registry.content import Content, Tree
    from hivebase.registry.repository import Repository

WORKERS = 6
"""Requests at a time."""


class Item(msgspec.Struct, frozen=True):
    """One image on its way.

    Attributes:
        name: for people.
        tree: what it consists of.
        repository: where it goes, made for pushing.
        content: where its bytes come from.
        sibling: a repository of the same registry that has the image already, or empty.
    """

    name: str
    tree: Tree
    repository: Repository
    content: Content
    sibling: str = ""


class Tag(msgspec.Struct, frozen=True):
    """A tag to write: whether it may ever name something else is a rule of who publishes."""

    item: Item
    name: str
    immutable: bool


class Sent(msgspec.Struct):
    """What was sent.

    Attributes:
        blobs: by what happened to them: ``present``, ``mounted``, ``sent``; those of images that were there whole are
            not counted.
        bytes: of the blobs that were sent.
        manifests: that were written.
        tags: that were written.
    """

    blobs: Counter[str] = msgspec.field(default_factory=Counter)
    bytes: int = 0
    manifests: int = 0
    tags: int = 0


class Push:
    """A push of several images, parents before children."""

    def __init__(self, items: Sequence[Item], listener: Listener = silent) -> None:
        """Prepare; nothing is asked yet.

        Args:
            items: parents before children; all of one registry.
            listener: told of each blob and image.
        """
        self.items = tuple(items)
        self.sent = Sent()
        self._listener = listener
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._there: dict[tuple[str, str], bool] = {}
        self._known: dict[str, frozenset[str]] = {}

    def there(self, item: Item) -> bool:
        """Tell whether the repository has the image's manifest, and so all of the image."""
        return self._there[item.repository.name, item.tree.top.digest]

    def survey(self) -> None:
        """Find out which images are there already.

        Raises:
            HivebaseError: as `Repository.ask`.
        """
        if self._there:
            return

        def look(item: Item) -> None:
            found = digest_of(item.repository, item.tree.top.digest) == item.tree.top.digest
            with self._lock:
                self._there[item.repository.name, item.tree.top.digest] = found

        self._parallel([partial(look, item) for item in self.items])

    def learn(self, item: Item, tag: str) -> None:
        """Note what a tag of the item's repository consists of: its blobs are taken to be there without a look.

        Nothing is noted where it cannot be read.
        """
        try:
            document = fetch(item.repository, tag)
        except HivebaseError:
            return
        with self._lock:
            self._known[item.repository.name] = frozenset(documents.named_by(document.data))

    def missing(self) -> tuple[Descriptor, ...]:
        """Return the blobs that :meth:`send` would send; for this, each is looked for in every repository.

        Raises:
            HivebaseError: as `Repository.ask`.
        """
        self.survey()
        found: list[Descriptor] = []

        def look(blob: Descriptor, items: list[Item], sibling: str) -> None:
            if not sibling and not any(has_blob(item.repository, blob) for item in items):
                found.append(blob)

        chains = self._chains([item for item in self.items if not self.there(item)])
        self._parallel([partial(look, *chain) for chain in chains])
        return tuple(found)

    def send(self) -> None:
        """Bring blobs, configs and manifests there; no tag is touched.

        Raises:
            HivebaseError: as `upload_blob` and `put_manifest`.
        """
        self.survey()
        missing = [item for item in self.items if not self.there(item)]
        # Where only what a manifest names can be mounted, a parent must be there whole before its children.
        apart = any(not item.repository.mounts_unnamed for item in missing)
        for batch in [[item] for item in missing] if apart else [missing]:
            self._send(batch)

    def _send(self, missing: Sequence[Item]) -> None:
        self._bring_blobs(missing)
        for item in missing:
            try:
                self._put_manifests(item)
            except SystemFaultError:
                if not self._known.pop(item.repository.name, None):
                    raise
                # Perhaps a blob is gone of which a manifest still speaks.
                self._bring_blobs([item])
                self._put_manifests(item)
            self._there[item.repository.name, item.tree.top.digest] = True
            self._listener(Event(item.name, "log", f"{item.tree.top.digest[7:19]} manifest", "push"))

    def _bring_blobs(self, missing: Sequence[Item]) -> None:
        for item in missing:
            known = self._known.get(item.repository.name, frozenset())
            self.sent.blobs.update("present" for blob in item.tree.blobs if blob.digest in known)
        chains = self._chains(missing)
        # Heavy ones first: whoever has nothing else to do at the end waits for the last one. Configs go after all
        # layers, for they are what makes layers an image.
        configs = {c.digest for item in missing for c in item.tree.blobs if "config" in c.media_type}
        for wave in (
            [c for c in chains if c[0].digest not in configs],
            [c for c in chains if c[0].digest in configs],
        ):
            wave.sort(key=lambda chain: -chain[0].size)
            self._parallel([partial(self._bring, *chain) for chain in wave])

    def _put_manifests(self, item: Item) -> None:
        for descriptor, data in item.tree.documents:
            put_manifest(item.repository, descriptor.digest, data, descriptor.media_type)
            self.sent.manifests += 1

    def tag(self, tags: Sequence[Tag]) -> tuple[Tag, ...]:
        """Let tags name images that were sent, in order; return those that had to be written.

        Raises:
            PolicyError: an immutable tag names something else, before or afterwards.
            HivebaseError: as `claim_tag` and `write_tag`.
        """
        written: list[Tag] = []
        settling: list[Tag] = []
        longest = 0.0
        for tag in tags:
            descriptor, data = tag.item.tree.documents[-1]
            words = (tag.item.repository, tag.name, data, descriptor.media_type)
            if tag.immutable:
                seconds = claim_tag(*words)
                if seconds is None:
                    continue
                settling.append(tag)
                longest = max(longest, seconds)
            elif not write_tag(*words):
                continue
            written.append(tag)
            self.sent.tags += 1
        if settling:
            settling[0].item.repository.transport.clock.sleep(longest)
        for tag in settling:
            confirm_tag(tag.item.repository, tag.name, tag.item.tree.top.digest)
        return tuple(written)

    def _chains(self, missing: Sequence[Item]) -> list[tuple[Descriptor, list[Item], str]]:
        """Return each blob with the images that need it and a repository that has it, if one is known."""
        wanted: dict[str, tuple[Descriptor, list[Item]]] = {}
        has: dict[str, str] = {}
        for item in missing:
            known = self._known.get(item.repository.name, frozenset())
            for blob in item.tree.blobs:
                if blob.digest in known:
                    has[blob.digest] = item.repository.name
                    continue
                if item.sibling:
                    has.setdefault(blob.digest, item.sibling)
                _, items = wanted.setdefault(blob.digest, (blob, []))
                if item.repository.name not in {other.repository.name for other in items}:
                    items.append(item)
        for item in self.items:
            if self.there(item):
                has |= {blob.digest: item.repository.name for blob in item.tree.blobs}
        return [(blob, items, has.get(digest, "")) for digest, (blob, items) in wanted.items()]

    def _bring(self, blob: Descriptor, items: list[Item], sibling: str) -> None:
        for item in items:

            def progress(count: int) -> None:
                del count
                if self._stop.is_set():
                    raise InterruptedByUserError("interrupted while pushing")

            clock = item.repository.transport.clock
            began = clock.monotonic()
            if self._stop.is_set():
                raise InterruptedByUserError("interrupted while pushing")
            outcome = upload_blob(
                item.repository,
                blob,
                lambda item=item: item.content.open(blob),  # type: ignore[misc]
                sibling=sibling,
                sent=progress,
            )
            sibling = item.repository.name
            with self._lock:
                self.sent.blobs[outcome] += 1
                self.sent.bytes += blob.size if outcome == "sent" else 0
            text = f"{blob.digest[7:19]} {outcome} {blob.size / 1e6:.1f} MB"
            self._listener(Event(item.name, "log", text, "push", clock.monotonic() - began))

    def _parallel(self, calls: Sequence[Callable[[], None]]) -> None:
        run_all(calls, WORKERS, "push", self._stop)
