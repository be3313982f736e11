"""The tokens of ECR as credentials of registries: got when one is needed, and again when it is old or refused.

A registry that a push is bound to takes tokens only. Any other registry of ECR takes what the user keeps for it (a
login, a credential helper); a token is got where there is nothing, or where that is refused: logins of ECR expire.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hivebase.registry.credentials import Credential, Keychain
from hivebase.registry.ecr.control import Control
from hivebase.registry.ecr.names import parse_host
from hivebase.registry.ecr.settings import EcrSettings
from hivebase.transport.waiting import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hivebase.registry.ecr.control import Token
    from hivebase.transport.waiting import Clock

LIFETIME = 12 * 3600.0
"""Seconds that a token lives (Amazon ECR API, GetAuthorizationToken); temporary AWS credentials make it less."""

_MARGIN = 0.9
"""The part of its life after which a token is not shown any more: what is begun with it has to end with it."""
_ADVICE = "check that the AWS credentials may do this there: docs/how-to/publish-to-ecr.md has the policy"
_YOUNG = 60.0
"""Seconds during which a token that is refused has not expired, but lacks a permission."""


class Tokens:
    """The tokens of one registry. Thread-safe."""

    def __init__(self, control: Control, token: Token | None = None, clock: Clock | None = None) -> None:
        """Prepare.

        Args:
            control: where tokens come from.
            token: one that was got a moment ago.
            clock: the transport's, if it has its own.
        """
        self._control = control
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._got = 0.0
        self._held = None if token is None else self._credential(token)

    def current(self) -> Credential:
        """Return a token that is good for a while.

        Raises:
            HivebaseError: as `Control.token`.
        """
        with self._lock:
            if self._held is None or self._is_old(self._held):
                self._held = self._credential(self._control.token())
            return self._held

    def instead_of(self, used: Credential) -> Credential | None:
        """Return a token in place of ``used``, which is old or was refused; None if another would not help.

        Raises:
            HivebaseError: as `Control.token`.
        """
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
        return Credential(token.username, token.password, source="Amazon ECR", until=until, advice=_ADVICE)


class EcrKeychain(Keychain):
    """The user's credentials, and the tokens of ECR. Thread-safe."""

    def __init__(self, inner: Keychain, bound: Mapping[str, Tokens] | None = None) -> None:
        """Prepare; nothing is asked yet.

        Args:
            inner: the user's credentials.
            bound: registries (``host[:port]``, as in references) that take these tokens, whatever their names.
        """
        self._inner = inner
        self._bound = dict(bound or {})
        self._found: dict[str, Tokens] = {}
        self._lock_found = threading.Lock()

    def find(self, registry: str, repository: str = "") -> Credential | None:
        """Return the credential for ``registry``, as `Keychain.find`; of ECR a token where the user keeps nothing.

        Raises:
            HivebaseError: as `Keychain.find` and `Control.token`.
        """
        if registry in self._bound:
            return self._bound[registry].current()
        kept = self._inner.find(registry, repository)
        tokens = self._tokens(registry) if kept is None else None
        return tokens.current() if tokens is not None else kept

    def renewed(self, registry: str, repository: str, used: Credential) -> Credential | None:
        """Return a credential in place of ``used``, as `Keychain.renewed`; of ECR a new token.

        Raises:
            HivebaseError: as `Control.token`.
        """
        tokens = self._bound.get(registry) or self._tokens(registry)
        if tokens is not None:
            return tokens.instead_of(used)
        return self._inner.renewed(registry, repository, used)

    def paths(self) -> tuple[Path, ...]:
        """Return the files that the user's credentials are looked up in."""
        return self._inner.paths()

    def _tokens(self, registry: str) -> Tokens | None:
        host = parse_host(registry)
        if host is None:
            return None
        with self._lock_found:
            if registry not in self._found:
                settings = EcrSettings(registry, host.region, host.account, "", host.fips)
                self._found[registry] = Tokens(Control(settings))
            return self._found[registry]
