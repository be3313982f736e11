"""How uv sees the host when it resolves for us: as it does for a RUN (``layers.sandbox.host_pip``, ``host_uv``).

uv reads its own configuration by itself. Where that names no index, what pip is told of indexes counts: a host
that has only a ``pip.conf`` must not need a second file to say the same. What decides *which* versions are taken
(a constraint file, say) is left out: the same hive must resolve alike on all machines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from hivebase.layers.sandbox.host_pip import CERTIFICATE, pip_settings
from hivebase.layers.sandbox.host_uv import uv_variables
from hivebase.layers.sandbox.remap import LocalDirectories
from hivebase.plan.keys import fingerprint
from hivebase.transport import Origin, Secret
from hivebase.transport.trust import CA_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hivebase.plan.wheels import Request

_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")

_CHANGES = """
UV_CONSTRAINT UV_OVERRIDE UV_EXCLUDE UV_BUILD_CONSTRAINT UV_PRERELEASE UV_RESOLUTION UV_FORK_STRATEGY
UV_TORCH_BACKEND UV_NO_BINARY UV_NO_BINARY_PACKAGE UV_NO_BUILD_PACKAGE UV_CUSTOM_COMPILE_COMMAND UV_NO_DEPS
UV_PYTHON UV_SYSTEM_PYTHON UV_PROJECT UV_WORKING_DIR UV_PROJECT_ENVIRONMENT UV_ENV_FILE UV_OFFLINE
UV_REQUIRE_HASHES UV_NO_SOURCES UV_QUIET UV_VERBOSE
VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV PYTHONPATH PYTHONHOME RUST_LOG
"""
_DROPPED = frozenset(_CHANGES.split())
"""Variables that would change what is resolved, or for which interpreter."""

_SYSTEM_STORES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/ssl/cert.pem",
)

_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})


NONE: Mapping[Origin, str] = MappingProxyType({})
"""No credentials."""


@dataclass(frozen=True, slots=True)
class UvHost:
    """What uv is started with.

    Attributes:
        environ: its whole environment. Downloads of what it finds go the same way (``Transport(environ=…)``).
        no_index: pip is told to use no index.
        credentials: user information by origin, as URLs have it; uv leaves it out of what it prints.
        key: digest of all that decides where packages come from.
    """

    environ: Mapping[str, str] = field(repr=False)
    no_index: bool = False
    credentials: Mapping[Origin, str] = field(default_factory=dict, repr=False)
    key: str = ""

    def with_credentials(self, url: str, more: Mapping[Origin, str] = NONE) -> str:
        """Return ``url`` with the user information that the configuration, or ``more``, has for its origin."""
        if not url.startswith(("http://", "https://")) or urlsplit(url).username is not None:
            return url
        origin = Origin.of(url)
        user = more.get(origin) or self.credentials.get(origin)
        scheme, _, rest = url.partition("://")
        return f"{scheme}://{user}@{rest}" if user else url


def uv_host(environ: Mapping[str, str], root: Path = Path("/")) -> UvHost:
    """Read the host's configuration.

    Args:
        environ: of the user who builds.
        root: where ``etc`` is.

    Raises:
        UsageError: a configuration file cannot be parsed.
    """
    home = Path(environ.get("HOME") or "/root")
    own = uv_variables(environ, home, root, _AsTheyAre(home))
    pip = pip_settings(environ, home, root)
    # The order in which `pip install` reads its sections.
    settings = {**pip.get("global", {}), **pip.get("install", {})}
    added = _certificates(environ, root, settings)
    added.update(_ways(environ, settings))
    no_index = False
    if not any(own.get(name) for name in _INDEXES):
        added.update(_indexes(environ, settings))
        no_index = settings.get("no-index", "").strip().lower() in _TRUE
    kept = {name: value for name, value in environ.items() if name not in _DROPPED}
    whole = {"HOME": str(home), **kept, **added}
    sources = {**own, **{name: whole[name] for name in _INDEXES if whole.get(name)}}
    return UvHost(
        whole,
        no_index,
        dict(_credentials(sources, environ)),
        fingerprint("index", sources, no_index).hex[:16],
    )


class _AsTheyAre(LocalDirectories):
    """uv runs on the host, where local directories have their own names."""

    def index(self, url: str) -> str:
        return url

    def find_links(self, location: str) -> str:
        return location


def _indexes(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if words := settings.get("index-url", "").split():
        found["UV_DEFAULT_INDEX"] = words[-1]
    if words := settings.get("extra-index-url", "").split():
        found["UV_EXTRA_INDEX_URL"] = " ".join(words)
        # pip looks at all its indexes for the best version; uv by itself stops at the first that has the name.
        found["UV_INDEX_STRATEGY"] = environ.get("UV_INDEX_STRATEGY") or "unsafe-best-match"
    if words := settings.get("find-links", "").split():
        found["UV_FIND_LINKS"] = ",".join(words)
    return found


def _ways(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return how to reach servers, as far as only pip is told."""
    told = {
        "UV_HTTP_TIMEOUT": settings.get("timeout") or settings.get("default-timeout", ""),
        "UV_HTTP_RETRIES": settings.get("retries", ""),
        "UV_INSECURE_HOST": " ".join(settings.get("trusted-host", "").split()),
    }
    found = {name: value for name, value in told.items() if value and not environ.get(name)}
    proxy = settings.get("proxy", "").strip()
    if proxy and not any(environ.get(name) for name in _PROXIES):
        url = proxy if "://" in proxy else f"http://{proxy}"
        found.update(dict.fromkeys(("http_proxy", "https_proxy"), url))
    return found


_PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def _certificates(environ: Mapping[str, str], root: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Let uv believe whom everything else here believes; by itself it brings a list of its own."""
    if any(environ.get(name) for name in ("SSL_CERT_FILE", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS")):
        return {}
    named = [settings.get(CERTIFICATE, ""), *(environ.get(name, "") for name in CA_VARIABLES)]
    stores = [*(Path(value) for value in named if value), *(root / store for store in _SYSTEM_STORES)]
    found = next((path for path in stores if path.is_file()), None)
    return {"SSL_CERT_FILE": str(found)} if found else {}


def _credentials(sources: Mapping[str, str], environ: Mapping[str, str]) -> Iterable[tuple[Origin, str]]:
    for name in _INDEXES:
        for word in sources.get(name, "").replace(",", " ").split():
            label, separator, url = word.partition("=")
            if not separator or "/" in label:
                label, url = "", word
            user = user_of(url)
            if label and not user:
                stem = f"UV_INDEX_{''.join(c if c.isalnum() else '_' for c in label).upper()}"
                pair = environ.get(f"{stem}_USERNAME", ""), environ.get(f"{stem}_PASSWORD", "")
                user = _as_url(*pair) if any(pair) else ""
            if user:
                yield Origin.of(url), user


def index_variables(request: Request) -> dict[str, str]:
    """Return what a command says itself of indexes; that wins over the host's configuration.

    Variables and not options: an address may hold a password, and everybody on the machine can read options.
    """
    found: dict[str, str] = {}
    for url in (request.index_url, *request.extra_index_urls):
        user_of(url)  # from now on it is masked
    if request.index_url:
        found["UV_DEFAULT_INDEX"] = request.index_url
    if request.extra_index_urls:
        found["UV_EXTRA_INDEX_URL"] = " ".join(request.extra_index_urls)
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip has it
    if request.find_links:
        found["UV_FIND_LINKS"] = ",".join(request.find_links)
    return found


def user_of(url: str) -> str:
    """Return the user information in ``url`` and make sure that it is masked wherever it could be printed."""
    if not url.startswith(("http://", "https://")):
        return ""
    authority = url.partition("://")[2].partition("/")[0]
    user = authority.rpartition("@")[0]
    name, _, password = user.partition(":")
    Secret(unquote(password or name))
    Secret(password or name)
    return user


def _as_url(name: str, password: str) -> str:
    Secret(password)
    return f"{quote(name, safe='')}:{quote(password, safe='')}"


def without_user(url: str) -> str:
    """Return ``url`` without user information and fragment."""
    scheme, separator, rest = url.partition("#")[0].partition("://")
    if not separator:
        return scheme
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
