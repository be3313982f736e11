"""Requests to one repository, with the authorisation that it asks for."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from hivebase.registry.auth import AuthenticationError, Authorizer
from hivebase.registry.endpoint import reason
from hivebase.transport import Answer, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hivebase.registry.credentials import Keychain
    from hivebase.registry.endpoint import Endpoint
    from hivebase.transport import Origin, Secret, Transport

R = TypeVar("R", Answer, Response)


class Repository:
    """A repository of a registry.

    Attributes:
        name: as the registry knows it, ``library/`` and a mirror's prefix included.
        registry: as it is written in references; what credentials are looked up by.
    """

    def __init__(self, endpoint: Endpoint, registry: str, name: str, keychain: Keychain) -> None:
        self.name = name
        self.registry = registry
        self._endpoint = endpoint
        self._keychain = keychain
        self._authorizer: Authorizer | None = None
        self._lock = threading.Lock()

    @property
    def transport(self) -> Transport:
        """What the requests go through."""
        return self._endpoint.transport

    @property
    def origin(self) -> Origin:
        """The registry's origin; connects if nobody has yet."""
        return self._endpoint.connect()[0]

    @property
    def pull_scope(self) -> str:
        """The token scope that reading needs."""
        return f"repository:{self.name}:pull"

    def ask(self, method: str, path: str, headers: Mapping[str, str], *, limit: int) -> Answer:
        """Send a request for ``path`` below the repository and return the small answer.

        Raises:
            AuthenticationError: the registry does not accept the credentials, or wants some.
            NoAnswerError: no answer came.
            SystemFaultError: the answer is too long or redirects do not end.
        """

        def send(request: Request) -> Answer:
            return self.transport.ask(request, limit)

        answer = self._authorised(send, method, path, headers)
        if answer.status in {401, 403}:
            raise self._denied(answer)
        return answer

    def open(self, method: str, path: str, headers: Mapping[str, str]) -> Response:
        """Send a request once and return the answer with its body unread; as `Transport.open`.

        Raises:
            AuthenticationError: the registry does not accept the credentials, or wants some.
        """
        response = self._authorised(self.transport.open, method, path, headers)
        if response.status in {401, 403}:
            with response:
                body = self.transport.excerpt(response)
            raise self._denied(Answer(response.status, response.headers, body, response.url))
        return response

    def _authorised(
        self, send: Callable[[Request], R], method: str, path: str, headers: Mapping[str, str]
    ) -> R:
        authorizer, url = self._authorise(), f"{self.origin}/v2/{self.name}/{path}"
        used: Secret | None = authorizer.header(self.pull_scope)
        reply = send(Request(method, url, headers, used))
        if reply.status != 401:
            return reply
        with ExitStack() as unread:
            if isinstance(reply, Response):
                unread.enter_context(reply)
            if not authorizer.renew(self.pull_scope, used, reply.headers):
                unread.pop_all()
                return reply
        return send(Request(method, url, headers, authorizer.header(self.pull_scope)))

    def _authorise(self) -> Authorizer:
        with self._lock:
            if self._authorizer is None:
                origin, challenge = self._endpoint.connect()
                credential = self._keychain.find(self.registry, self.name)
                self._authorizer = Authorizer(self.transport, origin, credential)
                if challenge is not None:
                    self._authorizer.learn(challenge)
            return self._authorizer

    def _denied(self, answer: Answer) -> AuthenticationError:
        return AuthenticationError(
            f"{self.registry} does not let us read {self.name}, or has no such repository",
            why=reason(answer),
            hint=f"check the name; if it is private, log in: docker login {self.registry} (or podman login)",
        )
