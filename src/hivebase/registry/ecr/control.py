"""The control plane of one registry: tokens, repositories, lifecycle rules, through boto3.

boto3 is the extra ``ecr``. It finds credentials by itself, in its standard order: environment, shared files and
profiles, single sign-on, web identity, the roles of containers and machines. Its own retries answer throttling.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hivebase.errors import SystemFaultError
from hivebase.registry.ecr import lifecycle, mutability
from hivebase.registry.ecr.errors import Call, code_of, translated
from hivebase.registry.ecr.mutability import Mutability
from hivebase.transport import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hivebase.registry.ecr.settings import EcrSettings

GET_TOKEN = "ecr:GetAuthorizationToken"  # noqa: S105 -- the name of a permission
DESCRIBE = "ecr:DescribeRepositories"
CREATE = "ecr:CreateRepository"
PUT_RULES = "ecr:PutLifecyclePolicy"
ACTIONS = frozenset({GET_TOKEN, DESCRIBE, CREATE, PUT_RULES})
"""All that is asked of the API."""

_ATTEMPTS = 5
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 30.0
_MOST_NAMES = 100  # of one DescribeRepositories
_INSTALL = "python -m pip install 'hivebase[ecr]'"


@dataclass(frozen=True, slots=True)
class Token:
    """What the data plane takes for a password.

    Attributes:
        username: ``AWS``.
        password: hundreds to thousands of characters.
        expires: seconds since 1970, by Amazon's clock; 0 if it did not say.
        account: of the credentials, if the answer says it.
    """

    username: str
    password: Secret
    expires: float
    account: str


class Control:
    """The API of one registry. Not thread-safe; nothing is imported or asked before the first call.

    All methods raise

    * `EcrDeniedError` where a permission is missing,
    * `AuthenticationError` where there are no credentials, or they are refused or expired,
    * `NoAnswerError` where the API cannot be reached,
    * `UsageError` where the AWS configuration is unusable,
    * `SystemFaultError` where boto3 is missing, or the API answers anything else.
    """

    def __init__(self, settings: EcrSettings, environ: Mapping[str, str] | None = None) -> None:
        """Prepare.

        Args:
            settings: which registry.
            environ: for CA files; the process's own if None. Credentials always come from the process's own:
                boto3 looks nowhere else.
        """
        self._settings = settings
        self._environ = os.environ if environ is None else environ
        self._session: Any = None
        self._made: Any = None

    def token(self) -> Token:
        """Return a token for the registry."""
        answer = self._ask(GET_TOKEN, "get_authorization_token")
        try:
            entry = answer["authorizationData"][0]
            encoded = Secret(entry["authorizationToken"])
            pair = base64.b64decode(encoded.reveal(), validate=True).decode()
        except (KeyError, IndexError, TypeError, ValueError):
            entry, pair = {}, ""
        username, _, password = pair.partition(":")
        if not password:
            raise SystemFaultError(
                "Amazon ECR did not answer with a token", where=self._settings.registry, hint="try later"
            )
        expires = entry.get("expiresAt")
        account = str(entry.get("proxyEndpoint") or "").removeprefix("https://").partition(".")[0]
        return Token(username, Secret(password), expires.timestamp() if expires else 0.0, account)

    def existing(self, repositories: Sequence[str]) -> dict[str, Mutability]:
        """Return those of ``repositories`` that there are, with what their tags may do."""
        found: dict[str, Mutability] = {}
        for start in range(0, len(repositories), _MOST_NAMES):
            names = list(repositories[start : start + _MOST_NAMES])
            entries = self._describe(names)
            if entries is None:
                # One that does not exist fails the whole question, and the answer names only that one.
                entries = [entry for name in names for entry in self._describe([name]) or ()]
            for entry in entries:
                filters = entry.get("imageTagMutabilityExclusionFilters") or ()
                patterns = tuple(str(item.get("filter")) for item in filters)
                found[str(entry["repositoryName"])] = Mutability(
                    str(entry.get("imageTagMutability")), patterns
                )
        return found

    def create(self, repository: str) -> Mutability | None:
        """Make a repository: immutable tags, scanned on push. Return what its tags may do; None if it was there."""
        made = Mutability(mutability.IMMUTABLE, ())
        wanted: dict[str, Any] = {}
        if self._knows("CreateRepository", "imageTagMutabilityExclusionFilters"):
            made = Mutability()
            wanted["imageTagMutabilityExclusionFilters"] = [
                {"filterType": "WILDCARD", "filter": pattern} for pattern in made.patterns
            ]
        answer = self._ask(
            CREATE,
            "create_repository",
            repository,
            unless="RepositoryAlreadyExistsException",
            repositoryName=repository,
            imageTagMutability=made.kind,
            imageScanningConfiguration={"scanOnPush": True},
            **wanted,
        )
        return None if answer is None else made

    def put_rules(self, repository: str, untagged_days: int = lifecycle.UNTAGGED_DAYS) -> None:
        """Give a repository our lifecycle rules."""
        text = lifecycle.policy(untagged_days)
        self._ask(
            PUT_RULES, "put_lifecycle_policy", repository, repositoryName=repository, lifecyclePolicyText=text
        )

    def _describe(self, names: list[str]) -> list[dict[str, Any]] | None:
        """Return the entries of all of ``names``; None if one of them does not exist."""
        answer = self._ask(
            DESCRIBE,
            "describe_repositories",
            names[0] if len(names) == 1 else "",
            unless="RepositoryNotFoundException",
            repositoryNames=names,
        )
        return None if answer is None else list(answer["repositories"])

    def _ask(self, action: str, method: str, repository: str = "", *, unless: str = "", **fields: Any) -> Any:
        """Call the API.

        Args:
            action: the permission that it needs.
            method: of boto3's client.
            repository: which one is concerned, for messages.
            unless: the code of a refusal that is expected: None is returned for it.
            fields: of the request.
        """
        settings = self._settings
        if settings.account and action != GET_TOKEN:
            fields["registryId"] = settings.account
        try:
            return getattr(self._client(), method)(**fields)
        except SystemFaultError:
            raise
        except Exception as error:  # noqa: BLE001 -- botocore's two kinds of errors have no common base
            if unless and code_of(error) == unless:
                return None
            raise translated(error, Call(action, settings.registry, settings.region, repository)) from None

    def _knows(self, operation: str, field: str) -> bool:
        """Whether this boto3 can send ``field``: the oldest that we accept is older than some of them."""
        return field in self._client().meta.service_model.operation_model(operation).input_shape.members

    def _client(self) -> Any:
        if self._made is None:
            session = _session(self._settings)
            _learn(session.get_credentials())
            from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415 -- slow to load

            config = Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                use_fips_endpoint=self._settings.fips or None,
            )
            # boto3 knows AWS_CA_BUNDLE; what else this machine's programs believe, it does not.
            bundle = self._environ.get("AWS_CA_BUNDLE") or self._environ.get("SSL_CERT_FILE") or None
            self._made = session.client("ecr", config=config, verify=bundle)
        return self._made


def _session(settings: EcrSettings) -> Any:
    try:
        import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 -- an extra, and slow to load
    except ImportError:
        raise SystemFaultError(
            "boto3 is not installed",
            where=settings.registry,
            why="without it nothing can be asked of Amazon ECR",
            hint=_INSTALL,
        ) from None
    return boto3.session.Session(region_name=settings.region)


def _learn(credentials: Any) -> None:
    """Let the values of the credentials be known, should they turn up in a message."""
    if credentials is None:
        return
    frozen = credentials.get_frozen_credentials()
    for value in (frozen.secret_key, frozen.token):
        if value:
            Secret(value)
