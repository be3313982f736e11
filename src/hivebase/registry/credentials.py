"""The user's registry credentials, found where docker, podman and skopeo keep them.

Files, in the order of containers/image (``pkg/docker/config``): the one that ``REGISTRY_AUTH_FILE`` names,
and only that, if it is set; else ``DOCKER_CONFIG/config.json`` if that is set; then
``XDG_RUNTIME_DIR/containers/auth.json`` (or ``/run/containers/UID/auth.json``),
``XDG_CONFIG_HOME/containers/auth.json`` and ``~/.docker/config.json``. The first file that has something for
the registry wins.

Within a file the most specific key wins: ``host/namespace/repository``, ``host/namespace``, ``host``. A key
without a port is not for other ports. Docker's old keys with a scheme and a path (``https://host/v1/``) mean
the host. Docker Hub's names all mean the same registry.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hivebase.errors import UsageError
from hivebase.reference import DEFAULT_REGISTRY
from hivebase.registry import credentials_file, helpers
from hivebase.registry.settings import HUB_NAMES
from hivebase.transport import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IDENTITY = "<token>"
"""The user name with which a helper marks an identity token."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What to show a registry: user name and password, or an identity token.

    Attributes:
        identity: whether ``secret`` is a token to be exchanged (OAuth 2 refresh token), not a password.
        source: the file or helper it came from, for messages.
        until: moment of the monotonic clock after which another is to be asked for (`Keychain.renewed`), or None.
        advice: what to do where it is refused, if logging in is not it.
    """

    username: str
    secret: Secret
    identity: bool = False
    source: str = ""
    until: float | None = None
    advice: str = ""


class Keychain:
    """Looks credentials up; each file is read once per object."""

    def __init__(
        self, environ: Mapping[str, str] | None = None, *, helper_seconds: float = helpers.SECONDS
    ) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self._helper_seconds = helper_seconds
        self._documents: dict[Path, Mapping[str, Any]] = {}

    def find(self, registry: str, repository: str = "") -> Credential | None:
        """Return the credential for ``registry`` (as in references) and ``repository``, or None.

        Raises:
            UsageError: a configuration file cannot be understood.
            SystemFaultError: a credential helper does not work.
        """
        registry = DEFAULT_REGISTRY if registry in HUB_NAMES else registry
        for path in self.paths():
            found = self._in_file(path, registry, repository)
            if found is not None:
                return found
        return None

    def renewed(self, registry: str, repository: str, used: Credential) -> Credential | None:
        """Return another credential than ``used``, which was refused or is old, or None if there is no other.

        Files and helpers say the same every time, so here there is none.
        """
        del registry, repository, used
        return None

    def paths(self) -> tuple[Path, ...]:
        """Return the files that are looked at, most important first."""
        environ = self._environ
        if named := environ.get("REGISTRY_AUTH_FILE"):
            return (Path(named),)
        home = Path(environ.get("HOME") or Path.home())
        runtime = environ.get("XDG_RUNTIME_DIR")
        run = Path(runtime) / "containers" if runtime else Path("/run/containers") / str(os.getuid())
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "containers"
        docker = environ.get("DOCKER_CONFIG")
        paths = [run / "auth.json", config / "auth.json"]
        return tuple(
            [Path(docker) / "config.json", *paths] if docker else [*paths, home / ".docker" / "config.json"]
        )

    def _in_file(self, path: Path, registry: str, repository: str) -> Credential | None:
        document = self._read(path)
        named = credentials_file.table(document, "credHelpers", path)
        auths = credentials_file.table(document, "auths", path)
        for key in _keys(registry, repository):
            if (helper := credentials_file.lookup(named, key)) is not None:
                server, name = helper
                if found := self._helped(name, server, path):
                    return found
                continue
            if (entry := credentials_file.lookup(auths, key)) is not None and (
                found := _entry(entry[1], entry[0], path)
            ):
                return found
        # Docker asks one helper for a registry: its own, or else the one for all.
        if (store := document.get("credsStore")) and credentials_file.lookup(named, registry) is None:
            return self._helped(store, credentials_file.store_key(registry), path)
        return None

    def _helped(self, name: object, server: str, path: Path) -> Credential | None:
        name = credentials_file.helper_name(name, path)
        answer = helpers.ask(name, server, self._environ, where=str(path), seconds=self._helper_seconds)
        if answer is None:
            return None
        user, secret = answer
        source = f"docker-credential-{name}"
        return Credential("" if user == IDENTITY else user, secret, identity=user == IDENTITY, source=source)

    def _read(self, path: Path) -> Mapping[str, Any]:
        if path not in self._documents:
            self._documents[path] = credentials_file.load(path)
        return self._documents[path]


def _keys(registry: str, repository: str) -> Iterator[str]:
    parts = [registry, *filter(None, repository.split("/"))]
    for length in range(len(parts), 0, -1):
        yield "/".join(parts[:length])


def _entry(entry: object, key: str, path: Path) -> Credential | None:
    """Return the credential of one ``auths`` entry; None for the empty entries that helpers leave behind."""
    if not isinstance(entry, dict):
        raise UsageError(f"the entry for {key[:200]!r} is not a JSON object", where=str(path))
    texts = {name: entry.get(name) or "" for name in ("auth", "identitytoken", "username", "password")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise UsageError(f"the entry for {key[:200]!r} has values that are not strings", where=str(path))
    username, password = texts["username"], texts["password"]
    if texts["auth"]:
        try:
            Secret(texts["auth"])  # known from here on, should it turn up in a message
            pair = base64.b64decode(texts["auth"], validate=True).decode()
        except ValueError:
            raise UsageError(
                f"the entry for {key[:200]!r} is not base64 of user:password",
                where=str(path),
                hint="log in again",
            ) from None
        username, separator, password = pair.partition(":")
        password = password.rstrip("\0")  # as docker does
        if not separator:
            raise UsageError(
                f"the entry for {key[:200]!r} has no user:password", where=str(path), hint="log in again"
            )
    if texts["identitytoken"]:
        return Credential(username, Secret(texts["identitytoken"]), identity=True, source=str(path))
    if not username and not password:
        return None
    return Credential(username, Secret(password), source=str(path))
