"""Authorisation at one registry: anonymous, Basic, or Bearer tokens (distribution-spec token authentication).

The registry's challenge says which. Tokens are kept by scope until shortly before they expire. A 401 in the
middle of things means that a token expired or that more scope is needed: the scope of the new challenge is
added and one new token is got, once per request. Where passwords expire too (Amazon ECR), another one is asked for.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from hivebase.errors import CorruptContentError, SystemFaultError
from hivebase.registry.challenge import Challenge, parse_challenges
from hivebase.transport import Answer, Origin, Request, Secret, Transport, redact
from hivebase.transport.targets import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.registry.credentials import Credential

_CLIENT = "hivebase"
# The specification's default for tokens that do not say how long they live.
_LIFETIME = 60.0
# Renewed before it expires: by then the request it is made for has begun.
_MARGIN = 0.8


class Authorizer:
    """Makes the ``Authorization`` header for one registry and one credential. Thread-safe."""

    def __init__(
        self,
        transport: Transport,
        origin: Origin,
        credential: Credential | None,
        another: Callable[[Credential], Credential | None] = lambda _: None,
    ) -> None:
        """Prepare.

        Args:
            transport: what a token service is asked through.
            origin: the registry's.
            credential: the user's, if there is one.
            another: returns a credential in place of one that is old or was refused, or None.
        """
        self._transport = transport
        self._origin = origin
        self._credential = credential
        self._another = another
        self._challenge: Challenge | None = None
        self._tokens: dict[frozenset[str], tuple[Secret, float]] = {}
        self._wider: dict[frozenset[str], frozenset[str]] = {}
        self._lock = threading.Lock()

    @property
    def advice(self) -> str:
        """What to do where the credential is refused, if logging in is not it."""
        return self._credential.advice if self._credential is not None else ""

    def learn(self, headers: Mapping[str, str]) -> None:
        """Note what a 401 asks for; the answer to the first, unauthorised question is given here.

        Raises:
            SystemFaultError: it asks for something that nobody here can do.
        """
        challenges = parse_challenges(headers.get("www-authenticate", ""))
        wanted = {challenge.scheme: challenge for challenge in reversed(challenges)}
        chosen = wanted.get("bearer") or wanted.get("basic")
        if chosen is None:
            schemes = ", ".join(sorted(wanted)) or "nothing at all"
            raise SystemFaultError(
                f"{self._origin.netloc} wants an authentication that is not supported",
                why=f"it offers {schemes}",
            )
        self._challenge = chosen

    def header(self, scope: str) -> Secret | None:
        """Return the header for a request that needs ``scope``, or None for an anonymous one.

        Raises:
            SystemFaultError: the registry refuses the credentials, or its token service does not work.
        """
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            credential = self._current()
            if credential is None or credential.identity:
                raise self._refused("it wants a user name and a password, and there are none")
            return Secret.basic(credential.username, credential.secret)
        asked = frozenset(scope.split())
        with self._lock:
            scopes = self._wider.get(asked, asked)
            token, until = self._tokens.get(scopes, (None, 0.0))
            if token is None or self._transport.clock.monotonic() >= until:
                token, lifetime = self._fetch(challenge, scopes)
                self._tokens[scopes] = (token, self._transport.clock.monotonic() + lifetime * _MARGIN)
            return Secret.bearer(token)

    def renew(self, scope: str, used: Secret | None, headers: Mapping[str, str]) -> bool:
        """After a 401: forget the token that was used and note a wider scope.

        Args:
            scope: what the request needed.
            used: the header that was refused.
            headers: of the 401.

        Returns:
            Whether another attempt makes sense: not where a password was refused and there is no other.
        """
        before = self._challenge
        self.learn(headers)
        challenge = self._challenge
        if challenge is None or challenge.scheme != "bearer":
            return (used is None and before is None) or self.replace(used)
        asked = frozenset(scope.split())
        with self._lock:
            scopes = self._wider.get(asked, asked)
            token, _ = self._tokens.get(scopes, (None, 0.0))
            # Another worker may have renewed it in the meantime: then that token is to be tried.
            if token is not None and used == Secret.bearer(token):
                del self._tokens[scopes]
            self._wider[asked] = scopes | frozenset(challenge.parameters.get("scope", "").split())
        return True

    def replace(self, used: Secret | None) -> bool:
        """After a password was refused: take another one. Return whether there is one.

        Args:
            used: the header that was refused.
        """
        with self._lock:
            credential, challenge = self._credential, self._challenge
            if credential is None or used is None or challenge is None or challenge.scheme != "basic":
                return False
            if used == Secret.basic(credential.username, credential.secret):
                other = self._another(credential)
                if other is None:
                    return False
                self._credential = other
            # Else another worker has replaced it in the meantime.
            return True

    def _current(self) -> Credential | None:
        with self._lock:
            held = self._credential
            if held is None or held.until is None or self._transport.clock.monotonic() < held.until:
                return held
            self._credential = self._another(held) or held
            return self._credential

    def _fetch(self, challenge: Challenge, scopes: frozenset[str]) -> tuple[Secret, float]:
        realm = challenge.parameters.get("realm", "")
        url = joined(f"{self._origin}/", realm)
        if not realm:
            raise SystemFaultError(f"{self._origin.netloc} asks for a token and does not say where from")
        guarded = self._transport.check(url, self._origin, "for a token")
        service = challenge.parameters.get("service", "")
        credential = self._credential
        fields = [("service", service)] if service else []
        fields += [("scope", scope) for scope in sorted(scopes)]
        if credential is not None and credential.identity:
            fields = [("service", service), ("scope", " ".join(sorted(scopes)))]
            fields += [("client_id", _CLIENT), ("grant_type", "refresh_token")]
            body = urlencode([*fields, ("refresh_token", credential.secret.reveal())]).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            request = Request("POST", url, headers, body=body, public_only=guarded)
        else:
            basic = Secret.basic(credential.username, credential.secret) if credential else None
            query = urlencode(fields, quote_via=quote)
            url = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
            request = Request("GET", url, {"Accept": "application/json"}, basic, public_only=guarded)
        answer = self._transport.ask(request, self._transport.limits.token)
        if answer.status in {400, 401, 403}:
            raise self._refused(f"its token service at {Origin.of(url).netloc} answered {answer.status}")
        if answer.status != 200:
            raise SystemFaultError(
                f"the token service of {self._origin.netloc} does not work",
                why=f"{redact(url)} answered {answer.status}",
                hint="try later",
            )
        return _token(answer, self._origin)

    def _refused(self, why: str) -> SystemFaultError:
        credential = self._credential
        if credential is None:
            hint = f"log in first: hivebase login {self._origin.netloc}"
        else:
            again = f"log in again: hivebase login {self._origin.netloc}"
            hint = f"{credential.advice or again} (those of {credential.source} were used)"
        return AuthenticationError(f"{self._origin.netloc} refuses access", why=why, hint=hint)


class AuthenticationError(SystemFaultError):
    """The registry was reached and refuses the credentials, or their absence."""

    code = "authentication"


def _token(answer: Answer, origin: Origin) -> tuple[Secret, float]:
    from hivebase.oci import strict_json  # noqa: PLC0415 -- only where a token is got

    what = f"the token of {origin.netloc}"
    try:
        document: Any = strict_json.loads(answer.body, what=what)
    except CorruptContentError as error:
        raise SystemFaultError(error.what, why=error.why) from None
    fields = document if isinstance(document, dict) else {}
    token = fields.get("token") or fields.get("access_token")
    if not isinstance(token, str) or not token.isascii() or any(c <= " " for c in token):
        raise SystemFaultError(f"{what} is not one", why="its token service answered something else")
    seconds = fields.get("expires_in")
    lifetime = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else _LIFETIME
    return Secret(token), lifetime
