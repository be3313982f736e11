"""Opens the shared cache as hivebase.toml and the environment say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, get_args

from hivebase.errors import UsageError
from hivebase.plan.settings import CacheMode, parse_cache

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from contextlib import ExitStack

    from hivebase.build.shared_cache import SharedCache
    from hivebase.oci.store import Store
    from hivebase.plan.settings import Settings
    from hivebase.progress import Listener
    from hivebase.registry.settings import RegistrySettings

PLACE = "HIVEBASE_SHARED_CACHE"
"""Environment variable: where the cache is, instead of ``cache`` in hivebase.toml; empty for none."""

MODE = "HIVEBASE_SHARED_CACHE_MODE"
"""Environment variable: instead of ``cache_mode`` in hivebase.toml."""

KEY = "HIVEBASE_SHARED_CACHE_KEY"
"""Environment variable: the secret that seals entries."""

_SHORTEST_KEY = 16


def opener(
    settings: Settings,
    registries: RegistrySettings,
    store: Store,
    stack: ExitStack,
    listener: Listener,
) -> Callable[[threading.Event], SharedCache] | None:
    """Return what opens the shared cache, None if there is none; nothing is loaded or asked before it is called.

    Args:
        settings: of the hive.
        registries: what they say about single registries.
        store: where blobs come from and go to.
        stack: closes the connections.
        listener: of the cache.

    Raises:
        UsageError: one of the variables has a bad value.
    """
    place = os.environ.get(PLACE, settings.cache)
    if not place:
        return None
    reference = parse_cache(place, PLACE if PLACE in os.environ else "hivebase.toml")
    mode = os.environ.get(MODE) or settings.cache_mode
    if mode not in get_args(CacheMode):
        raise UsageError(f"not a mode of a cache: {mode[:100]!r}", where=MODE, hint="read-write, or read")
    key = os.environ.get(KEY, "")
    if key and len(key) < _SHORTEST_KEY:
        raise UsageError(
            "the key of the shared cache is too short",
            where=KEY,
            why=f"keys of less than {_SHORTEST_KEY} characters can be guessed from what they seal",
            hint="openssl rand -hex 32",
        )

    def opened(cancel: threading.Event) -> SharedCache:
        from hivebase.registry.cache import LIMITS, RegistryCache  # noqa: PLC0415 -- most builds have none
        from hivebase.registry.client import RegistryClient  # noqa: PLC0415
        from hivebase.transport import Secret, Transport  # noqa: PLC0415

        # Its own: it waits for less, and ends with the build.
        transport = stack.enter_context(
            Transport(registries.hosts, limits=LIMITS, cancel=cancel, listener=listener)
        )
        client = RegistryClient(registries, transport=transport, listener=listener)
        return RegistryCache(
            client.repository(reference),
            store,
            writing=client.repository(reference, push=True) if mode == "read-write" else None,
            secret=Secret(key) if key else None,
            cancel=cancel,
            listener=listener,
        )

    return opened
