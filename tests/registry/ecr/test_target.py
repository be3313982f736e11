"""Making a registry ready for a push, against moto: looked at first, changed last.

moto's IAM knows actions and no resources of ECR, so the permissions here are on all repositories.
"""

from __future__ import annotations

import json
from contextlib import contextmanager

import boto3  # type: ignore[import-untyped]
import pytest
from moto.core import set_initial_no_auth_action_count
from tests.registry.ecr.conftest import ACCOUNT, HOST

from hivebase.errors import NotFoundError, PolicyError, UsageError
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.credentials import Keychain
from hivebase.registry.ecr.control import CREATE, DESCRIBE, GET_TOKEN, PUT_RULES, Control
from hivebase.registry.ecr.errors import EcrDeniedError
from hivebase.registry.ecr.settings import EcrSettings
from hivebase.registry.ecr.target import prepare, survey
from hivebase.registry.traits import ECR

NAMES = ["production/python-ml-base", "production/python-grpc-base"]


def existing(aws) -> list[str]:
    return sorted(entry["repositoryName"] for entry in aws.describe_repositories()["repositories"])


@contextmanager
def allowed(monkeypatch, *actions: str):
    """Be a user with these permissions."""
    iam = boto3.client("iam", region_name="us-east-1")
    iam.create_user(UserName="ci")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="ci", PolicyName="push", PolicyDocument=document)
    key = iam.create_access_key(UserName="ci")["AccessKey"]
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        yield patch


def as_user(function):
    """Run with moto's IAM switched on."""
    return set_initial_no_auth_action_count(0)(function)()


def test_what_is_missing_is_made(aws, settings):
    """All of them; the second time there is nothing to do."""
    ready = prepare(settings, NAMES)
    assert (ready.registry, ready.prefix) == (HOST, "production")
    assert ready.created == tuple(NAMES)
    assert ready.missing == ready.notes == ()
    assert existing(aws) == sorted(NAMES)
    again = prepare(settings, [*NAMES, NAMES[0]])
    assert again.created == ()
    assert ready.traits == {HOST: ECR}
    assert ready.keeps(NAMES[0], "1.0.0")
    assert ready.keeps(NAMES[0], "1.0")
    assert not ready.keeps(NAMES[0], f"sha256-{'0' * 64}.sig")


def test_the_keychain_has_the_token_that_was_got(aws, settings, tmp_path, monkeypatch):
    """No second question."""
    ready = survey(settings, [])
    monkeypatch.setattr(Control, "token", None)
    keychain = ready.keychain(Keychain({"REGISTRY_AUTH_FILE": str(tmp_path / "none")}))
    credential = keychain.find(HOST, NAMES[0])
    assert credential is not None
    assert credential.secret.reveal() == f"{ACCOUNT}-auth-token"
    assert keychain.find("registry.example", "x") is None


def test_a_look_changes_nothing(aws, settings):
    """Nor does a dry run, which is the look alone."""
    assert survey(settings, NAMES).missing == tuple(NAMES)
    assert prepare(settings, NAMES, dry_run=True).missing == tuple(NAMES)
    assert existing(aws) == []


def test_no_create_names_what_is_missing(aws, settings):
    """One is there, one is not: refused before anything is changed."""
    aws.create_repository(repositoryName=NAMES[0], imageTagMutability="IMMUTABLE")
    with pytest.raises(PolicyError) as caught:
        prepare(settings, NAMES, create=False)
    assert NAMES[1] in caught.value.what
    assert NAMES[0] not in caught.value.what
    assert "--no-create" in str(caught.value)
    assert existing(aws) == [NAMES[0]]


def test_a_wrong_name_is_refused_before_anybody_is_asked(aws_environment, settings):
    """There is no API at all here."""
    with pytest.raises(UsageError, match="not the name of an ECR repository"):
        prepare(settings, [NAMES[0], "production/Upper"])


