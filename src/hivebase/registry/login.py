"""Logging in to a registry: a user name and a password that it accepts, kept where they will be found again.

Where they are kept is where whoever logs in expects them, and always a place that `Keychain` looks at before any other
that has something for the registry:

1. the file that ``REGISTRY_AUTH_FILE`` names (podman, skopeo), or ``DOCKER_CONFIG/config.json`` (docker), if set;
2. else the first of `Keychain.paths` that exists and can be written: of podman's, then of Docker's;
3. else ``~/.docker/config.json``, which is made.

If that file says that a credential helper keeps the passwords of the registry, it gets them, and the file does not.
Files are written for their user alone, whole or not at all, and nothing else in them is changed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import SystemFaultError, UsageError
from hivebase.reference import DEFAULT_REGISTRY
from hivebase.registry import credentials_file, helpers
from hivebase.registry.auth import AuthenticationError, Authorizer
from hivebase.registry.credentials import IDENTITY, Credential, Keychain
from hivebase.registry.endpoint import Endpoint, reaching, reason
from hivebase.registry.settings import HUB_NAMES, check_host, connected_host
from hivebase.transport import Request, Secret, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LONGEST = 16 << 10
"""Characters of the longest password: a key file in JSON, as Google's registry takes it, has two thousand."""


class Place(msgspec.Struct, frozen=True):
    """Where credentials of one registry are kept.

    Attributes:
        path: the file.
        helper: the credential helper that the file names for it, without ``docker-credential-``, or empty.
        server: what the registry is called there.
    """

    path: Path
    helper: str = ""
    server: str = ""

    def __str__(self) -> str:
        return f"docker-credential-{self.helper}" if self.helper else str(self.path)


class LoggedIn(msgspec.Struct, frozen=True):
    """What a login came to.

    Attributes:
        registry: as in references.
        username: of the user.
        place: where the password is.
        checked: whether the registry looked at it; some ask for a password only where something is written.
    """

    registry: str
    username: str
    place: Place
    checked: bool


class Login:
    """A login that is about to happen: everything that can be wrong before a password is known has been looked at."""

    def __init__(
        self,
        registry: str,
        *,
        environ: Mapping[str, str] | None = None,
        helper_seconds: float = helpers.SECONDS,
    ) -> None:
        """Find out where the credentials will be kept.

        Args:
            registry: ``host[:port]``, as in references.
            environ: says where the user's files are; the process's own if None.
            helper_seconds: how long a credential helper may take.

        Raises:
            UsageError: ``registry`` is something else, or a file cannot be understood.
            SystemFaultError: no file that would be found can be written.
        """
        self.registry = _name(registry)
        self._environ = dict(os.environ if environ is None else environ)
        self._helper_seconds = helper_seconds
        self.place = _place(self.registry, self._environ)

    def run(self, username: str, password: Secret, transport: Transport) -> LoggedIn:
        """Let the registry look at the credentials, then keep them.

        Raises:
            UsageError: they cannot be a user name and a password.
            AuthenticationError: the registry refuses them; nothing is kept.
            RegistryUnreachableError: it could not be asked; nothing is kept.
            SystemFaultError: it does not work, or nothing could be written.
        """
        _check(username, password)
        checked = _accepted(self.registry, Credential(username, password), transport)
        place, entry = self.place, {"auth": _pair(username, password)}
        if place.helper:
            helpers.store(
                place.helper,
                place.server,
                (username, password),
                self._environ,
                where=str(place.path),
                seconds=self._helper_seconds,
            )
            entry = {}
        credentials_file.put(place.path, self.registry, entry)
        return LoggedIn(self.registry, username, place, checked)


