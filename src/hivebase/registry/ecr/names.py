"""Names of Amazon ECR: hosts of private registries, and repositories.

A private registry is one account in one region: ``ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com[.cn]``, or with IPv6
``ACCOUNT.dkr-ecr[-fips].REGION.on.aws``. ECR Public (``public.ecr.aws``) is another service with another API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hivebase.errors import UsageError

_HOST = re.compile(
    r"(?P<account>[0-9]{12})\.(?:dkr\.ecr(?P<fips>-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
    r"|dkr-ecr(?P<fips6>-fips)?\.(?P<region6>[a-z0-9-]+)\.on\.aws)\Z",
    re.ASCII,
)
_ACCOUNT = re.compile(r"[0-9]{12}\Z", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}\Z", re.ASCII)
# The pattern and the lengths of RepositoryName in the service model of ECR's API (2015-09-21).
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z", re.ASCII)
_SHORTEST, _LONGEST = 2, 256
_CHINA = "cn-"

PUBLIC = "public.ecr.aws"


@dataclass(frozen=True, slots=True)
class EcrHost:
    """What the host of a private registry says.

    Attributes:
        account: twelve digits.
        region: such as ``us-east-1``.
        fips: whether it is the endpoint with validated cryptography; the API has one of its own then.
    """

    account: str
    region: str
    fips: bool = False


def parse_host(registry: str) -> EcrHost | None:
    """Return what ``registry`` (``host[:port]``, as in references) says if it is a private registry of ECR."""
    match = _HOST.match(registry.lower().removesuffix(":443"))
    if match is None:
        return None
    region = match["region"] or match["region6"]
    return EcrHost(match["account"], region, bool(match["fips"] or match["fips6"]))


def host_of(account: str, region: str) -> str:
    """Return the host of the private registry of ``account`` in ``region``.

    Raises:
        UsageError: either cannot be one.
    """
    check_account(account, "AWS_ACCOUNT_ID")
    check_region(region, "AWS_REGION")
    return f"{account}.dkr.ecr.{region}.amazonaws.com{'.cn' if region.startswith(_CHINA) else ''}"


def check_account(account: str, where: str) -> None:
    """Refuse what is not the id of an account.

    Raises:
        UsageError: it is not twelve digits.
    """
    if not _ACCOUNT.match(account):
        raise UsageError(
            f"not the id of an AWS account: {account[:80]!r}",
            where=where,
            why="an id has twelve digits, leading zeros included",
        )


def check_region(region: str, where: str) -> None:
    """Refuse what is not the name of a region. Whether there is one of that name, only AWS knows.

    Raises:
        UsageError: it is not of the form of ``us-east-1``.
    """
    if not _REGION.match(region):
        raise UsageError(
            f"not the name of an AWS region: {region[:80]!r}", where=where, hint="for example us-east-1"
        )


def check_repository(name: str, where: str = "") -> None:
    """Refuse what ECR does not take as the name of a repository.

    Raises:
        UsageError: the pattern or the length is wrong.
    """
    if _SHORTEST <= len(name) <= _LONGEST and _REPOSITORY.match(name):
        return
    if name != name.lower():
        why = "names are lower-case"
    elif not _SHORTEST <= len(name) <= _LONGEST:
        why = f"names have {_SHORTEST} to {_LONGEST} characters"
    else:
        why = "names are letters and digits, separated by '.', '_', '__', '-' or '/'"
    raise UsageError(f"not the name of an ECR repository: {name[:300]!r}", where=where, why=why)
