"""Which registry of ECR, and under which prefix: from the environment, and from a profile in ``hivebase.toml``.

====================  ==================================================================
``AWS_REGION``        where the registry is; ``AWS_DEFAULT_REGION`` counts where it is absent
``AWS_ACCOUNT_ID``    whose registry it is
``ECR_REGISTRY``      the registry's host; derived from the two above when absent
``ENV``               what precedes the image in the repository's name: ``${ENV}/<image>``
====================  ==================================================================

A host that is not ECR's own (a proxy in front of it, a test's registry) may stand in ``ECR_REGISTRY``; the region
must then be given, since the host does not say it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from hivebase.errors import UsageError
from hivebase.reference import Reference
from hivebase.registry.ecr import names

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION, ACCOUNT, REGISTRY, PREFIX = "AWS_REGION", "AWS_ACCOUNT_ID", "ECR_REGISTRY", "ENV"
_DEFAULT_REGION = "AWS_DEFAULT_REGION"


@dataclass(frozen=True, slots=True)
class EcrSettings:
    """One registry of ECR.

    Attributes:
        registry: ``host[:port]``, as in references.
        region: where the API is asked.
        account: whose registry it is; empty where only the credentials say it.
        prefix: what precedes the image in the repository's name, without a slash at the end.
        fips: whether the API is asked at the endpoint with validated cryptography.
    """

    registry: str
    region: str
    account: str
    prefix: str
    fips: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str], table: Mapping[str, str] | None = None) -> Self:
        """Read the variables and check them all.

        Args:
            environ: the environment.
            table: the same by the keys ``region``, ``account``, ``registry``, ``prefix``, for what the environment
                does not say.

        Raises:
            UsageError: one is missing, malformed, or contradicts another; the message names it.
        """
        table = table or {}

        def value(variable: str, key: str) -> str:
            return environ.get(variable) or table.get(key) or ""

        region = value(REGION, "region") or environ.get(_DEFAULT_REGION) or ""
        account, registry = value(ACCOUNT, "account"), value(REGISTRY, "registry")
        if account:
            names.check_account(account, ACCOUNT)
        if region:
            names.check_region(region, REGION)
        if not registry:
            missing = [name for name, text in ((REGION, region), (ACCOUNT, account)) if not text]
            if missing:
                raise _unset(missing, f"the registry follows from them; or set {REGISTRY}")
            registry = names.host_of(account, region)
        host = _registry(registry)
        if host is not None:
            _agree(REGION, region, host.region, registry)
            _agree(ACCOUNT, account, host.account, registry)
            region, account = host.region, host.account
        elif not region:
            raise _unset([REGION], f"{registry} is not a host of ECR, so it does not say the region")
        prefix = value(PREFIX, "prefix").strip("/")
        if not prefix:
            raise _unset([PREFIX], "it is the first part of each repository's name: ENV/<image>")
        names.check_repository(f"{prefix}/x", PREFIX)
        return cls(registry, region, account, prefix, host.fips if host else False)

    def repository(self, image: str) -> str:
        """Return the repository of ``image``, its name without registry and hive.

        Raises:
            UsageError: ECR does not take such a name.
        """
        name = f"{self.prefix}/{image}"
        names.check_repository(name)
        return name


def _registry(registry: str) -> names.EcrHost | None:
    """Refuse what is not a host, or not one that can be pushed to; return what an ECR host says."""
    try:
        parsed = Reference.parse(f"{registry}/x/x")
        same = parsed.registry == registry
    except UsageError:
        same = False
    if not same:
        raise UsageError(
            f"not a registry: {registry[:300]!r}",
            where=REGISTRY,
            hint="expected a host, such as 123456789012.dkr.ecr.us-east-1.amazonaws.com, without scheme and path",
        )
    if registry.lower() == names.PUBLIC:
        raise UsageError(
            f"{names.PUBLIC} is not a private registry",
            where=REGISTRY,
            why="ECR Public is another service, with another API",
        )
    return names.parse_host(registry)


def _agree(variable: str, given: str, meant: str, registry: str) -> None:
    if given and given != meant:
        raise UsageError(
            f"{variable} is {given} and {REGISTRY} is {registry}",
            where=variable,
            why="they contradict each other",
            hint=f"set {variable} to {meant}, or leave {REGISTRY} out",
        )


def _unset(variables: list[str], why: str) -> UsageError:
    verb = "is" if len(variables) == 1 else "are"
    return UsageError(f"{' and '.join(variables)} {verb} not set", where="Amazon ECR", why=why)
