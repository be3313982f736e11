"""What boto3 raises, as our errors: which step, which repository, why, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hivebase.errors import HivebaseError, SystemFaultError, UsageError
from hivebase.registry.auth import AuthenticationError
from hivebase.transport import NoAnswerError, redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from hivebase.transport.errors import Cause

# Codes of the AWS APIs, "Common error types"; and of the JSON protocol, which ECR speaks.
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN = frozenset(
    {"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "IncompleteSignature",
     "IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException"}
)  # fmt: skip
_SIGNATURE = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
     "RequestLimitExceeded", "RequestThrottled"}
)  # fmt: skip
_LOG_IN = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role is attached"
_LONGEST = 500
# What stands in front of the API may answer in the XML of the older protocols, which boto3 does not take apart here.
_XML = re.compile(r"<(Code|Message)>([^<]*)</\1>")
_ARN = re.compile(r"\barn:[^\s]*?:repository/([^\s]+)")


class EcrDeniedError(SystemFaultError):
    """The credentials are good, and a permission is missing."""

    code = "permission"


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked for, for messages.

    Attributes:
        action: the permission that it needs, such as ``ecr:CreateRepository``.
        registry: as the user wrote it.
        region: where the API was asked.
        repository: empty where none is concerned.
    """

    action: str
    registry: str
    region: str
    repository: str = ""

    @property
    def where(self) -> str:
        """The registry, and the repository if there is one."""
        return f"{self.registry}/{self.repository}" if self.repository else self.registry


def code_of(error: Exception) -> str:
    """Return the code of an answer of the API, or an empty text for what is no answer."""
    return _parts(error)[0]


def _parts(error: Exception) -> tuple[str, str]:
    """Return code and message of an answer."""
    response: Any = getattr(error, "response", None)
    details = response.get("Error") if isinstance(response, dict) else None
    if not isinstance(details, dict):
        return "", ""
    message = str(details.get("Message") or "")
    xml = dict(_XML.findall(message))
    return xml.get("Code") or str(details.get("Code") or ""), xml.get("Message", message)


def translated(error: Exception, call: Call) -> HivebaseError:
    """Return our error for what botocore raised."""
    from botocore import exceptions  # type: ignore[import-untyped]  # noqa: PLC0415 -- only where boto3 is used

    if isinstance(error, exceptions.ClientError):
        return _answered(error, call)
    for kinds, make in _kinds(exceptions):
        if isinstance(error, kinds):
            return make(_words(str(error)), call)
    return SystemFaultError(
        f"{call.action} failed", where=call.where, why=_words(f"{type(error).__name__}: {error}")
    )


def _answered(error: Exception, call: Call) -> HivebaseError:
    code, message = _parts(error)
    why = _words(f"AWS answered {code}" + (f": {message}" if message else ""))
    if code in _EXPIRED:
        return _refused("the AWS credentials have expired", why, call, "get new ones, then run it again")
    if code in _SIGNATURE:
        hint = "check AWS_SECRET_ACCESS_KEY, and this machine's clock"
        return _refused("AWS does not accept the credentials' signature", why, call, hint)
    if code in _UNKNOWN:
        hint = f"check the credentials, and that the account has the region {call.region} enabled"
        return _refused("AWS does not know these credentials", why, call, hint)
    if code in _DENIED:
        # Asked about several repositories at once, AWS names the one that it means.
        named = _ARN.search(message)
        repository = call.repository or (named[1] if named else "")
        on = f" on the repository {repository}" if repository else ""
        return EcrDeniedError(
            f"the AWS credentials lack the permission {call.action}{on}",
            where=call.where,
            why=why,
            hint="docs/how-to/publish-to-ecr.md has the policy that is needed",
        )
    if code in _THROTTLED:
        what = "Amazon ECR asks for fewer requests"
        return SystemFaultError(what, where=call.where, why=why, hint="try later")
    if code == "LimitExceededException":
        hint = "ask AWS to raise the quota, or delete repositories that nobody needs"
        return SystemFaultError("a quota of Amazon ECR is used up", where=call.where, why=why, hint=hint)
    return SystemFaultError(f"{call.action} failed", where=call.where, why=why)


def _kinds(exceptions: Any) -> tuple[tuple[Any, Callable[[str, Call], HivebaseError]], ...]:
    """Return the kinds of errors that are no answers, the more special first."""
    x = exceptions
    return (
        ((x.NoCredentialsError, x.PartialCredentialsError), _none),
        ((x.ProfileNotFound, x.ConfigNotFound, x.ConfigParseError, x.InvalidConfigError), _configuration),
        ((x.UnauthorizedSSOTokenError, x.SSOTokenLoadError, x.LoginError), _lapsed),
        ((x.CredentialRetrievalError, x.TokenRetrievalError, x.RefreshWithMFAUnsupportedError), _unusable),
        (x.ProxyConnectionError, _unreachable("proxy", "check the proxy variables")),
        (x.SSLError, _unreachable("certificate", "give the CA with AWS_CA_BUNDLE or SSL_CERT_FILE")),
        ((x.ConnectTimeoutError, x.ReadTimeoutError), _unreachable("timeout", "check network and proxy")),
        (x.EndpointConnectionError, _unreachable("connect", "")),
        ((x.ConnectionClosedError, x.IncompleteReadError), _unreachable("cut", "try again")),
        (x.HTTPClientError, _unreachable("connect", "check network and proxy")),
        ((x.InvalidRegionError, x.EndpointProviderError, x.BaseEndpointResolverError), _no_endpoint),
    )


def _none(why: str, call: Call) -> HivebaseError:
    return _refused("there are no AWS credentials", why, call, _LOG_IN)


def _configuration(why: str, call: Call) -> HivebaseError:
    return UsageError("the AWS configuration cannot be used", where=call.where, why=why)


def _lapsed(why: str, call: Call) -> HivebaseError:
    return _refused("the AWS session has expired", why, call, "log in again: aws sso login, or aws login")


def _unusable(why: str, call: Call) -> HivebaseError:
    return _refused("no AWS credentials could be got", why, call, _LOG_IN)


def _no_endpoint(why: str, call: Call) -> HivebaseError:
    return UsageError(f"Amazon ECR cannot be asked in the region {call.region}", where=call.where, why=why)


def _unreachable(cause: Cause, hint: str) -> Callable[[str, Call], HivebaseError]:
    def make(why: str, call: Call) -> HivebaseError:
        near = hint or f"check that there is a region {call.region}, and network and proxy"
        return NoAnswerError(
            f"the API of Amazon ECR in {call.region} cannot be reached",
            cause=cause,
            where=call.where,
            why=why,
            hint=near,
        )

    return make


def _refused(what: str, why: str, call: Call, hint: str) -> AuthenticationError:
    return AuthenticationError(what, where=call.where, why=why, hint=hint)


def _words(text: str) -> str:
    return redact(" ".join(text.split()))[:_LONGEST]
