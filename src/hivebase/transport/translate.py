"""urllib3's and the socket's errors in plain words, and whether to try again."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING, TypeVar

from urllib3 import exceptions

from hivebase.errors import HivebaseError, SystemFaultError
from hivebase.transport.errors import Cause, NoAnswerError
from hivebase.transport.secrets import redact

if TYPE_CHECKING:
    from hivebase.transport.targets import Origin

_NEXT: dict[Cause, str] = {
    "name": "check the name and the network; behind a proxy, set HTTPS_PROXY",
    "connect": "check that the server runs and that the network leads there; behind a proxy, set HTTPS_PROXY",
    "timeout": "check the network; behind a proxy, set HTTPS_PROXY",
    "certificate": "give the CA of the host with SSL_CERT_FILE, or of this one server in hivebase.toml: "
    '[registry."host:port"] ca = "file.pem"',
    "tls": 'if the server speaks plain HTTP, say so in hivebase.toml: [registry."host:port"] insecure = true',
    "proxy": "check the proxy variables, or exclude the host with NO_PROXY",
    "cut": "try again",
    "intercepted": "check proxy and firewall",
}

_NOT_TLS = "what it answered is not TLS"
_PLAIN_HTTP = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"})

E = TypeVar("E", bound=BaseException)

_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}[^'\"]*)")


def translate(error: Exception, origin: Origin, proxy: str) -> tuple[HivebaseError, bool]:
    """Return our error for ``error``, and whether another attempt may succeed.

    Args:
        error: what urllib3, ssl or the socket raised.
        origin: who was spoken to.
        proxy: URL of the proxy in between, or empty.
    """
    chain = list(_causes(error))
    if tunnel := next((m for e in chain if (m := _TUNNEL.search(str(e)))), None):
        status = tunnel[1].strip()
        text = f"the proxy {proxy} does not let us through to {origin.netloc}"
        return _fault(text, "proxy", f"it answered {status}"), status[:1] == "5"
    peer = f"the proxy {proxy} on the way to {origin.netloc}" if _at_proxy(chain) else origin.netloc
    if certificate := _first(chain, ssl.SSLCertVerificationError):
        why = f"{certificate.verify_message or certificate.reason}"
        return _fault(f"the certificate of {peer} is not to be trusted", "certificate", why), False
    if name := _first(chain, socket.gaierror):
        text = f"the name of {peer} cannot be resolved"
        return _fault(text, "name", name.strerror or str(name)), name.errno == socket.EAI_AGAIN
    # In urllib3 every failed connection is a kind of connect time-out, so the order matters.
    if new := _first(chain, exceptions.NewConnectionError):
        reason = new.__cause__ or new
        return _fault(f"no connection to {peer}", "connect", _plain(reason)), True
    if _first(chain, exceptions.ConnectTimeoutError):
        return _fault(f"{peer} does not answer", "timeout", "no connection within the time-out"), True
    if _first(chain, TimeoutError, exceptions.ReadTimeoutError):
        return _fault(f"{peer} stopped answering", "timeout", "nothing came within the time-out"), True
    if tls := _first(chain, ssl.SSLError):
        why = _NOT_TLS if tls.reason in _PLAIN_HTTP else tls.reason or str(tls)
        return _fault(f"no TLS connection to {peer}", "tls", why), why != _NOT_TLS
    if _first(chain, exceptions.ProtocolError, OSError):
        return _fault(f"{peer} closed the connection", "cut", _plain(chain[-1])), True
    return SystemFaultError(
        f"the request to {peer} failed", why=redact(f"{type(error).__name__}: {error}")
    ), False


def _fault(what: str, cause: Cause, why: str) -> NoAnswerError:
    return NoAnswerError(redact(what), cause=cause, why=redact(why), hint=_NEXT[cause])


def _causes(error: BaseException) -> list[BaseException]:
    """Return ``error`` and what it was made from, outermost first."""
    found: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        current = queue.pop(0)
        if isinstance(current, BaseException) and current not in found:
            found.append(current)
            queue += [getattr(current, "original_error", None), getattr(current, "reason", None)]
            queue += [*current.args, current.__cause__, current.__context__]
    return found


def _first(chain: list[BaseException], *kinds: type[E]) -> E | None:
    return next((error for error in chain if isinstance(error, kinds)), None)


def _at_proxy(chain: list[BaseException]) -> bool:
    return any(isinstance(error, exceptions.ProxyError) for error in chain)


def _plain(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
