"""Hosts, accounts, regions and repositories of Amazon ECR, and the settings that name them."""

from __future__ import annotations

import pytest

from hivebase.errors import UsageError
from hivebase.registry.ecr import names
from hivebase.registry.ecr.names import EcrHost, parse_host
from hivebase.registry.ecr.settings import EcrSettings
from hivebase.registry.traits import ECR, PLAIN, traits_of

ACCOUNT = "077878370245"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
SEED = {"AWS_REGION": "us-east-1", "AWS_ACCOUNT_ID": ACCOUNT, "ENV": "production"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (HOST, EcrHost(ACCOUNT, "us-east-1")),
        (HOST.upper(), EcrHost(ACCOUNT, "us-east-1")),
        (f"{HOST}:443", EcrHost(ACCOUNT, "us-east-1")),
        (f"{ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com", EcrHost(ACCOUNT, "us-gov-west-1", fips=True)),
        (f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn", EcrHost(ACCOUNT, "cn-north-1")),
        (f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws", EcrHost(ACCOUNT, "eu-west-1")),
        (f"{ACCOUNT}.dkr-ecr-fips.eu-west-1.on.aws", EcrHost(ACCOUNT, "eu-west-1", fips=True)),
    ],
)
def test_hosts_of_ecr_are_known(host, expected):
    """The host says account, region and whether it is a FIPS endpoint."""
    assert expected == parse_host(host)
    assert traits_of(host) == ECR


@pytest.mark.parametrize(
    "host",
    [
        "localhost:5000",
        "public.ecr.aws",
        f"{HOST}.evil.example",
        f"evil.{HOST}",
        f"{HOST}:5000",
        f"12345.dkr.ecr.us-east-1.amazonaws.com",  # noqa: F541 -- lines up with its kin
        f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com.br",
        f"{ACCOUNT}.dkr.ecr.us.east.amazonaws.com",
        f"{ACCOUNT}.dkr.ecr..amazonaws.com",
        f"{HOST}\n",
        "٠٧٧٨٧٨٣٧٠٢٤٥.dkr.ecr.us-east-1.amazonaws.com",
    ],
)
def test_other_hosts_are_not_taken_for_ecr(host):
    """A token of ECR must go nowhere else, so nothing else may look like it."""
    assert parse_host(host) is None
    assert traits_of(host) == PLAIN


def test_the_registry_follows_from_account_and_region():
    """The seed's three variables are enough, and its fourth may say the same."""
    expected = EcrSettings(HOST, "us-east-1", ACCOUNT, "production")
    assert expected == EcrSettings.of(SEED)
    assert expected == EcrSettings.of({**SEED, "ECR_REGISTRY": HOST})
    assert expected == EcrSettings.of({"ENV": "production", "ECR_REGISTRY": HOST})
    assert expected == EcrSettings.of({**SEED, "AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1"})
    assert expected.repository("python-ml-base") == "production/python-ml-base"
    china = EcrSettings.of({**SEED, "AWS_REGION": "cn-north-1"})
    assert china.registry == f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn"
    fips = EcrSettings.of({"ENV": "x", "ECR_REGISTRY": f"{ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com"})
    assert fips.fips


def test_a_table_fills_what_the_environment_does_not_say():
    """The environment wins."""
    table = {"region": "eu-west-1", "account": "111111111111", "prefix": "team"}
    made = EcrSettings.of({"AWS_REGION": "us-east-1"}, table)
    assert made == EcrSettings(
        "111111111111.dkr.ecr.us-east-1.amazonaws.com", "us-east-1", "111111111111", "team"
    )


def test_another_host_may_stand_for_ecr():
    """A proxy, or a test's own registry: the region must be said then, the account need not."""
    assert EcrSettings.of(
        {"ECR_REGISTRY": "localhost:5000", "AWS_REGION": "us-east-1", "ENV": "dev"}
    ) == EcrSettings("localhost:5000", "us-east-1", "", "dev")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"AWS_REGION": ""}, ["AWS_REGION is not set"]),
        ({"AWS_ACCOUNT_ID": ""}, ["AWS_ACCOUNT_ID is not set", "ECR_REGISTRY"]),
        ({"AWS_ACCOUNT_ID": "", "AWS_REGION": ""}, ["AWS_REGION and AWS_ACCOUNT_ID are not set"]),
        ({"ENV": ""}, ["ENV is not set", "ENV/<image>"]),
        ({"ENV": "/"}, ["ENV is not set"]),
        ({"ENV": "Production"}, ["ENV", "'Production/x'", "lower-case"]),
        ({"ENV": "/home/me/.shrc"}, ["ENV", "not the name of an ECR repository"]),
        ({"ENV": "a" * 300}, ["256"]),
        ({"AWS_ACCOUNT_ID": "77878370245"}, ["AWS_ACCOUNT_ID", "'77878370245'", "twelve digits"]),
        ({"AWS_ACCOUNT_ID": "07787837024x"}, ["AWS_ACCOUNT_ID", "twelve digits"]),
        ({"AWS_REGION": "us-east"}, ["AWS_REGION", "'us-east'", "us-east-1"]),
        ({"AWS_REGION": "us-east-1.evil.example/"}, ["AWS_REGION"]),
        ({"ECR_REGISTRY": f"https://{HOST}"}, ["ECR_REGISTRY", "without scheme and path"]),
        ({"ECR_REGISTRY": f"{HOST}/production"}, ["ECR_REGISTRY", "without scheme and path"]),
        ({"ECR_REGISTRY": "registry"}, ["ECR_REGISTRY"]),
        ({"ECR_REGISTRY": "public.ecr.aws"}, ["public.ecr.aws", "another API"]),
        ({"ECR_REGISTRY": HOST, "AWS_REGION": "eu-west-1"}, ["AWS_REGION is eu-west-1", "us-east-1"]),
        ({"ECR_REGISTRY": HOST, "AWS_ACCOUNT_ID": "111111111111"}, ["AWS_ACCOUNT_ID is 111111111111"]),
        ({"ECR_REGISTRY": "localhost:5000", "AWS_REGION": ""}, ["AWS_REGION is not set", "localhost:5000"]),
    ],
)
def test_wrong_settings_are_named(change, words):
    """One clear message: the variable, what it is, what was expected."""
    with pytest.raises(UsageError) as caught:
        EcrSettings.of({**SEED, **change})
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["production/python-ml-base", "a/b/c", "a__b/c--d", "x0", "a.b/c_d"])
def test_names_of_repositories(name):
    names.check_repository(name)


@pytest.mark.parametrize(
    "name", ["", "x", "a//b", "/a", "a/", "A/b", "a..b", "a/b:c", "a___b", "é/x", "a" * 257]
)
def test_names_that_ecr_does_not_take(name):
    with pytest.raises(UsageError):
        names.check_repository(name)
