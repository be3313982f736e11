"""Which proxy leads to a server: the environment's ``*_PROXY`` variables, read as Docker (Go) reads them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

import msgspec

from hivebase.errors import UsageError
from hivebase.transport.secrets import Secret
from hivebase.transport.targets import Origin, is_loopback, literal_address, normalised

if TYPE_CHECKING:
    from collections.abc import Mapping


class Proxy(msgspec.Struct, frozen=True):
    """A proxy: its URL without user information, and the header that authorises us to it."""

    url: str
    authorization: Secret | None = None


class Proxies(msgspec.Struct, frozen=True):
    """The proxy settings of a process.

    Attributes:
        http: for ``http`` URLs.
        https: for ``https`` URLs.
        excluded: the entries of ``NO_PROXY``, lower-case.
    """

    http: Proxy | None = None
    https: Proxy | None = None
    excluded: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``; lower-case spellings win.

        Raises:
            UsageError: a proxy's URL cannot be used; the variable is named, its password is not.
        """

        def read(*names: str) -> tuple[str, str]:
            spellings = [spelling for name in names for spelling in (name.lower(), name)]
            return next(((s, environ[s].strip()) for s in spellings if environ.get(s, "").strip()), ("", ""))

        return cls(
            http=_proxy(*read("HTTP_PROXY", "ALL_PROXY")),
            https=_proxy(*read("HTTPS_PROXY", "ALL_PROXY")),
            excluded=tuple(
                entry.strip().lower() for entry in read("NO_PROXY")[1].split(",") if entry.strip()
            ),
        )

    def for_origin(self, origin: Origin) -> Proxy | None:
        """Return the proxy that leads to ``origin``, or None for a direct connection."""
        proxy = self.https if origin.scheme == "https" else self.http
        if proxy is None or is_loopback(origin.host):
            return None
        return None if any(_excludes(entry, origin) for entry in self.excluded) else proxy


def _proxy(variable: str, text: str) -> Proxy | None:
    if not text:
        return None
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        plain = str(Origin.of(url))
    except (UsageError, ValueError) as error:
        why = error.why if isinstance(error, UsageError) else str(error)
        raise UsageError(
            f"{variable} does not name a usable proxy: {url.rpartition('@')[2]!r}",
            why=why,
            hint="set it to http://host:port (SOCKS proxies are not supported), or unset it",
        ) from None
    authorization = None
    if parts.username:
        password = Secret(unquote(parts.password or ""))
        authorization = Secret.basic(unquote(parts.username), password)
    return Proxy(normalised(plain), authorization)


def _excludes(entry: str, origin: Origin) -> bool:
    """Whether one ``NO_PROXY`` entry covers ``origin``: ``*``, address, network, or name and below."""
    if entry == "*":
        return True
    if "/" in entry:
        address = literal_address(origin.host)
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, port = _split_port(entry)
    if port and port != str(origin.port):
        return False
    address = literal_address(origin.host)
    if address is not None:
        return literal_address(name) == address
    host = origin.host.rstrip(".")
    # Go: "corp.example" covers itself and its subdomains, ".corp.example" and "*.corp.example" only those.
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    return entry, ""
