"""The registry client: what a reference means, and bringing it into the store.

::

    with RegistryClient(RegistrySettings.parse(table), listener=listener) as client:
        resolved = client.pull(Reference.parse("python:3.11-slim"), store)
        resolved.top.digest        # of the index: pinned, recorded as base.digest
        resolved.manifest.digest   # of this platform's manifest: what is built upon

Within one client a reference is looked up once and keeps its meaning.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from hivebase.errors import HivebaseError, NotFoundError, UnreachableError
from hivebase.progress import Event, Listener, silent
from hivebase.registry import resolve as resolving
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.credentials import Keychain
from hivebase.registry.ecr.credentials import EcrKeychain
from hivebase.registry.endpoint import Endpoint, reaching
from hivebase.registry.pull import Pull
from hivebase.registry.repository import Repository
from hivebase.registry.settings import RegistrySettings, connected_host
from hivebase.transport import Transport
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.digest import Digest
    from hivebase.oci.model import Platform
    from hivebase.oci.store import Store
    from hivebase.reference import Reference
    from hivebase.registry.resolve import Document, Resolved
    from hivebase.registry.traits import Traits

_Found = tuple[Repository, "Resolved", "tuple[Document, ...]"]


class RegistryClient:
    """Registries as one run sees them. Thread-safe. Close it, or use it as a context manager."""

    def __init__(
        self,
        settings: RegistrySettings | None = None,
        *,
        transport: Transport | None = None,
        keychain: Keychain | None = None,
        traits: Mapping[str, Traits] | None = None,
        listener: Listener = silent,
    ) -> None:
        """Prepare; nothing is read or opened yet.

        Args:
            settings: of hivebase.toml.
            transport: what to speak through, closed by its owner; an own one if None.
            keychain: the user's credentials; those of the environment, and tokens of Amazon ECR, if None.
            traits: by ``host[:port]``, of registries whose name does not tell how to speak to them.
            listener: told of notes and progress.
        """
        self._settings = settings or RegistrySettings()
        self._own = transport is None
        self._transport = transport or Transport(self._settings.hosts, listener=listener)
        self._keychain = keychain or EcrKeychain(Keychain())
        self._traits = dict(traits or {})
        self._listener = listener
        self._endpoints: dict[str, Endpoint] = {}
        self._found: dict[tuple[str, str], _Found] = {}
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def resolve(
        self, reference: Reference, platform: Platform | None = None, *, digest: Digest | None = None
    ) -> Resolved:
        """Return what ``reference`` means, without fetching more than its manifests.

        Args:
            reference: what to look up.
            platform: which image of an index; this machine's if None.
            digest: what it was pinned to, instead of what its tag is now.

        Raises:
            NotFoundError: its registry does not have it, or not for ``platform``.
            RegistryUnreachableError: its registry cannot be reached.
            AuthenticationError: its registry refuses the credentials, or their absence.
            CorruptContentError: what came is not what its digest says.
            RefusedTargetError: its registry sent us where it must not.
            SystemFaultError: its registry does not work, or a credential helper.
            UsageError: a configuration file cannot be understood.
        """
        with reaching(str(reference)):
            return self._find(reference, platform or _host_platform(), digest)[1]

    def pull(
        self,
        reference: Reference,
        store: Store,
        *,
        platform: Platform | None = None,
        digest: Digest | None = None,
        listener: Listener | None = None,
    ) -> Resolved:
        """Bring an image into ``store``: its blobs, its manifest and, if there is one, the index around it.

        Nothing is tagged; who does not want it collected holds a lease until it is.

        Args:
            reference: what to pull.
            store: where to; what it has already is not fetched.
            platform: which image of an index; this machine's if None.
            digest: what it was pinned to, instead of what its tag is now.
            listener: told of the progress, instead of the client's.

        Raises:
            HivebaseError: as `resolve`; and SystemFaultError when the store cannot be written.
        """
        tell, subject = listener or self._listener, str(reference)
        clock, platform = self._transport.clock, platform or _host_platform()
        began = clock.monotonic()
        tell(Event(subject, "started", "pull"))
        try:
            with reaching(subject):
                repository, resolved, documents = self._find(reference, platform, digest)
                received = Pull(repository, documents, store, tell, subject).run(platform)
        except HivebaseError as error:
            tell(Event(subject, "failed", error.what, "pull", clock.monotonic() - began))
            raise
        if received:
            tell(Event(subject, "done", f"{received / 1e6:.1f} MB", "pull", clock.monotonic() - began))
        else:
            tell(Event(subject, "cached", "the store has it all", "pull", clock.monotonic() - began))
        return resolved

    def current_digest(self, reference: Reference) -> Digest | None:
        """Return the digest that the tag of ``reference`` has now, or None if the registry does not say.

        Cheap: no document is sent, and Docker Hub does not count it as a pull.

        Raises:
            HivebaseError: as `resolve`.
        """
        with reaching(str(reference)):
            repository = self._repositories(reference)[-1]
            return resolving.head(repository, reference.tag or "latest")

    def repository(self, reference: Reference, *, push: bool = False) -> Repository:
        """Return the repository of ``reference`` in its own registry, mirrors left aside; nothing is asked yet.

        Args:
            reference: tag and digest do not matter.
            push: whether it will be written to.
        """
        full = reference.normalised()
        endpoint = self._endpoint(connected_host(full.registry))
        return Repository(endpoint, full.registry, full.repository, self._keychain, push=push)

    def _find(self, reference: Reference, platform: Platform, digest: Digest | None) -> _Found:
        pinned = replace(reference, digest=digest or reference.digest)
        key = (pinned.canonical, str(platform))
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._found:
                self._found[key] = self._look_up(pinned, reference, platform)
            return self._found[key]

    def _look_up(self, pinned: Reference, written: Reference, platform: Platform) -> _Found:
        *mirrors, registry = self._repositories(pinned)
        for mirror in mirrors:
            try:
                with reaching(str(written)):
                    resolved, documents = resolving.resolve(mirror, pinned, platform)
            except (NotFoundError, UnreachableError, AuthenticationError) as error:
                self._listener(
                    Event(str(written), "note", f"not from the mirror {mirror.registry}: {error.what}")
                )
            else:
                return mirror, replace(resolved, reference=written), documents
        resolved, documents = resolving.resolve(registry, pinned, platform)
        if written.tag and written.digest:
            self._compare_tag(registry, written)
        return registry, replace(resolved, reference=written), documents

    def _compare_tag(self, repository: Repository, reference: Reference) -> None:
        """Say so where a reference has both, and the tag is something else by now."""
        try:
            current = resolving.head(repository, reference.tag)
        except HivebaseError:
            return  # the digest decides; what the tag is would only have been good to know
        if current != reference.digest:
            text = f"the digest decides: the tag {reference.tag} is {current or 'not known'} now"
            self._listener(Event(str(reference), "note", text))

    def _repositories(self, reference: Reference) -> list[Repository]:
        """Return where to look: a mirror if there is one, then the registry itself."""
        full = reference.normalised()
        found = []
        if mirror := self._settings.mirrors.get(full.registry):
            name = f"{mirror.prefix}/{full.repository}".lstrip("/")
            found.append(Repository(self._endpoint(mirror.host), mirror.host, name, self._keychain))
        return [*found, self.repository(reference)]

    def _endpoint(self, host: str) -> Endpoint:
        with self._lock:
            if host not in self._endpoints:
                self._endpoints[host] = Endpoint(self._transport, host, self._traits.get(host))
            return self._endpoints[host]

    def close(self) -> None:
        """Close the connections, unless the transport is somebody else's."""
        if self._own:
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _host_platform() -> Platform:
    from hivebase.oci import platforms  # noqa: PLC0415 -- only where a registry is asked

    return platforms.host_platform()
