"""An AWS account for one test, simulated by moto inside this process."""

from __future__ import annotations

import os

import boto3  # type: ignore[import-untyped]
import pytest
from moto import mock_aws

from hivebase.registry.ecr.settings import EcrSettings

ACCOUNT = "123456789012"  # moto's own
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
SECRET = "secret-key-that-nobody-may-see-0123456789"


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
