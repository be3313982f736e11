"""Requests to one repository, with the authorisation that it asks for."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from hivebase.registry.auth import AuthenticationError, Authorizer
from hivebase.registry.endpoint import reason
from hivebase.transport import Answer, Origin, Request, Response
from hivebase.transport.waiting import RETRIED_STATUSES
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.registry.credentials import Credential, Keychain
    from hivebase.registry.endpoint import Endpoint
    from hivebase.transport import Body, Secret, Transport

R = TypeVar("R", Answer, Response)


class Repository:
    """A repository of a registry.

    Attributes:
        name: as the registry knows it, ``library/`` and a mirror's prefix included.
        registry: as it is written in references; what credentials are looked up by.
        scope: the token scope that everything here needs.
    """

    def __init__(
        self, endpoint: Endpoint, registry: str, name: str, keychain: Keychain, *, push: bool = False
    ) -> None:
        self.name = name
        self.registry = registry
        self.scope = f"repository:{name}:{'pull,push' if push else 'pull'}"
        self._push = push
        self._endpoint = endpoint
        self._keychain = keychain
        self._authorizer: Authorizer | None = None
        self._lock = threading.Lock()

    @property
    def transport(self) -> Transport:
        """What the requests go through."""
        return self._endpoint.transport

    @property
    def chunks(self) -> bool:
        """Whether the registry takes a blob in several pieces."""
        return self._endpoint.traits.chunks

    @property
    def mounts_unnamed(self) -> bool:
        """Whether a blob can be mounted from here before a manifest names it."""
        return self._endpoint.traits.mounts_unnamed

    def pace_manifest(self) -> None:
        """Wait until the registry may be sent another manifest."""
        if self._endpoint.manifests is not None:
            self._endpoint.manifests.wait()

    @property
    def origin(self) -> Origin:
        """The registry's origin; connects if nobody has yet."""
        return self._endpoint.connect()[0]

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        limit: int,
        body: bytes | None = None,
        more_scope: str = "",
    ) -> Answer:
        """Send a request for ``path`` below the repository and return the small answer.

        Tried again after 429, 5xx and broken connections, so it must do no harm twice.

        Args:
            method: of HTTP.
            path: below ``/v2/<name>/``.
            headers: besides the authorisation.
            limit: bytes that the body of a success may have.
            body: to send.
            more_scope: token scopes that this request needs besides those of the repository.

        Raises:
            AuthenticationError: the registry does not accept the credentials, or wants some.
            NoAnswerError: no answer came.
            SystemFaultError: the answer is too long or redirects do not end.
        """

        def send(request: Request) -> Answer:
            return self.transport.ask(request, limit)

        return self.allowed(
            self._authorised(send, Request(method, self.url(path), headers, body=body), more_scope)
        )

    def try_to(self, method: str, path: str, more_scope: str) -> Answer:
        """Send a request as `ask` does; an answer of 401 or 403 is returned as well."""

        def send(request: Request) -> Answer:
            return self.transport.ask(request, self.transport.limits.error_body)

        return self._authorised(send, Request(method, self.url(path)), more_scope)

    def open(self, method: str, path: str, headers: Mapping[str, str]) -> Response:
        """Send a request once and return the answer with its body unread; as `Transport.open`.

        Raises:
            AuthenticationError: the registry does not accept the credentials, or wants some.
        """
        response = self._authorised(self.transport.open, Request(method, self.url(path), headers))
        if response.status in {401, 403}:
            with response:
                body = self.transport.excerpt(response)
            raise self._denied(Answer(response.status, response.headers, body, response.url))
        return response

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None, *, patience: float
    ) -> Answer:
        """Send a request once to a URL that the registry gave, and return the small answer.

        Args:
            method: of HTTP.
            url: absolute; the authorisation is sent to the registry's own origin only.
            headers: besides the authorisation.
            body: what to send.
            patience: seconds until the answer must have begun, once the body is sent.

        Raises:
            Retry: the connection broke, or the registry asks to try again.
            AuthenticationError: the registry does not accept the credentials, or wants some; another host's refusal,
                to which none were sent, is an answer like any other.
            RefusedTargetError: the registry sent us where it must not.
            NoAnswerError: there is no way there.
        """
        transport = self.transport
        guarded = transport.check(url, self.origin, "to upload")
        own = Origin.of(url) == self.origin
        request = Request(method, url, headers, body=body, public_only=guarded, patience=patience)

        def send(request: Request) -> Answer:
            with transport.open(request) as response:
                content = transport.excerpt(response)
                return Answer(response.status, response.headers, content, response.url)

        answer = self._authorised(send, request) if own else send(request)
        if answer.status in RETRIED_STATUSES:
            raise transport.retry_status(answer.status, answer.headers, answer.url)
        return self.allowed(answer) if own else answer

    def url(self, path: str) -> str:
        """Return the URL of ``path`` below the repository."""
        return f"{self.origin}/v2/{self.name}/{path}"

    def allowed(self, answer: Answer) -> Answer:
        """Return ``answer``.

        Raises:
            AuthenticationError: it is a refusal.
        """
        if answer.status in {401, 403}:
            raise self._denied(answer)
        return answer

    def _authorised(self, send: Callable[[Request], R], request: Request, more_scope: str = "") -> R:
        authorizer, scope = self._authorise(), f"{self.scope} {more_scope}".rstrip()
        used: Secret | None = authorizer.header(scope)
        reply = send(replace(request, authorization=used))
        if reply.status not in {401, 403}:
            return reply
        with ExitStack() as unread:
            if isinstance(reply, Response):
                unread.enter_context(reply)
            # A password that has expired is refused with 403 by Amazon ECR.
            again = (
                authorizer.renew(scope, used, reply.headers)
                if reply.status == 401
                else authorizer.replace(used)
            )
            if not again:
                unread.pop_all()
                return reply
        return send(replace(request, authorization=authorizer.header(scope)))

    def _authorise(self) -> Authorizer:
        with self._lock:
            if self._authorizer is None:
                origin, challenge = self._endpoint.connect()
                credential = self._keychain.find(self.registry, self.name)

                def another(used: Credential) -> Credential | None:
                    return self._keychain.renewed(self.registry, self.name, used)

                self._authorizer = Authorizer(self.transport, origin, credential, another)
                if challenge is not None:
                    self._authorizer.learn(challenge)
            return self._authorizer

    def _denied(self, answer: Answer) -> AuthenticationError:
        act = "write to" if self._push else "read"
        other = "the user may lack the right to push" if self._push else "if it is private, log in"
        advice = self._authorizer.advice if self._authorizer is not None else ""
        return AuthenticationError(
            f"{self.registry} does not let us {act} {self.name}, or has no such repository",
            why=reason(answer),
            hint=f"check the name; {advice or f'{other}: hivebase login {self.registry}'}",
        )
