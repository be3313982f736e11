"""Finds the external images that a hive stands on: the local store, else a registry, else a stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from hivebase.build.intact import intact
from hivebase.digest import Digest
from hivebase.errors import CorruptContentError, NotFoundError, UnreachableError
from hivebase.layers.bootstrap.recipe import FORMAT
from hivebase.oci.annotations import STAND_IN_FORMAT, stand_ins_of
from hivebase.progress import Event, Listener, silent
from hivebase.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.oci.model import Descriptor, Platform
    from hivebase.oci.store import Image, Store

BaseMode = Literal["auto", "registry", "bootstrap"]


class Puller(Protocol):
    """The registry, as a build sees it."""

    def __call__(self, reference: Reference, platform: Platform, digest: Digest | None, /) -> Descriptor:
        """Bring the image into the store and return the descriptor of the top document (index or manifest).

        Raises:
            UnreachableError: no answer that could be about the image (route, DNS, TLS, proxy, time-out).
            HivebaseError: a registry answered, and it was no.
        """


class StandInMaker(Protocol):
    """Makes a stand-in for an image, or says that it cannot by returning None."""

    def __call__(self, reference: Reference, platform: Platform, /) -> Descriptor | None:
        """Return the descriptor of the manifest now in the store."""


class Base(msgspec.Struct, frozen=True):
    """One external image in the store.

    Attributes:
        name: the reference as the store has it.
        top: digest of the index or manifest that the reference means.
        image: manifest and configuration for the platform of this build.
        stand_ins: what in it is not official; empty for a real image.
    """

    name: str
    top: Digest
    image: Image
    stand_ins: tuple[str, ...]


class BaseFinder(msgspec.Struct, frozen=True):
    """Where to look, in which order.

    Attributes:
        pins: digest by canonical reference, from hivebase.lock.
        pull: None means that no registry may be asked (``plan`` works offline).
        make: None means that nothing may be bootstrapped.
    """

    store: Store
    mode: BaseMode
    platform: Platform
    pins: Mapping[str, Digest]
    pull: Puller | None
    make: StandInMaker | None
    listener: Listener = silent
    pinned: Callable[[str, Digest], None] = lambda _ref, _digest: None

    def find(self, written: str) -> Base:
        """Return the image that ``written`` means, fetched or made if need be.

        Raises:
            NotFoundError: nobody has it, and there is no stand-in for it.
            SystemFaultError: the network or the machine could not do what was needed.
        """
        held = self.held(written)
        if held is not None:
            return held
        reference = Reference.parse(written)
        damaged = self.store.resolve(reference.shortest) is not None
        why = "what the local store has is unfit" if damaged else "it is not in the local store"
        why += ", and nothing else may be asked"
        if self.pull is not None and self.mode != "bootstrap":
            try:
                return self._pulled(reference, self.pull)
            except UnreachableError as error:
                if self.mode == "registry" or self.make is None:
                    raise
                why = f"{error.what} ({error.why})" if error.why else error.what
                self.listener(Event(written, "note", "no registry can be asked; looking for a stand-in"))
        if self.make is not None and self.mode != "registry":
            made = self.make(reference, self.platform)
            if made is not None:
                self.store.tag(reference.shortest, made)
                return self._base(reference.shortest, made)
            why += "; no stand-in exists for it"
        raise NotFoundError(
            f"base image {written} cannot be had",
            why=why,
            hint=f"reach its registry, or 'hivebase import FILE {written}' (OCI layout, docker-archive or rootfs tar)",
        )

    def held(self, written: str) -> Base | None:
        """Return the image if the store already holds what would be used, intact; ask nobody."""
        reference = Reference.parse(written)
        descriptor = self.store.resolve(reference.shortest)
        if descriptor is None:
            return None
        try:
            base = self._base(reference.shortest, descriptor)
        except (CorruptContentError, NotFoundError):
            return None
        if not intact(self.store, base.image.descriptor.digest):
            return None
        if base.stand_ins:
            made = base.image.manifest.annotations.get(STAND_IN_FORMAT, str(FORMAT))
            if self.mode == "registry" or made != str(FORMAT):
                return None
        # A pin speaks about the official image: it neither blesses nor forbids a stand-in.
        pin = reference.digest or self.pins.get(reference.canonical)
        if pin is not None and not base.stand_ins and base.top != pin:
            return None
        return base

    def _pulled(self, reference: Reference, pull: Puller) -> Base:
        pin = reference.digest or self.pins.get(reference.canonical)
        top = pull(reference, self.platform, pin)
        self.store.tag(reference.shortest, top)
        if pin is None:
            self.pinned(reference.canonical, Digest.parse(top.digest))
        return self._base(reference.shortest, top)

    def _base(self, name: str, top: Descriptor) -> Base:
        image = self.store.image(top.digest, self.platform)
        return Base(name, Digest.parse(top.digest), image, stand_ins_of(image.config.config.labels))
