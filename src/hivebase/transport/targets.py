"""Where a server may send us: the check of every redirect, token realm and upload location.

A registry that we were told to use may be anywhere, also on loopback or in a private network. What *it* names
is untrusted: a public registry must not be able to make this machine ask its own cloud's metadata service or
its neighbours. So a target on another host than the registry's must be public, unless the user configured
that host; it is compared as an address (in every spelling that the C library accepts), and names are checked
again when they are resolved (`hivebase.transport.connections`).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urljoin, urlsplit

from hivebase.errors import UsageError
from hivebase.transport.errors import RefusedTargetError
from hivebase.transport.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Container

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?\Z", re.ASCII)
_INET_ATON = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\Z", re.ASCII)

# Names that mean this machine or its cloud's metadata service; behind a proxy they would be resolved there,
# out of reach of the check of addresses.
_LOCAL_NAMES = frozenset({"localhost", "metadata", "instance-data", "metadata.google.internal"})
_LOCAL_SUFFIXES = (".localhost", ".internal")

# RFC 6052: an IPv4 address in the last 32 bits, which a gateway of the network unwraps.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: whom a credential belongs to. The host is lower-case, IPv6 without brackets."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the origin of ``url``.

        Raises:
            UsageError: not an ``http`` or ``https`` URL with a host and a possible port.
        """
        return cls._parse(url)[0]

    @classmethod
    def _parse(cls, url: str) -> tuple[Self, str]:
        if any(c <= " " or c in "\\\x7f" for c in url):
            raise _bad(url, "it contains a blank, a control character or a backslash")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise _bad(url, str(error)) from None
        if parts.scheme not in _PORTS:
            raise _bad(url, f"the scheme {parts.scheme!r} is not http or https")
        if ":" in host:
            if not _is_ipv6(host):
                raise _bad(url, f"{host!r} is not an IPv6 address")
        elif not _NAME.match(host):
            raise _bad(url, f"{host!r} is not a host name")
        if port == 0:
            raise _bad(url, "port 0 cannot be connected to")
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host, port or _PORTS[parts.scheme]), path or "/"

    @property
    def netloc(self) -> str:
        """``host:port`` as in a URL; the scheme's own port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def normalised(url: str) -> str:
    """Return ``url`` rebuilt from its parsed parts, without user information and fragment.

    What was checked is then what is connected to: no second parser gets to read the original differently.

    Raises:
        UsageError: as `Origin.of`.
    """
    origin, path = Origin._parse(url)  # noqa: SLF001 -- one parse gives both halves
    return f"{origin}{path if path.startswith('/') else '/' + path}"


def joined(base: str, named: str) -> str:
    """Return the absolute URL that a server means by ``named`` in its answer to ``base`` (RFC 3986, 5); unchecked."""
    try:
        return urljoin(base, named)
    except ValueError:
        return named  # as it is, for the check that follows to refuse


def literal_address(host: str) -> Address | None:
    """Return the address that ``host`` spells, as the C library reads it (``2130706433``, ``0x7f.1``)."""
    if ":" in host:
        return ipaddress.IPv6Address(host) if _is_ipv6(host) else None
    if _INET_ATON.match(host):
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    return None


def is_public(address: Address) -> bool:
    """Whether ``address`` is one of the Internet at large; IPv4 inside IPv6 is judged as what it is."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64 or int(address) < 1 << 32:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine, as Docker decides who may speak plain HTTP."""
    address = literal_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def check_target(
    url: str, *, sent_by: Origin, trusted: Container[str], plain: Container[str], what: str = "a redirect"
) -> bool:
    """Decide whether a URL that ``sent_by`` named may be visited.

    Args:
        url: absolute URL.
        sent_by: the server that named it.
        trusted: host names that the user configured (the registry's own included).
        plain: host names that may be spoken to without TLS.
        what: for the message.

    Returns:
        Whether the host's addresses must be public when it is resolved.

    Raises:
        RefusedTargetError: it may not.
    """
    try:
        target = Origin.of(url)
    except UsageError as error:
        raise _refused(url, sent_by, what, error.why) from None
    if sent_by.scheme == "https" and target.scheme == "http" and sent_by.host not in plain:
        raise _refused(url, sent_by, what, "it leads from https to plain http")
    if target.host == sent_by.host or target.host in trusted:
        return False
    address = literal_address(target.host)
    if address is not None and not is_public(address):
        raise _refused(url, sent_by, what, f"{address} is an address of this machine or of a private network")
    name = target.host.rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(_LOCAL_SUFFIXES):
        raise _refused(url, sent_by, what, f"{name} is a name of this machine or of a private network")
    return True


def _is_ipv6(host: str) -> bool:
    try:
        # A zone (fe80::1%eth0) names an interface of this machine: nothing a server may choose.
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _bad(url: str, why: str) -> UsageError:
    return UsageError(f"not a usable URL: {redact(url[:300])!r}", why=redact(why))


def _refused(url: str, sent_by: Origin, what: str, why: str) -> RefusedTargetError:
    return RefusedTargetError(
        f"{sent_by.netloc} sent us {what} to {redact(url[:300])}, which is refused",
        why=redact(why),
        hint="if that host is yours, name it in hivebase.toml: "
        '[registry."host:port"], with insecure = true where it has no TLS',
    )
