"""Publishing images of a hive: the rules first, then content, then proof, and the tags last.

Every rule is held against every image before the first byte is sent, so that a refusal leaves the registry as it was.
A publication that was cut is repeated; what is there is found by asking.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.errors import NotFoundError, PolicyError
from hivebase.oci.annotations import BASE_DIGEST, BASE_NAME, stand_ins_of
from hivebase.progress import Event, Listener, Status, silent
from hivebase.registry.content import StoreContent, tree_of
from hivebase.registry.endpoint import reaching
from hivebase.registry.manifests import digest_of, moved
from hivebase.registry.push import WORKERS, Item, Push, Tag
from hivebase.release.tags import Floating, floating_tags, newest, release_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from hivebase.oci.store import Image, Store
    from hivebase.reference import Reference
    from hivebase.registry.client import RegistryClient
    from hivebase.registry.push import Sent
    from hivebase.registry.repository import Repository
    from hivebase.release.target import Target


class Release(msgspec.Struct, frozen=True):
    """One image to publish.

    Attributes:
        name: in the hive.
        image: in the store.
        reference: where it goes, with its immutable tag.
    """

    name: str
    image: Image
    reference: Reference


class Proving(msgspec.Struct, frozen=True):
    """An image that is in its repository, and wants proof.

    Attributes:
        new: whether its immutable tag is yet to be written; it then has no proof, or an unfinished one.
    """

    release: Release
    repository: Repository
    new: bool


class Rules(msgspec.Struct, frozen=True):
    """What may be published.

    Attributes:
        floating: which floating tags move along.
        allow_stand_ins: whether an image may hold stand-ins for official content; its label names them.
        keeps: tells of a repository and a tag whether the registry lets nobody move it.
    """

    floating: Collection[Floating] = ()
    allow_stand_ins: bool = False
    keeps: Callable[[str, str], bool] = lambda *_: False


class Outcome(msgspec.Struct, frozen=True):
    """What became of one image.

    Attributes:
        status: ``published`` now, or ``present`` before; in a dry run what would become of it.
        tags: that were written, or would be.
        kept: floating tags that stay where they are, and why.
    """

    name: str
    reference: Reference
    digest: str
    status: Literal["published", "present"]
    tags: tuple[str, ...]
    kept: Mapping[str, str]


def releases(
    store: Store, images: Sequence[tuple[str, str, str]], target: Target, version: str
) -> tuple[Release, ...]:
    """Find the images to publish.

    Args:
        store: where they are.
        images: name in the hive, reference in the store, repository below the target; parents before children.
        target: where they go.
        version: their immutable tag.

    Raises:
        PolicyError: ``version`` is not one that is published.
        NotFoundError: one has not been built.
    """
    tag = release_tag(version)
    found = []
    for name, ref, repository in images:
        if store.resolve(ref) is None:
            raise NotFoundError(
                f"{ref} has not been built", hint=f"hivebase build {name} --version {version}"
            )
        found.append(Release(name, store.image(ref), target.reference(repository, tag)))
    return tuple(found)


class Publication:
    """One run of publishing."""

    def __init__(
        self,
        client: RegistryClient,
        store: Store,
        images: Sequence[Release],
        rules: Rules,
        listener: Listener = silent,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            client: for the registry.
            store: where the images are.
            images: of :func:`releases`: parents before children.
            rules: what may be published.
            listener: told of the progress.
        """
        self._images = tuple(images)
        self._rules = rules
        self._listener = listener
        content = StoreContent(store)
        self._items = {
            release.name: Item(
                release.name,
                tree_of(content, release.image.descriptor),
                client.repository(release.reference, push=True),
                content,
            )
            for release in images
        }
        self._push = Push(tuple(self._items.values()), listener)
        self._before: dict[str, str | None] = {}
        self._floating: dict[str, dict[str, str]] = {}

    @property
    def sent(self) -> Sent:
        """What was sent so far."""
        return self._push.sent

    def check(self) -> None:
        """Hold every rule against every image; nothing is written.

        Raises:
            PolicyError: a rule refuses one.
            HivebaseError: the registry cannot be asked.
        """
        for release in self._images:
            self._check_stand_ins(release)
            self._check_parent(release)
        with reaching(str(self._images[0].reference) if self._images else ""):
            self._push.survey()
            with ThreadPoolExecutor(WORKERS, "tags") as pool:
                list(pool.map(self._check_tags, self._images))

    def preview(self) -> tuple[Outcome, ...]:
        """Return what :meth:`run` would do; :meth:`check` was called."""
        return tuple(self._outcome(release, self._tags(release)) for release in self._images)

    def missing(self) -> tuple[int, int]:
        """Return how many blobs would be sent, and their bytes; :meth:`check` was called."""
        blobs = self._push.missing()
        return len(blobs), sum(blob.size for blob in blobs)

    def run(self, prove: Callable[[Sequence[Proving]], object] | None = None) -> tuple[Outcome, ...]:
        """Publish what :meth:`check` found nothing against.

        Args:
            prove: attaches proof to images, whose manifests are there and whose new tags are not yet.

        Raises:
            PolicyError: another publisher was faster.
            HivebaseError: the registry does not take something.
        """
        began = time.monotonic()
        for release in self._images:
            if self.is_new(release):
                self._listener(Event(release.name, "started", step=f"push {release.reference}"))
        with reaching(str(self._images[0].reference) if self._images else ""):
            self._push.send()
            if prove is not None:
                prove(
                    [
                        Proving(release, self._items[release.name].repository, new=self.is_new(release))
                        for release in self._images
                    ]
                )
            tags = {release.name: self._tags(release) for release in self._images}
            # Immutable ones first: a floating tag must never name what has no name of its own yet.
            for immutable in (True, False):
                self._push.tag(
                    [tag for found in tags.values() for tag in found if tag.immutable == immutable]
                )
        for release in self._images:
            status: Status = "done" if self.is_new(release) else "cached"
            step = f"push {release.reference}"
            self._listener(Event(release.name, status, step=step, seconds=time.monotonic() - began))
        return tuple(self._outcome(release, tags[release.name]) for release in self._images)

    def is_new(self, release: Release) -> bool:
        """Tell whether the image's immutable tag was not there before; :meth:`check` was called."""
        return self._before[release.name] is None

    def _outcome(self, release: Release, tags: Sequence[Tag]) -> Outcome:
        kept = {tag: why for tag, why in self._floating[release.name].items() if why}
        return Outcome(
            release.name,
            release.reference,
            release.image.descriptor.digest,
            "published" if self.is_new(release) else "present",
            tuple(tag.name for tag in tags),
            kept,
        )

    def _tags(self, release: Release) -> list[Tag]:
        item = self._items[release.name]
        new = [Tag(item, release.reference.tag, immutable=True)] if self.is_new(release) else []
        moving = [name for name, why in self._floating[release.name].items() if not why]
        return [*new, *(Tag(item, name, immutable=False) for name in moving)]

    def _check_stand_ins(self, release: Release) -> None:
        names = stand_ins_of(release.image.config.config.labels)
        if names and not self._rules.allow_stand_ins:
            raise PolicyError(
                f"{release.name} holds stand-ins for official content and is not published",
                why=f"made on this machine instead of fetched: {', '.join(names)}",
                hint="build where a registry and the models' site can be reached, or --allow-stand-ins "
                "(the label io.hivebase.stand-ins goes along)",
            )

    def _check_parent(self, release: Release) -> None:
        """Refuse a child of another parent than the one that is published with it."""
        annotations = release.image.manifest.annotations
        name, digest = annotations.get(BASE_NAME, ""), annotations.get(BASE_DIGEST, "")
        parent = next((other for other in self._images if other.image.ref == name), None)
        if parent is not None and digest and parent.image.descriptor.digest != digest:
            raise PolicyError(
                f"{release.name} stands on another {parent.name} than the one to be published",
                why=f"it was built on {digest}, {parent.image.ref} is {parent.image.descriptor.digest} now",
                hint=f"hivebase build {release.name}",
            )

    def _check_tags(self, release: Release) -> None:
        repository, tag = self._items[release.name].repository, release.reference.tag
        there, ours = digest_of(repository, tag), release.image.descriptor.digest
        if there is not None and there != ours:
            raise moved(repository, tag, there, ours)
        self._before[release.name] = there
        self._floating[release.name] = {}
        published = _published(repository) if there is None or self._rules.floating else ()
        if there is None and (before := newest(published)):
            # A release differs from the one before it by a few layers: one question instead of one for each.
            self._push.learn(self._items[release.name], before)
        if self._rules.floating:
            wanted = floating_tags(tag, self._rules.floating, published)
            for name in wanted:
                # Written once it could never move on, and would name an old release for ever.
                if self._rules.keeps(repository.name, name):
                    wanted[name] = "the registry would never let it move again"
            self._floating[release.name] = {
                name: why for name, why in wanted.items() if why or digest_of(repository, name) != ours
            }


def _published(repository: Repository) -> tuple[str, ...]:
    from hivebase.registry.tags import list_tags  # noqa: PLC0415 -- not where nothing is new

    try:
        return list_tags(repository)
    except NotFoundError:
        return ()
