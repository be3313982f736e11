"""Opens a session with the registry client plugged in: the arrow that the packages below must not draw."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING

from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hivebase.build.session import Options, Session
    from hivebase.build.wheel_source import WheelSource
    from hivebase.digest import Digest
    from hivebase.oci.model import Descriptor, Platform
    from hivebase.oci.store import Store
    from hivebase.plan.pythons import Python
    from hivebase.progress import Event, Listener
    from hivebase.reference import Reference
    from hivebase.registry.client import RegistryClient
    from hivebase.registry.settings import RegistrySettings
    from hivebase.transport import Transport


@contextlib.contextmanager
def open_session(
    directory: Path, options: Options, listener: Listener, store: Store | None = None
) -> Iterator[Session]:
    """Yield a session that can pull and fetch, on the user's store or another."""
    from hivebase.build.session import Session  # noqa: PLC0415 -- verbs load what they use
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415
    from hivebase.cli.shared_cache import opener  # noqa: PLC0415
    from hivebase.layers.fetch import RemoteFiles  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415
    from hivebase.registry.settings import RegistrySettings  # noqa: PLC0415
    from hivebase.transport import Transport  # noqa: PLC0415

    workspace = open_workspace(find_root(directory))
    settings = RegistrySettings.parse(workspace.hive.settings.registry, workspace.root)
    with contextlib.ExitStack() as stack:
        transport = stack.enter_context(contextlib.closing(Transport(settings.hosts, listener=listener)))
        store = store or Store.open()
        yield stack.enter_context(
            Session(
                workspace,
                store,
                options,
                pull=_Puller(store, settings, transport, listener),
                remote=RemoteFiles(transport, store.state),
                wheels=partial(_wheels, transport, listener, workspace.hive.settings.lock.exclude_newer),
                cache=opener(workspace.hive.settings, settings, store, stack, listener),
                listener=listener,
            )
        )


def registry_settings(directory: Path) -> RegistrySettings:
    """Return what the hivebase.toml at or above ``directory``, if there is one, says about single registries."""
    from hivebase.build.workspace import find_root, read_settings  # noqa: PLC0415 -- verbs load what they use
    from hivebase.registry.settings import RegistrySettings  # noqa: PLC0415

    root = find_root(directory)
    return RegistrySettings.parse(read_settings(root).registry, root)


def _wheels(
    transport: Transport, listener: Listener, exclude_newer: str, pythons: Iterable[Python]
) -> WheelSource:
    from hivebase.build.wheel_source import WheelSource  # noqa: PLC0415 -- only where wheels are composed

    return WheelSource(transport, os.environ, pythons, listener, exclude_newer)


class _Puller:
    """Implements :class:`hivebase.build.bases.Puller`; makes the client when the first image is pulled."""

    def __init__(
        self, store: Store, settings: RegistrySettings, transport: Transport, listener: Listener
    ) -> None:
        self._store = store
        self._settings = settings
        self._transport = transport
        self._listener = listener
        self._client: RegistryClient | None = None

    def __call__(self, reference: Reference, platform: Platform, digest: Digest | None, /) -> Descriptor:
        from hivebase.registry.client import RegistryClient  # noqa: PLC0415 -- most builds pull nothing

        if self._client is None:
            self._client = RegistryClient(self._settings, transport=self._transport, listener=self._tell)
        return self._client.pull(reference, self._store, platform=platform, digest=digest).top

    def _tell(self, event: Event) -> None:
        # Whether a failed pull is a failure is decided by who asked: a stand-in may take the image's place, and if
        # not, the error is reported whole.
        self._listener(replace(event, status="skipped") if event.status == "failed" else event)
