"""What ``hivebase.toml`` says about single registries.

::

    [registry."registry.example:5000"]
    ca = "certificates/ca.pem"     # believed for this host, besides the system's CAs
    insecure = true                # certificate not checked, plain HTTP allowed; printed at each run
    mirror = "mirror.example/hub"  # asked first; the registry itself is asked where it has nothing

``docker.io`` means Docker Hub wherever its servers are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hivebase.errors import UsageError
from hivebase.reference import DEFAULT_REGISTRY
from hivebase.transport import HostPolicy, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

HUB_HOST = "registry-1.docker.io"
HUB_NAMES = frozenset({DEFAULT_REGISTRY, "index.docker.io", HUB_HOST})
_PREFIX = re.compile(r"[a-z0-9._-]+(?:/[a-z0-9._-]+)*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A registry that has copies of another: its ``host[:port]`` and what precedes repository names there."""

    host: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The ``registry`` table.

    Attributes:
        hosts: policy by ``host[:port]``, as it is connected to.
        mirrors: by registry, as it is written in references.
    """

    hosts: Mapping[str, HostPolicy] = field(default_factory=dict)
    mirrors: Mapping[str, Mirror] = field(default_factory=dict)

    @classmethod
    def parse(cls, table: Mapping[str, Any], base: Path = Path()) -> Self:
        """Read the table.

        Args:
            table: by registry, as ``tomllib`` returns it.
            base: the directory that relative paths start from.

        Raises:
            UsageError: a name, a key or a value is wrong.
        """
        hosts: dict[str, HostPolicy] = {}
        mirrors: dict[str, Mirror] = {}
        for name, entry in table.items():
            where = f'[registry."{name}"]'
            if not isinstance(entry, dict):
                raise UsageError("not a table", where=where, hint="expected keys insecure, ca, mirror")
            check_host(name, where)
            values = dict(entry)
            insecure = _take(values, "insecure", bool, where) or False
            ca = _take(values, "ca", str, where)
            mirror = _take(values, "mirror", str, where)
            if values:
                raise UsageError(
                    f"unknown key {min(values)!r}", where=where, hint="the keys are insecure, ca, mirror"
                )
            # What is connected to is compared in lower case, however a reference writes it.
            hosts[connected_host(name).lower()] = HostPolicy(insecure, base / ca if ca else None)
            if mirror:
                host, _, prefix = mirror.strip("/").partition("/")
                check_host(host, where)
                if prefix and not _PREFIX.match(prefix):
                    raise UsageError(f"not a repository prefix: {prefix!r}", where=where)
                mirrors[name] = Mirror(host, prefix)
        return cls(hosts, mirrors)


def connected_host(registry: str) -> str:
    """Return the ``host[:port]`` that is connected to for a registry as written in references."""
    return HUB_HOST if registry in HUB_NAMES else registry


def check_host(name: str, where: str = "") -> None:
    """Make sure that ``name`` is the ``host[:port]`` of a registry.

    Raises:
        UsageError: it is more, or less; ``where`` is the place it was read from.
    """
    try:
        same = Origin.of(f"https://{name}").netloc == name.lower().removesuffix(":443")
        why = "" if same else "it is more than a host and a port"
    except UsageError as error:
        why = error.why
    if why:
        hint = "expected host or host:port, without scheme and path"
        raise UsageError(f"not a registry: {name!r}", where=where, why=why, hint=hint)


def _take(values: dict[str, Any], key: str, kind: type, where: str) -> Any:
    value = values.pop(key, None)
    if value is not None and not isinstance(value, kind):
        word = {bool: "true or false", str: "a string"}[kind]
        raise UsageError(f"{key} must be {word}, not {value!r}", where=where)
    return value
