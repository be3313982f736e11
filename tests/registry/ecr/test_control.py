"""The control plane against moto.

moto stores what it is sent and checks formats and existence. It does not verify signatures, its token is the same every
time and expired in 2015, and it has no data plane: those sides are shown in other files.
"""

from __future__ import annotations

import builtins
import json

import pytest
from tests.registry.ecr.conftest import ACCOUNT, HOST, SECRET

from hivebase.errors import SystemFaultError
from hivebase.registry.ecr.control import ACTIONS, Control
from hivebase.registry.ecr.mutability import Mutability
from hivebase.transport import redact

NAME = "production/python-ml-base"


def test_a_token(aws, settings):
    """User and password for the data plane; the password is known to the masker, and so are the AWS keys."""
    token = Control(settings).token()
    assert token.username == "AWS"
    assert token.password.reveal() == f"{ACCOUNT}-auth-token"
    assert token.account == ACCOUNT
    assert f"{ACCOUNT}-auth-token" not in repr(token)
    assert redact(f"x {ACCOUNT}-auth-token {SECRET} y") == "x *** *** y"


def test_a_repository_is_made_as_we_want_it(aws, settings):
    """Immutable tags but for those that grow, scanned on push, our rules and no others."""
    control = Control(settings)
    assert control.existing([NAME]) == {}
    made = control.create(NAME)
    control.put_rules(NAME, 21)
    (found,) = aws.describe_repositories(repositoryNames=[NAME])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert [entry["filter"] for entry in found["imageTagMutabilityExclusionFilters"]] == [
        "sha256-*",
        "cache-*",
    ]
    assert found["imageScanningConfiguration"] == {"scanOnPush": True}
    text = aws.get_lifecycle_policy(repositoryName=NAME)["lifecyclePolicyText"]
    assert [rule["selection"]["countNumber"] for rule in json.loads(text)["rules"]] == [21]
    assert made == Mutability()
    assert control.existing([NAME]) == {NAME: made}


def test_somebody_else_was_faster(aws, settings):
    """A repository that appears between the look and the making is no error."""
    aws.create_repository(repositoryName=NAME)
    assert Control(settings).create(NAME) is None


def test_some_exist_and_some_do_not(aws, settings):
    """One that is missing fails the API's whole question; the others are found all the same."""
    aws.create_repository(repositoryName="production/b", imageTagMutability="IMMUTABLE")
    found = Control(settings).existing(["production/a", "production/b", "production/c"])
    assert found == {"production/b": Mutability("IMMUTABLE", ())}


def test_many_repositories(aws, settings):
    """More than one request may name."""
    wanted = [f"production/i{number}" for number in range(105)]
    for name in wanted:
        aws.create_repository(repositoryName=name)
    assert set(wanted) == set(Control(settings).existing(wanted))


def test_every_call_is_one_of_the_declared_actions(aws, settings, aws_environment):
    """What the policy of the how-to allows is what is asked for, no more and no less."""
    asked = set()
    control = Control(settings)
    control._client().meta.events.register(
        "before-call.ecr.*", lambda model, **_: asked.add(f"ecr:{model.name}")
    )
    control.token()
    control.existing([NAME])
    control.create(NAME)
    control.put_rules(NAME)
    assert asked == ACTIONS


def test_the_registry_of_another_account_is_the_one_that_is_asked_for(aws, settings):
    """The account is said with every question about repositories, or one's own would be changed."""
    asked = []
    control = Control(settings)
    control._client().meta.events.register(
        "before-parameter-build.ecr.*", lambda params, model, **_: asked.append((model.name, params))
    )
    control.existing([NAME])
    control.create(NAME)
    control.put_rules(NAME)
    assert {name: fields.get("registryId") for name, fields in asked} == dict.fromkeys(
        ("DescribeRepositories", "CreateRepository", "PutLifecyclePolicy"), ACCOUNT
    )


def test_a_boto3_that_knows_no_exclusions(aws, settings, monkeypatch):
    """Then all tags are immutable, and we know it."""
    control = Control(settings)
    monkeypatch.setattr(Control, "_knows", lambda *_: False)
    assert control.create(NAME) == Mutability("IMMUTABLE", ())
    (found,) = aws.describe_repositories(repositoryNames=[NAME])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"


def test_this_boto3_knows_exclusions(aws, settings):
    assert Control(settings)._knows("CreateRepository", "imageTagMutabilityExclusionFilters")
    assert not Control(settings)._knows("CreateRepository", "somethingElse")


def test_without_boto3_the_command_that_installs_it_is_named(settings, monkeypatch):
    """It is an extra: the message says which."""
    real = builtins.__import__

    def without(name, *rest, **words):
        if name.partition(".")[0] in {"boto3", "botocore"}:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *rest, **words)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SystemFaultError) as caught:
        Control(settings).token()
    assert "boto3 is not installed" in str(caught.value)
    assert "pip install 'hivebase[ecr]'" in caught.value.hint
    assert HOST in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [{}, {"authorizationData": []}, {"authorizationData": [{}]}, {"authorizationData": [{"authorizationToken": "??"}]},
     {"authorizationData": [{"authorizationToken": "QVdT"}]}],
)  # fmt: skip
def test_an_answer_that_is_no_token(aws, settings, monkeypatch, answer):
    """Told as such, whatever came."""
    control = Control(settings)
    monkeypatch.setattr(control, "_ask", lambda *_, **__: answer)
    with pytest.raises(SystemFaultError, match="did not answer with a token"):
        control.token()