def logout(
    registry: str, *, environ: Mapping[str, str] | None = None, helper_seconds: float = helpers.SECONDS
) -> tuple[Place, ...]:
    """Remove the credentials of a registry from every place where `Keychain` would find them.

    Credentials of single namespaces of the registry stay.

    Args:
        registry: ``host[:port]``, as in references.
        environ: says where the user's files are; the process's own if None.
        helper_seconds: how long a credential helper may take.

    Returns:
        The places that had some.

    Raises:
        UsageError: ``registry`` is something else, or a file cannot be understood.
        SystemFaultError: a file cannot be written, or a helper does not work.
    """
    registry = _name(registry)
    known = dict(os.environ if environ is None else environ)
    found = []
    for path in Keychain(known).paths():
        document = credentials_file.load(path)
        if helper := credentials_file.helper_for(document, registry, path):
            name, server = helper
            if helpers.ask(name, server, known, where=str(path), seconds=helper_seconds) is not None:
                helpers.erase(name, server, known, where=str(path), seconds=helper_seconds)
                found.append(Place(path, name, server))
        if credentials_file.remove(path, registry):
            found.append(Place(path))
    return tuple(found)


def _name(registry: str) -> str:
    check_host(registry)
    return DEFAULT_REGISTRY if registry in HUB_NAMES else registry


def _place(registry: str, environ: Mapping[str, str]) -> Place:
    paths = Keychain(environ).paths()
    chosen = bool(environ.get("REGISTRY_AUTH_FILE") or environ.get("DOCKER_CONFIG"))
    for path in paths[:1] if chosen else paths:
        if not path.exists():
            continue
        document = credentials_file.load(path)
        entries = credentials_file.table(document, "auths", path)
        helper = credentials_file.helper_for(document, registry, path)
        if chosen or _writable(path):
            return Place(path, *helper) if helper else Place(path)
        if helper or credentials_file.spellings(entries, registry):
            raise SystemFaultError(
                f"the credentials for {registry} cannot be replaced",
                where=str(path),
                why="they are in this file, which cannot be written",
                hint="name another file with REGISTRY_AUTH_FILE",
            )
    return Place(paths[0] if chosen else paths[-1])


def _writable(path: Path) -> bool:
    # A file is replaced, not overwritten: what counts is the directory that it is in, not in which it is linked.
    return os.access(path.resolve().parent, os.W_OK)


def _check(username: str, password: Secret) -> None:
    problem = ""
    if not username or ":" in username or any(c < " " or c == "\x7f" for c in username):
        problem = "a user name has no colon and no control characters"
    elif username == IDENTITY:
        problem = f"{IDENTITY} is what helpers call a token that was not made by hand"
    elif not password or "\0" in password.reveal():
        problem = "a password is not empty and has no NUL"
    elif len(password.reveal()) > LONGEST:
        problem = f"a password has at most {LONGEST} characters"
    if problem:
        raise UsageError("not a user name and a password", why=problem)


def _accepted(registry: str, credential: Credential, transport: Transport) -> bool:
    """Tell whether the registry has looked at the credential; if it was asked for it, it has accepted it."""
    with reaching(registry):
        origin, challenge = Endpoint(transport, connected_host(registry)).connect()
        if challenge is None:
            return False
        authorizer = Authorizer(transport, origin, credential)
        authorizer.learn(challenge)
        try:
            header = authorizer.header("")
        except AuthenticationError as error:
            raise _refused(registry, error.why) from None
        answer = transport.ask(
            Request("GET", f"{origin}/v2/", authorization=header), transport.limits.manifest
        )
    if answer.status in {401, 403}:
        raise _refused(registry, reason(answer))
    if answer.status != 200:
        raise SystemFaultError(f"{registry} does not work", why=reason(answer), hint="try later")
    return True


def _refused(registry: str, why: str) -> AuthenticationError:
    return AuthenticationError(
        f"{registry} refuses the user name or the password, so they were not kept",
        why=why,
        hint="check both; where accounts have a second factor, registries want an access token",
    )


def _pair(username: str, password: Secret) -> str:
    """Return base64 of ``user:password``: the same in the files as in HTTP Basic."""
    return Secret.basic(username, password).reveal().removeprefix("Basic ")
