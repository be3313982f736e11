"""An AWS account for one test, simulated by moto: inside this process, or as a server for commands that are run."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    Request,
    build_opener,
    urlopen,
)

import boto3  # type: ignore[import-untyped]
import pytest
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count
from moto.server import ThreadedMotoServer
from tests.hives import BASE, TestHive, busybox_tar
from tests.servers import docker_registry, free_port

from hivebase.registry.ecr.settings import EcrSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"  # moto's own
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
SECRET = "secret-key-that-nobody-may-see-0123456789"
PASSWORD = f"{ACCOUNT}-auth-token"
FILES = {
    "hivebase.toml": '[hive]\nname = "hive"\nversion = "1.0.0"\n',
    "low/Dockerfile": f"FROM {BASE}\nCOPY file /low\n",
    "low/file": "low",
    "high/Dockerfile": "FROM hive/low:1.0.0\nCOPY file /high\n",
    "high/file": "high",
}
NAMES = ["production/high", "production/low"]


@pytest.fixture
def aws_environment(tmp_path, monkeypatch):
    """Nothing of this machine's AWS settings, and credentials that are well formed."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "BOTO_")) or name in {"ECR_REGISTRY", "ENV"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE12")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return monkeypatch


@pytest.fixture
def aws(aws_environment):
    """A fresh account; the value is boto3's client for it."""
    with mock_aws(config={"core": {"mock_credentials": False}}):
        yield boto3.client("ecr", region_name="us-east-1")


@pytest.fixture
def settings():
    return EcrSettings.of({"AWS_REGION": "us-east-1", "AWS_ACCOUNT_ID": ACCOUNT, "ENV": "production"})


class Account:
    """moto's server, and what is in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        words = {"region_name": "us-east-1", "endpoint_url": url}
        keys = {"aws_access_key_id": "admin", "aws_secret_access_key": "admin"}
        self.ecr = boto3.client("ecr", **words, **keys)
        self.iam = boto3.client("iam", **words, **keys)

    def repositories(self) -> list[str]:
        return sorted(entry["repositoryName"] for entry in self.ecr.describe_repositories()["repositories"])

    def user(self, *actions: str) -> dict[str, str]:
        """Make a user with these permissions; return the environment that makes one be that user."""
        self.iam.create_user(UserName="ci")
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName="ci", PolicyName="push", PolicyDocument=document)
        key = self.iam.create_access_key(UserName="ci")["AccessKey"]
        return {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }


@pytest.fixture
def account(aws_environment) -> Iterator[Account]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # What it keeps belongs to the process and would outlive the server.
    urlopen(Request(f"{url}/moto-api/reset", method="POST"), timeout=10).close()
    try:
        yield Account(url)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two images, built once; each test works on the same store, which pushing does not change."""
    root = tmp_path_factory.mktemp("built")
    (root / "base.tar").write_bytes(busybox_tar())
    made = TestHive(root / "hive", root / "store").write(FILES)
    made.run("import", str(root / "base.tar"), BASE)
    made.run("build", "--base", "registry")
    return made


@pytest.fixture
def registry(tmp_path):
    with docker_registry(tmp_path, user=("AWS", PASSWORD)) as host:
        yield host


@pytest.fixture
def hive(built, account, registry, tmp_path):
    """The hive, with the environment of the seed's instructions."""
    env = {
        "AWS_REGION": "us-east-1",
        "AWS_ACCOUNT_ID": ACCOUNT,
        "ENV": "production",
        "ECR_REGISTRY": registry,
        "AWS_ENDPOINT_URL": account.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE12",
        "AWS_SECRET_ACCESS_KEY": "example-of-a-secret-key",
        "HOME": str(tmp_path),
    }
    return TestHive(built.root, built.store, env)


def with_iam(run):
    """Run with moto asking of every request whether its user may."""
    return set_initial_no_auth_action_count(0)(run)()


def catalog(host: str) -> dict[str, list[str]]:
    """Return the tags of each repository of the registry, those of proofs left out."""
    manager = HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, f"http://{host}/", "AWS", PASSWORD)
    opener = build_opener(HTTPBasicAuthHandler(manager))

    def get(path: str) -> Any:
        with opener.open(f"http://{host}/v2/{path}", timeout=10) as answer:
            return json.load(answer)

    names = get("_catalog")["repositories"]
    tags = {name: get(f"{name}/tags/list").get("tags") or [] for name in names}
    return {name: sorted(t for t in found if not t.startswith("sha256-")) for name, found in tags.items()}