@pytest.mark.parametrize(
    ("allowing", "missing"),
    [
        ([DESCRIBE, CREATE, PUT_RULES], GET_TOKEN),
        ([GET_TOKEN, CREATE, PUT_RULES], DESCRIBE),
        ([GET_TOKEN, DESCRIBE, PUT_RULES], CREATE),
    ],
)
def test_a_missing_permission_is_named_and_nothing_is_made(aws, settings, aws_environment, allowing, missing):
    """The permission, and the repository where one is concerned."""
    with allowed(aws_environment, *allowing), pytest.raises(EcrDeniedError) as caught:
        as_user(lambda: prepare(settings, NAMES))
    assert f"lack the permission {missing}" in caught.value.what
    if missing == CREATE:
        assert f"on the repository {NAMES[0]}" in caught.value.what
    assert caught.value.exit_code == 3
    assert existing(aws) == []


def test_rules_that_cannot_be_given_are_a_note(aws, settings, aws_environment):
    """They are housekeeping: the push goes on, and says what is missing."""
    with allowed(aws_environment, GET_TOKEN, DESCRIBE, CREATE):
        ready = as_user(lambda: prepare(settings, NAMES[:1]))
    (note,) = ready.notes
    assert "has no lifecycle rules" in note
    assert PUT_RULES in note
    assert existing(aws) == NAMES[:1]


def test_the_second_of_two_cannot_be_made(aws, settings, monkeypatch):
    """What was made before is named: it is empty and stays."""
    create = Control.create

    def once(self, repository):
        if repository == NAMES[1]:
            raise NotFoundError("no", why="of a test")
        return create(self, repository)

    monkeypatch.setattr(Control, "create", once)
    with pytest.raises(NotFoundError) as caught:
        prepare(settings, NAMES)
    assert f"made before that, and empty: {NAMES[0]}" in caught.value.why


def test_somebody_else_makes_it_in_between(aws, settings):
    """Then theirs is taken as it is, with the note that it deserves."""
    ready = survey(settings, NAMES[:1])
    aws.create_repository(repositoryName=NAMES[0], imageTagMutability="MUTABLE")
    ready.make()
    assert ready.created == ()
    assert len(ready.notes) == 1
    assert not ready.keeps(NAMES[0], "1.0.0")
    with pytest.raises(aws.exceptions.LifecyclePolicyNotFoundException):
        aws.get_lifecycle_policy(repositoryName=NAMES[0])


def test_what_exists_is_left_as_it_is(aws, settings):
    """Movable tags are worth a note, not a change."""
    aws.create_repository(repositoryName=NAMES[0], imageTagMutability="MUTABLE")
    ready = prepare(settings, NAMES[:1])
    (note,) = ready.notes
    assert NAMES[0] in note
    (found,) = aws.describe_repositories(repositoryNames=NAMES[:1])["repositories"]
    assert found["imageTagMutability"] == "MUTABLE"


def test_no_rules_at_all(aws, settings):
    """Where somebody else keeps house."""
    survey(settings, NAMES[:1]).make(untagged_days=0)
    with pytest.raises(aws.exceptions.LifecyclePolicyNotFoundException):
        aws.get_lifecycle_policy(repositoryName=NAMES[0])


def test_credentials_of_another_account_are_worth_a_note(aws):
    """It may be meant; if it is not, this explains the refusals to come."""
    other = EcrSettings.of({"AWS_REGION": "us-east-1", "AWS_ACCOUNT_ID": "999999999999", "ENV": "production"})
    (note,) = survey(other, []).notes
    assert f"account {ACCOUNT}" in note
    assert "999999999999" in note


@pytest.mark.parametrize("part", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials(aws, settings, aws_environment, part):
    """A key that nobody knows, and a secret that does not belong to it."""
    with allowed(aws_environment, GET_TOKEN, DESCRIBE, CREATE, PUT_RULES) as patch:
        patch.setenv(part, "AKIAWRONGWRONGWRONG1")
        with pytest.raises(AuthenticationError) as caught:
            as_user(lambda: prepare(settings, NAMES))
    assert "credentials" in caught.value.what
    assert "AKIAWRONGWRONGWRONG1" not in str(caught.value)
    assert existing(aws) == []
