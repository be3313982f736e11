"""The host's index configuration, proxies and CA certificates, for the duration of a step (decision 10).

A step sees them as files in one read-only directory in memory and as a few environment variables; none of it
is in the image's own paths, so none of it can stay in a layer. Local package directories that the host's
configuration names are shown below the same directory, and the configuration is rewritten to match. Only
named settings are taken: no other variable or file of the host reaches a step.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hivebase.layers.sandbox.host_pip import CERTIFICATE, pip_configuration, pip_settings
from hivebase.layers.sandbox.host_uv import uv_variables
from hivebase.layers.sandbox.remap import TARGET, LocalDirectories

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_CA_NAME = "ca-certificates.crt"
_CA_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)
_CA_BUNDLES = (  # Debian, Fedora, openSUSE, Alpine
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/ssl/cert.pem",
)
_MAX_BUNDLE = 4 << 20

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
_AS_THEY_ARE = ("npm_config_registry", "NPM_CONFIG_REGISTRY")

_APT_SETTINGS = re.compile(
    r"""
    Acquire:: (?:
        Check-Valid-Until | Check-Date | Max-FutureTime | Retries | ForceIPv[46]
      | (?: http | https | ftp ) :: (?: Proxy | Timeout | Verify-Peer | Verify-Host ) (?: ::[\w.-]+ )?
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_APT_LINE = re.compile(r'(?P<key>[^" ]+) "(?P<value>[^"\\]+)";')


@dataclass(frozen=True, slots=True)
class HostConfiguration:
    """What a step sees of the host.

    Attributes:
        texts: files in :data:`~hivebase.layers.sandbox.remap.TARGET`, name to content.
        ca: the one of them that the image's own certificates are added to, or empty.
        directories: ``(name in that directory, host directory)``.
        env: variables for a step that does not set them itself.
        secrets: passwords in all this, to be masked in output.
    """

    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: str = ""
    directories: Sequence[tuple[str, str]] = ()
    env: Sequence[tuple[str, str]] = field(default=(), repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)

    def additions(self, env: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the variables to add to a step's ``env``: what it sets itself, in either case, stays."""
        taken = {name.lower() for name, _ in env}
        return [(name, value) for name, value in self.env if name.lower() not in taken]


def collect(environ: Mapping[str, str], root: Path = Path("/")) -> HostConfiguration:
    """Read the host's configuration.

    Args:
        environ: of the user who builds.
        root: where ``etc`` is.
    """
    home = Path(environ.get("HOME") or "/root")
    local = LocalDirectories(home)
    texts: dict[str, str] = {}
    env: dict[str, str] = {}
    pip = pip_settings(environ, home, root)
    authorities = _authorities(environ, root, [values.get(CERTIFICATE, "") for values in pip.values()])
    if authorities:
        texts[_CA_NAME] = authorities
        env.update(dict.fromkeys(_CA_VARIABLES, f"{TARGET}/{_CA_NAME}"))
    certificates = f"{TARGET}/{_CA_NAME}" if authorities else ""

    if configuration := pip_configuration(pip, local):
        texts["pip.conf"] = configuration
        env["PIP_CONFIG_FILE"] = f"{TARGET}/pip.conf"
    env.update(uv_variables(environ, home, root, local))
    apt = _apt_settings(environ, certificates)
    if apt:
        texts["apt.conf"] = apt
        env["APT_CONFIG"] = f"{TARGET}/apt.conf"
    for name in _PROXIES:
        value = environ.get(name) or environ.get(name.upper())
        if value:
            env[name] = env[name.upper()] = value
    env.update({name: environ[name] for name in _AS_THEY_ARE if environ.get(name)})
    return HostConfiguration(
        texts=texts,
        ca=_CA_NAME if authorities else "",
        directories=tuple(local.directories),
        env=tuple(sorted(env.items())),
        secrets=tuple(sorted(set(_passwords([*texts.values(), *env.values()])))),
    )


def _authorities(environ: Mapping[str, str], root: Path, further: Iterable[str]) -> str:
    """Return all CA certificates that the host's programs are told to trust, as one PEM text."""
    values = [*(environ.get(name, "") for name in _CA_VARIABLES), *further]
    named = [Path(value) for value in values if value]
    bundles: dict[Path, str] = {}
    for path in (*named, *(root / bundle for bundle in _CA_BUNDLES)):
        try:
            real = path.resolve(strict=True)
            if real not in bundles and real.is_file() and real.stat().st_size <= _MAX_BUNDLE:
                bundles[real] = real.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue  # a variable that names no readable file configures nothing
    return "".join(f"{text}\n" for text in dict.fromkeys(bundles.values()) if text)


def _apt_settings(environ: Mapping[str, str], certificates: str) -> str:
    """Return an apt.conf with the host's proxies, date checks and timeouts; sources stay the image's own."""
    program = shutil.which("apt-config", path=environ.get("PATH"))
    lines = []
    if program:
        output = subprocess.run(
            [program, "dump"], capture_output=True, check=False, env={"PATH": os.defpath, "LC_ALL": "C"}
        ).stdout.decode("utf-8", "replace")
        for line in output.splitlines():
            match = _APT_LINE.fullmatch(line)
            if match and _APT_SETTINGS.fullmatch(match["key"]):
                lines.append(line)
    if certificates:
        lines.append(f'Acquire::https::CAInfo "{certificates}";')
    return "".join(f"{line}\n" for line in lines)


def _passwords(texts: Iterable[str]) -> Iterable[str]:
    """Find the passwords of the URLs in ``texts``, as written."""
    for text in texts:
        for url in re.findall(r"[a-z+]+://[^\s\"']+@[^\s\"']*", text):
            try:
                password = urlsplit(url).password
            except ValueError:
                continue
            if password:
                yield password
