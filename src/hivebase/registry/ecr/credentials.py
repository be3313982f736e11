"""The tokens of ECR as credentials of a registry: got when one is needed, and again when it is old or refused."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hivebase.registry.credentials import Credential, Keychain
from hivebase.transport.waiting import SystemClock

if TYPE_CHECKING:
    from hivebase.registry.ecr.control import Control, Token
    from hivebase.transport.waiting import Clock

LIFETIME = 12 * 3600.0
"""Seconds that a token lives (Amazon ECR API, GetAuthorizationToken); temporary AWS credentials make it less."""

_MARGIN = 0.9
"""The part of its life after which a token is not shown any more: what is begun with it has to end with it."""
_YOUNG = 60.0
"""Seconds during which a token that is refused has not expired, but lacks a permission."""


class EcrKeychain(Keychain):
    """The user's credentials, and for one registry the tokens of ECR. Thread-safe."""

    def __init__(
        self,
        inner: Keychain,
        registry: str,
        control: Control,
        *,
        token: Token | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare.

        Args:
            inner: for all other registries.
            registry: ``host[:port]``, as in references: the one that takes the tokens.
            control: where tokens come from.
            token: one that was got a moment ago.
            clock: the transport's, if it has its own.
        """
        self._inner = inner
        self._registry = registry
        self._control = control
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._got = 0.0
        self._held: Credential | None = None if token is None else self._credential(token)

    def find(self, registry: str, repository: str = "") -> Credential | None:
        """Return the credential for ``registry``, as `Keychain.find`; of ECR one that is still good for a while.

        Raises:
            HivebaseError: as `Keychain.find` and `Control.token`.
        """
        if registry != self._registry:
            return self._inner.find(registry, repository)
        with self._lock:
            if self._held is None or self._is_old(self._held):
                self._held = self._credential(self._control.token())
            return self._held

    def renewed(self, registry: str, repository: str, used: Credential) -> Credential | None:
        """Return a credential in place of ``used``, which is old or was refused; None if another would not help.

        Raises:
            HivebaseError: as `Control.token`.
        """
        if registry != self._registry:
            return self._inner.renewed(registry, repository, used)
        with self._lock:
            held = self._held
            # Where another worker has renewed it in the meantime, that one is to be tried.
            if held is None or held.secret == used.secret or self._is_old(held):
                if held is not None and self._clock.monotonic() < self._got + _YOUNG:
                    return None
                held = self._held = self._credential(self._control.token())
            return held

    def _is_old(self, credential: Credential) -> bool:
        return credential.until is not None and self._clock.monotonic() >= credential.until

    def _credential(self, token: Token) -> Credential:
        self._got = self._clock.monotonic()
        left = token.expires - self._clock.time()
        # A moment that is past or too far away was told by a clock that is not ours: then the rule counts.
        lifetime = left if 0 < left <= LIFETIME else LIFETIME
        until = self._got + lifetime * _MARGIN
        return Credential(token.username, token.password, source="Amazon ECR", until=until)
