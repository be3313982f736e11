"""What can stand between us and Amazon's API: each told in one message, with what to do.

Codes are those that the API documents. moto answers few of them (its IAM knows no resources of ECR, and speaks XML), so
the table takes boto3's own error class; what needs no server is provoked for real.
"""

from __future__ import annotations

import socket

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from tests.registry.ecr.conftest import HOST, SECRET
from tests.registry_simulator import Simulator
from tests.servers import Authority, free_port

from hivebase.errors import HivebaseError, SystemFaultError, UsageError
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.ecr.control import Control
from hivebase.registry.ecr.errors import Call, EcrDeniedError, translated
from hivebase.registry.ecr.settings import EcrSettings
from hivebase.transport import NoAnswerError

CREATE = Call("ecr:CreateRepository", HOST, "us-east-1", "production/x")
DESCRIBE = Call("ecr:DescribeRepositories", HOST, "us-east-1")
ARN = "arn:aws:ecr:us-east-1:123456789012:repository/production/y"


def answered(code, message="as the API puts it"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("ExpiredTokenException", AuthenticationError, ["have expired", "get new ones"]),
        ("ExpiredToken", AuthenticationError, ["have expired"]),
        ("RequestExpired", AuthenticationError, ["have expired"]),
        ("UnrecognizedClientException", AuthenticationError, ["does not know", "us-east-1 enabled"]),
        ("InvalidClientTokenId", AuthenticationError, ["does not know"]),
        ("InvalidSignatureException", AuthenticationError, ["signature", "clock"]),
        ("SignatureDoesNotMatch", AuthenticationError, ["signature", "AWS_SECRET_ACCESS_KEY"]),
        ("AccessDeniedException", EcrDeniedError, ["ecr:CreateRepository", "repository production/x"]),
        ("ThrottlingException", SystemFaultError, ["fewer requests", "try later"]),
        ("LimitExceededException", SystemFaultError, ["quota"]),
        ("ServerException", SystemFaultError, ["ecr:CreateRepository failed", "ServerException"]),
    ],
)
def test_answers(code, kind, words):
    """The kind of error, which decides the exit code and what callers do, and the words."""
    made = translated(answered(code), CREATE)
    assert type(made) is kind
    assert made.exit_code == 3
    for word in [*words, code, "as the API puts it", f"{HOST}/production/x"]:
        assert word in str(made)


def test_the_repository_that_was_meant_is_named():
    """Several are asked about at once; the API says which one was the trouble."""
    text = f"User: arn:aws:iam::1:user/u is not authorized to perform: ecr:DescribeRepositories on resource: {ARN}"
    made = translated(answered("AccessDeniedException", text), DESCRIBE)
    assert "lack the permission ecr:DescribeRepositories on the repository production/y" in str(made)


def test_answers_in_xml():
    """What stands in front of the API may speak an older protocol."""
    text = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
    made = translated(answered("403", text), CREATE)
    assert isinstance(made, EcrDeniedError)
    assert "AWS answered AccessDenied: not you" in str(made)


def asked(**changes) -> HivebaseError:
    """Ask for a token and return the error."""
    base = {"AWS_REGION": "us-east-1", "AWS_ACCOUNT_ID": "123456789012", "ENV": "production"}
    with pytest.raises(HivebaseError) as caught:
        Control(EcrSettings.of({**base, **changes})).token()
    assert SECRET not in str(caught.value)
    return caught.value


def test_no_credentials(aws_environment):
    """The commonest first experience: what can be set is named."""
    aws_environment.delenv("AWS_ACCESS_KEY_ID")
    aws_environment.delenv("AWS_SECRET_ACCESS_KEY")
    error = asked()
    assert type(error) is AuthenticationError
    assert "there are no AWS credentials" in str(error)
    assert "AWS_ACCESS_KEY_ID" in error.hint


def test_half_credentials(aws_environment):
    """A key without its secret."""
    aws_environment.delenv("AWS_SECRET_ACCESS_KEY")
    error = asked()
    assert type(error) is AuthenticationError
    assert "AWS_SECRET_ACCESS_KEY" in str(error)


def test_a_profile_that_does_not_exist(aws_environment):
    aws_environment.setenv("AWS_PROFILE", "nobody")
    error = asked()
    assert type(error) is UsageError
    assert "nobody" in str(error)


def test_a_configuration_file_that_is_none(aws_environment, tmp_path):
    file = tmp_path / "config"
    file.write_text("not an ini file [\n")
    aws_environment.setenv("AWS_CONFIG_FILE", str(file))
    error = asked()
    assert type(error) is UsageError
    assert str(file) in str(error)


def test_a_helper_of_the_user_that_fails(aws_environment, tmp_path):
    """``credential_process``: a program that says who one is."""
    file = tmp_path / "config"
    file.write_text("[default]\ncredential_process = /bin/false\n")
    aws_environment.setenv("AWS_CONFIG_FILE", str(file))
    aws_environment.delenv("AWS_ACCESS_KEY_ID")
    aws_environment.delenv("AWS_SECRET_ACCESS_KEY")
    error = asked()
    assert type(error) is AuthenticationError
    assert "no AWS credentials could be got" in str(error)


def test_nobody_listens(aws_environment):
    """An endpoint that is not there."""
    aws_environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    aws_environment.setattr("hivebase.registry.ecr.control._ATTEMPTS", 1)
    error = asked()
    assert type(error) is NoAnswerError
    assert error.cause == "connect"
    assert "the API of Amazon ECR in us-east-1 cannot be reached" in str(error)


def test_a_region_that_there_is_not(aws_environment):
    """A name of the right form: nobody can know before the name's look-up fails."""
    aws_environment.setattr("hivebase.registry.ecr.control._ATTEMPTS", 1)
    real = socket.getaddrinfo

    def no_such_host(host, *rest, **words):
        if "us-east-9" in str(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **words)

    aws_environment.setattr(socket, "getaddrinfo", no_such_host)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        aws_environment.delenv(name, raising=False)
    error = asked(AWS_REGION="us-east-9")
    assert type(error) is NoAnswerError
    assert "check that there is a region us-east-9" in error.hint


def test_a_certificate_that_is_not_to_be_trusted(aws_environment, tmp_path):
    """As behind a proxy that opens TLS: the variable that helps is named, and helps."""
    issued = Authority(tmp_path)
    aws_environment.setattr("hivebase.registry.ecr.control._ATTEMPTS", 1)
    with Simulator(tls=issued.issue("127.0.0.1").pair) as server:
        server.files["/"] = b"{}"
        aws_environment.setenv("AWS_ENDPOINT_URL", server.url)
        error = asked()
        assert isinstance(error, NoAnswerError)
        assert error.cause == "certificate"
        assert "SSL_CERT_FILE" in error.hint
        aws_environment.setenv("SSL_CERT_FILE", str(issued.ca))
        assert "did not answer with a token" in str(asked())
