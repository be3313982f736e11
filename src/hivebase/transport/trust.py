"""Which certificates are believed: the host's CA store, as its other programs see it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from hivebase.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

# In this order; the first that is set replaces the system's store, as it does for OpenSSL, requests and curl.
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# A Python that was not built for this distribution looks for its store where there is none.
_SYSTEM_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def context(
    environ: Mapping[str, str], *, extra: Path | None = None, insecure: bool = False
) -> ssl.SSLContext:
    """Return a client context.

    Args:
        environ: where the `CA_VARIABLES` are looked up.
        extra: PEM file of a CA that is believed besides the host's own.
        insecure: whether no certificate is checked at all.

    Raises:
        UsageError: a named file does not exist or holds no certificate.
    """
    made = ssl.create_default_context(ssl.Purpose.SERVER_AUTH) if not _named(environ) else _empty()
    if named := _named(environ):
        _load(made, Path(named[1]), f"{named[0]}={named[1]}")
    elif not made.get_ca_certs() and not _uses_directory():
        for store in filter(Path.is_file, map(Path, _SYSTEM_STORES)):
            made.load_verify_locations(cafile=store)
            break
    if extra is not None:
        _load(made, extra, f"ca = {str(extra)!r}")
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _named(environ: Mapping[str, str]) -> tuple[str, str] | None:
    return next(((name, environ[name]) for name in CA_VARIABLES if environ.get(name)), None)


def _empty() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name by default
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def _uses_directory() -> bool:
    """Whether OpenSSL has a directory, from which it reads each certificate when it needs it."""
    directory = ssl.get_default_verify_paths().capath
    return bool(directory) and any(Path(directory).iterdir())


def _load(made: ssl.SSLContext, path: Path, origin: str) -> None:
    try:
        if path.is_dir():
            made.load_verify_locations(capath=path)
        else:
            made.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"no CA certificates can be read from {path}", where=origin, why=str(error),
            hint="name a file of PEM certificates",
        ) from None  # fmt: skip
