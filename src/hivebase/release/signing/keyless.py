"""Signing with an identity instead of a key: Sigstore's public service, through the ``sigstore`` package.

The service gives out a certificate for a few minutes to whoever an identity provider vouches for, and writes each
signature into a public log. So it needs the network, and an identity: in CI the ambient one (GitHub Actions, GitLab,
Google Cloud, Buildkite), else a token in ``SIGSTORE_ID_TOKEN``. No browser is opened.

Written against sigstore 4.5 and never run against the service: where this was made there was no network to it. What was
tried with the real package is how it fails: without an identity, with one that is none, and without the network.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from hivebase.errors import SystemFaultError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

TOKEN = "SIGSTORE_ID_TOKEN"  # noqa: S105 -- a variable's name
"""Environment variable with an identity token (OpenID Connect), where the surroundings give none."""


def keyless(environ: Mapping[str, str] = os.environ) -> AbstractContextManager[Callable[[bytes], bytes]]:
    """Return a context with a function that signs a statement and returns its Sigstore bundle.

    Everything that it signs, it signs with one certificate, so it should not be kept for longer than it is needed.

    Raises:
        UsageError: the package is not installed, or there is no identity.
        SystemFaultError: the service, or what tells whom to trust, cannot be reached; in the function as well.
    """
    import contextlib  # noqa: PLC0415 -- seldom used

    sign, oidc, models, dsse, errors = map(_module, ("sign", "oidc", "models", "dsse", "errors"))

    @contextlib.contextmanager
    def signing() -> Iterator[Callable[[bytes], bytes]]:
        with contextlib.ExitStack() as stack:
            with _told(errors.Error):
                token = environ.get(TOKEN) or oidc.detect_credential()
                if not token:
                    raise UsageError(
                        "there is no identity to sign with",
                        why="this is no CI job that has one",
                        hint=f"run it in CI with permission for identity tokens, set {TOKEN}, or sign with --key",
                    )
                identity = oidc.IdentityToken(token)
                context = sign.SigningContext.from_trust_config(models.ClientTrustConfig.production())
                signer = stack.enter_context(context.signer(identity))

            def bundle(statement: bytes) -> bytes:
                with _told(errors.Error):
                    text: str = signer.sign_dsse(dsse.Statement(statement)).to_json()
                return text.encode()

            yield bundle

    return signing()


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"sigstore.{name}")
    except ImportError as error:
        raise UsageError(
            "signing without a key needs the package sigstore",
            why=f"{error.name or 'it'} is not installed",
            hint="pip install 'hivebase[keyless]', or sign with --key",
        ) from error


class _told:  # noqa: N801 -- used as a function
    """Turns what the package raises into ours: its own errors, and what the network under it raises."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, self._error | OSError):
            why = " ".join(str(error).split())[:300]
            raise SystemFaultError(
                "Sigstore did not sign", why=why or type(error).__name__, hint="sign with --key, or try later"
            ) from error
